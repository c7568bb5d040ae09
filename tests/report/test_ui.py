"""The page of this machine: used in a real browser, and requested by those who may not."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from werkzeug.serving import make_server

from kedro_aws_batch.cli.ui import Quiet, opened
from kedro_aws_batch.client import Service
from kedro_aws_batch.launch.commands import Commands
from kedro_aws_batch.prices import Prices
from kedro_aws_batch.report.content import About, content
from kedro_aws_batch.report.page import render
from kedro_aws_batch.ui.app import Entrance, PageRuns, create_app

from . import runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

    from kedro_aws_batch.client import RunState

    from .browser import Browser, Page

KEY = "the-key"
ROOT = "/of-this-page"
FORM = "the-form"
HERE = {"base_url": "http://127.0.0.1:8000"}
GOING = runs.going_on()
RUN = f"{ROOT}/runs/{GOING.run_id}"


class FakeLambda:
    """The service's functions for one run, with a state that the test sets."""

    def __init__(self, state: RunState) -> None:
        self.state = state
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803  (boto3's names)
        function, asked = FunctionName.removeprefix("service-"), json.loads(Payload)
        self.calls.append((function, asked))
        return {"Payload": io.BytesIO(json.dumps(self._answer(function)).encode())}

    def _answer(self, function: str) -> dict[str, Any]:
        whole = asdict(self.state)
        if function == "list_runs":
            return {"runs": [{**whole, "reused": self.state.reused}]}
        if function == "cancel_run":
            self.state = ended("CANCELLED")
            return {"run_id": self.state.run_id, "status": "CANCELLED"}
        if function == "start_run":
            self.state = GOING
            return {"run_id": GOING.run_id, "status": "RUNNING", "groups": 5, "nodes": 5}
        return whole

    def called(self, function: str) -> list[dict[str, Any]]:
        return [asked for name, asked in self.calls if name == function]


def ended(status: str) -> RunState:
    return runs.run([runs.group(0), runs.group(1, 0, status=status)], status=status, reason=f"{status} because")


@pytest.fixture
def functions() -> FakeLambda:
    return FakeLambda(GOING)


@pytest.fixture
def source(functions: FakeLambda) -> PageRuns:
    service = Service("service", cast("Any", functions))
    return PageRuns(
        lambda: service,
        lambda state: render(content(state, Prices(), lambda _: None, About(live=True))),
        Commands(),
        resume_run=lambda run_id: service.start_run({"resume_from": run_id}).run_id,
    )


@pytest.fixture
def entrance() -> Entrance:
    return Entrance(key=KEY, root=ROOT, form=FORM)


@pytest.fixture
def client(source: PageRuns, entrance: Entrance) -> FlaskClient:
    return create_app(source, entrance).test_client()


@pytest.fixture
def entered(client: FlaskClient) -> FlaskClient:
    client.get(f"{ROOT}/?key={KEY}", **HERE)
    return client


@pytest.fixture
def address(source: PageRuns, entrance: Entrance) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(source, entrance), threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def enter(browser: Browser, address: str) -> Page:
    page = browser.open(f"{address}{ROOT}/?key={KEY}")
    page.wait("document.querySelector('td a') !== null")
    page.look(1280, 900)
    return page


def keep(page: Page, name: str) -> None:
    """Save screenshots in all looks; in a narrow window nothing may be wider than it."""
    for width, height, scheme in [(1280, 900, "light"), (1280, 900, "dark"), (390, 800, "light"), (390, 800, "dark")]:
        page.look(width, height, scheme)
        page.screenshot(f"{name}-{width}-{scheme}")
        for root in ("document", "(document.querySelector('#report')?.contentDocument ?? document)"):
            assert page.run(f"{root}.documentElement.scrollWidth") <= width
        assert page.run("[...document.querySelectorAll('main, nav')].every(one => one.scrollWidth <= one.clientWidth)")
    page.look(1280, 900)


def test_the_list_of_runs_fits_a_narrow_window_with_all_that_it_says(
    browser: Browser, address: str, functions: FakeLambda
) -> None:
    functions.state = runs.failed()
    page = enter(browser, address)
    keep(page, "ui-failed-runs")
    page.look(390, 800)
    text = page.run("document.querySelector('main').innerText")
    said = ["FAILED", "Nodes 6", "Began 2026-11-22 13:11:00 UTC", "Took 50.0 s", runs.SCRIPT]
    heads = "[...document.querySelectorAll('td')].map(one => getComputedStyle(one, '::before').content + one.innerText)"
    told = " ".join(page.run(heads)).replace('"', "").replace("none", "").replace(" ", "")
    assert [one for one in said if one.replace(" ", "") not in told] == [], (text, told)
    assert page.run("window.caught") is None


def test_a_run_is_followed_to_its_end(browser: Browser, address: str, functions: FakeLambda) -> None:
    page = enter(browser, address)
    assert re.fullmatch(r"\d+ h \d\d min so far", page.run("document.querySelectorAll('tbody td')[5].textContent"))
    keep(page, "ui-runs")
    page.run("document.querySelector('td a').click()")
    page.wait("document.querySelector('#status')?.textContent === 'RUNNING'")
    page.wait("document.querySelector('#report')?.contentDocument?.documentElement?.dataset.ready")
    page.settle()
    keep(page, "ui-running")
    inside = "document.querySelector('#report').contentDocument"
    typed = "field.value = 'default/1'; field.dispatchEvent(new Event('input'))"
    page.run(f"(field => {{ {typed} }})({inside}.querySelector('#search'))")
    job = f"{inside}?.querySelector('[data-job=\"3\"]')?.className"
    assert page.run(job) == "box job WAITING dim"
    page.look(390, 800)
    page.run(f"{inside}.querySelector('#table').scrollTo(120, 0)")
    functions.state = runs.succeeded()
    page.wait("document.querySelector('#status').textContent === 'SUCCEEDED'")
    badge = "document.querySelector('#report').contentDocument?.querySelector('.badge')?.textContent"
    page.wait(f"{badge} === 'SUCCEEDED'")
    page.wait(f"{job} === 'box job SUCCEEDED critical dim'")
    page.wait(f"{inside}?.querySelector('#shown')?.textContent === '1 of 4'")  # what one was looking for stays
    page.wait(f"{inside}?.querySelector('#table')?.scrollLeft === 120")
    page.look(1280, 900)
    assert page.run("document.querySelector('#cancel').checkVisibility()") is False
    assert page.complaints() == []


def test_a_run_is_cancelled_and_resumed_by_its_buttons(browser: Browser, address: str, functions: FakeLambda) -> None:
    page = enter(browser, address)
    page.run("document.querySelector('td a').click()")
    page.wait("document.querySelector('#cancel button') !== null")
    page.run("document.querySelector('#cancel button').click()")
    page.wait("document.querySelector('#status')?.textContent === 'CANCELLED'")
    assert functions.called("cancel_run") == [{"run_id": GOING.run_id, "reason": "cancelled in the browser"}]
    page.wait("document.querySelector('#report')?.contentDocument?.documentElement?.dataset.ready")
    keep(page, "ui-cancelled")
    _press_resume(page, functions)
    page.wait("document.querySelector('#status')?.textContent === 'RUNNING'")
    (asked,) = functions.called("start_run")
    assert asked["resume_from"] == GOING.run_id


def _press_resume(page: Page, functions: FakeLambda) -> None:
    """Press the button, and once more if the page was just being replaced by the cancelled run's."""
    deadline = time.monotonic() + 30
    while not functions.called("start_run"):
        assert time.monotonic() < deadline, "the button did nothing"
        page.run("document.querySelector('#resume button')?.click()")
        time.sleep(1)


def test_only_whoever_has_the_key_sees_anything(client: FlaskClient) -> None:
    refused = ("/", f"{ROOT}/", RUN, f"{RUN}/state", f"{ROOT}/?key=wrong", f"/?key={KEY}", f"{RUN}?key={KEY}", "/none")
    assert [client.get(path, **HERE).status_code for path in refused] == [403] * len(refused)
    answer = client.get(f"{ROOT}/?key={KEY}", **HERE)
    assert (answer.status_code, f'content="0; url={ROOT}/"' in answer.text) == (200, True)
    cookie = answer.headers["Set-Cookie"]
    assert ("HttpOnly" in cookie, "SameSite=Strict" in cookie, f"Path={ROOT}/;" in cookie) == (True, True, True)
    assert client.get(f"{ROOT}/", **HERE).status_code == 200


def test_the_cookie_opens_nothing_but_this_page_and_is_sent_to_nothing_else(source: PageRuns) -> None:
    one, other = Entrance(), Entrance()
    client = create_app(source, one).test_client()
    cookie = client.get(f"{one.root}/?key={one.key}", **HERE).headers["Set-Cookie"]
    for secret in (one.key, one.form):
        assert secret not in cookie
    page = client.get(f"{one.root}/runs/{GOING.run_id}", **HERE).text
    assert (one.form in page, one.key in page, one.ticket in page) == (True, False, False)
    assert (
        client.get(f"{one.root}/?key={one.ticket}", headers={"Cookie": ""}, **HERE).status_code == 200
    )  # by its cookie
    fresh = create_app(source, one).test_client()
    assert fresh.get(f"{one.root}/?key={one.ticket}", **HERE).status_code == 403
    differing = [getattr(one, name) != getattr(other, name) for name in ("key", "root", "cookie", "ticket", "form")]
    assert all(differing)
    assert client.get("/", **HERE).request.headers.get("Cookie") is None  # like a request to another port


def test_a_key_for_once_opens_once(source: PageRuns, entrance: Entrance) -> None:
    app, path = create_app(source, entrance), entrance.address_for_once("")
    assert [app.test_client().get(path, **HERE).status_code for _ in range(2)] == [200, 403]


@pytest.mark.filterwarnings("ignore:subprocess .* still running:ResourceWarning")  # click waits for no browser
def test_a_browser_is_opened_by_a_file_that_only_its_user_reads_and_no_key_among_arguments(
    browser: Browser, address: str, entrance: Entrance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that writes down its arguments replaces this system's browser opener."""
    told = tmp_path / "told"
    for name in ("xdg-open", "open"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "$@" > {told}.part && mv {told}.part {told}\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with opened(entrance.address_for_once(address), tmp_path):
        deadline = time.monotonic() + 30
        while not told.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        arguments = told.read_text().split()
        file = Path(arguments[-1])
        assert [secret for secret in (KEY, *entrance.once, ROOT) if secret in told.read_text()] == []
        assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
        page = browser.open(file.as_uri())
        page.wait("document.querySelector('td a') !== null")
        assert page.run("location.href") == f"{address}{ROOT}/"
    assert (file.exists(), entrance.once) == (False, set())


def test_a_site_whose_name_leads_here_gets_nothing(client: FlaskClient) -> None:
    assert client.get(f"{ROOT}/?key={KEY}", base_url="http://evil.example:8000").status_code == 421


@pytest.mark.parametrize("action", ["cancel", "resume"])
@pytest.mark.parametrize(
    ("form", "origin"),
    [(None, None), ("wrong", None), (KEY, None), (FORM, "https://evil.example"), (FORM, "null")],
)
def test_a_form_of_another_site_changes_nothing(
    entered: FlaskClient, functions: FakeLambda, action: str, form: str | None, origin: str | None
) -> None:
    headers = {"Origin": origin} if origin else {}
    given = {"form": form} if form else {}
    answer = entered.post(f"{RUN}/{action}", data=given, headers=headers, **HERE)
    assert (answer.status_code, functions.calls) == (403, [])


def test_a_form_that_is_sent_twice_resumes_once(entered: FlaskClient, functions: FakeLambda) -> None:
    sent = {"form": FORM, "once": "1"}
    answers = [entered.post(f"{RUN}/resume", data=sent, **HERE) for _ in range(2)]
    assert [(answer.status_code, answer.location) for answer in answers] == [(303, RUN)] * 2
    assert functions.called("start_run") == [{"resume_from": GOING.run_id}]
    entered.post(f"{RUN}/resume", data={**sent, "once": "2"}, **HERE)
    assert len(functions.called("start_run")) == 2


def test_where_runs_cannot_be_resumed_there_is_no_button_for_it(
    entered: FlaskClient, source: PageRuns, functions: FakeLambda
) -> None:
    functions.state = ended("FAILED")
    button = f'<form id="resume" method="post" action="{RUN}/resume"'
    assert f"{button}>" in entered.get(RUN, **HERE).text
    source.resume_run = None
    assert f"{button} hidden>" in entered.get(RUN, **HERE).text
    assert entered.post(f"{RUN}/resume", data={"form": FORM}, **HERE).status_code == 409
    assert functions.called("start_run") == []


def test_nothing_is_changed_by_following_a_link(entered: FlaskClient, functions: FakeLambda) -> None:
    assert entered.get(f"{RUN}/cancel", **HERE).status_code == 405
    assert functions.calls == []


def test_however_many_look_the_service_is_asked_once_a_second(entered: FlaskClient, functions: FakeLambda) -> None:
    for _ in range(10):
        assert entered.get(f"{RUN}/state", **HERE).json["status"] == "RUNNING"  # type: ignore[index]
    assert len(functions.called("describe_run")) <= 2


def test_a_run_that_reuses_all_says_so_on_its_page_and_in_the_list(entered: FlaskClient, functions: FakeLambda) -> None:
    functions.state = runs.idle()
    assert entered.get(f"{RUN}/state", **HERE).json["counts"] == "nothing to do, 16 nodes reused"  # type: ignore[index]
    assert '<td data-head="Nodes">0, 16 reused</td>' in entered.get(f"{ROOT}/", **HERE).text


def test_what_others_wrote_is_escaped_in_the_list_too(entered: FlaskClient, functions: FakeLambda) -> None:
    functions.state = runs.failed()
    for path in (f"{ROOT}/", RUN):
        answer = entered.get(path, **HERE)
        assert (answer.status_code, runs.SCRIPT in answer.text, runs.IMAGE in answer.text) == (200, False, False)


def test_the_log_of_a_local_job_is_shown_as_text_where_it_is_kept(client: FlaskClient, source: PageRuns) -> None:
    source.log = lambda state, index: f"{state.run_id} {index}\x1b[2J\n" if index == 1 else None
    assert client.get(f"{RUN}/logs/1", **HERE).status_code == 403
    client.get(f"{ROOT}/?key={KEY}", **HERE)
    shown = client.get(f"{RUN}/logs/1", **HERE)
    assert (shown.text, shown.mimetype) == (f"{GOING.run_id} 1\n", "text/plain")
    assert client.get(f"{RUN}/logs/2", **HERE).text == "No log of it is kept here.\n"
