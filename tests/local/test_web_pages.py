"""A web page open in a browser of this machine reaches nothing of the embedded AWS: tried in Chromium."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch.local import EmbeddedAws
from tests.report.browser import Browser, chromium

from .strangers import MADE_UP, jobs, submission

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.report.browser import Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser(chromium()) as running:
        yield running


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    monkeypatch.chdir(tmp_path)  # moto's recorder writes where its process is
    with EmbeddedAws(jobs_cwd=tmp_path) as running:
        running.client("s3").create_bucket(Bucket="data")
        yield running


class _Blank(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>another site</title>")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def site(name: str) -> Iterator[str]:
    """Serve a page of another origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Blank)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{name}:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(page: Page, url: str, **init: Any) -> Any:
    """Return what a page learns from an answer: its kind and status, or that there was none."""
    options = json.dumps(init)
    script = f"fetch({json.dumps(url)}, {options}).then(a => [a.type, a.status], () => 'failed')"
    return page.run(script)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin_runs_and_reads_nothing(
    browser: Browser, aws: EmbeddedAws, tmp_path: Path, name: str
) -> None:
    body = submission(aws, tmp_path / "mark").decode()
    authorization = {"Authorization": MADE_UP.format(key="embedded", service="batch")}
    row = {"method": "POST", "url": f"{aws.endpoint_url}/v1/submitjob", "headers": authorization, "body": body}
    recorder, simple = f"{aws.endpoint_url}/moto-api/recorder", {"method": "POST", "mode": "no-cors"}
    with site(name) as url:
        page = browser.open(url)
        page.wait("document.title === 'another site'")
        ask(page, f"{recorder}/upload-recording", body=json.dumps(row), **simple)
        ask(page, f"{recorder}/replay-recording", **simple)
        ask(page, f"{aws.endpoint_url}/moto-api/reset", **simple)
        ask(page, f"{aws.endpoint_url}/data/planted.pkl", body="x", **simple)
        ask(page, f"{aws.endpoint_url}/v1/submitjob", body=body, **simple)
        read = [ask(page, f"{aws.endpoint_url}{path}") for path in ("/moto-api/data.json", "/data", "/")]
        preflighted = ask(page, f"{aws.endpoint_url}/v1/submitjob", method="POST", headers=authorization, body=body)
        _send_form(page, f"{aws.endpoint_url}/data")
    assert (read, preflighted) == (["failed"] * 3, "failed")
    assert jobs(aws) == []
    assert [bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]] == ["data"]
    assert aws.client("s3").list_objects_v2(Bucket="data")["KeyCount"] == 0
    assert list(tmp_path.iterdir()) == []


def _send_form(page: Page, action: str) -> None:
    """Send a form as S3 takes it from browsers, into a frame, and wait for the answer."""
    page.run(
        f"""new Promise(done => {{
            const frame = Object.assign(document.createElement("iframe"), {{name: "target"}});
            const form = Object.assign(document.createElement("form"),
                {{action: {json.dumps(action)}, method: "post", enctype: "multipart/form-data", target: "target"}});
            for (const [name, value] of [["key", "planted"], ["file", "x"]])
                form.append(Object.assign(document.createElement("input"), {{name, value}}));
            document.body.append(frame, form);
            const answered = () => {{  // of another origin, a page may not even be asked where it is
                try {{ return frame.contentWindow.location.href !== "about:blank"; }} catch {{ return true; }} }};
            frame.addEventListener("load", () => answered() && done());
            try {{ form.submit(); }} catch {{ done(); }}
            setTimeout(done, 5000);
        }})"""
    )


def test_a_name_that_was_made_to_lead_here_is_answered_by_nothing(tmp_path: Path, aws: EmbeddedAws) -> None:
    """Chromium takes the page and the embedded AWS for one origin, so it sends neither Origin nor a preflight."""
    rule = f"--host-resolver-rules=MAP evil.example 127.0.0.1:{aws.endpoint_url.rpartition(':')[2]}"
    body = submission(aws, tmp_path / "mark").decode()
    with Browser(chromium(), rule) as rebound:
        page = rebound.open("http://evil.example/moto-api/data.json")
        page.wait("document.readyState === 'complete'")
        seen = page.run("document.body.innerText")
        answers = [
            ask(page, f"http://evil.example{path}", method="POST", headers={"X-Amz-Target": "x"}, body=body)
            for path in ("/v1/submitjob", "/moto-api/reset", "/moto-api/recorder/replay-recording")
        ]
    assert (seen, answers) == ("Not for web pages.", [["basic", 403]] * 3)
    assert (jobs(aws), list(tmp_path.iterdir())) == ([], [])
