"""Kedro-Viz's input for a run, and its result if it is installed."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kedro.pipeline import node, pipeline

from kedro_aws_batch.kept.runs import save_run
from kedro_aws_batch.report.viz import events, nodes_of
from tests.plugin.commands import call
from tests.plugin.project import Sources, write_project

from . import runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .browser import Browser, Page

START = "2026-11-22T13:11:00+00:00"
#: Kedro-Viz, in an environment of its own: beside Kedro it would hook into every run of every test.
KEDRO_VIZ = Path(__file__).parents[2] / ".venv/viz/bin/kedro"


def same(x: object) -> object:
    return x


PIPELINES = {
    "__default__": pipeline(
        [
            node(same, "raw@pandas", "middle", name="first"),
            node(same, ["middle"], "final", name="second"),
            node(same, ["final"], "copied", name="third"),
        ]
    )
}


def viz_id(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()[:8]  # noqa: S324  (as Kedro-Viz has it)


def told(*groups: dict[str, object], **more: object) -> list[dict[str, object]]:
    state = runs.run(list(groups), **more)
    return events(state, nodes_of(state, PIPELINES))


def test_a_run_that_succeeded_is_told_as_kedro_viz_tells_a_plain_run() -> None:
    assert told(runs.group(0, nodes=["first"])) == [
        {"event": "before_pipeline_run", "timestamp": START},
        {"event": "after_dataset_loaded", "dataset": "raw@pandas", "node_id": viz_id("raw"), "status": "Available"},
        {
            "event": "after_node_run",
            "node": "first",
            "node_id": viz_id("first: same([raw@pandas]) -> [middle]"),
            "duration": 10.0,
            "status": "success",
        },
        {"event": "after_dataset_saved", "dataset": "middle", "node_id": viz_id("middle"), "status": "Available"},
        {"event": "after_pipeline_run", "timestamp": "2026-11-22T13:11:13.500000+00:00"},
    ]


def test_a_failure_has_its_reason_its_duration_and_where_its_log_is() -> None:
    failed = runs.group(0, nodes=["second"], status="FAILED", reason="\x1b[31mno luck", exit_code=1)
    known = {"node": "second", "node_id": viz_id("second: same([middle]) -> [final]")}
    end = "2026-11-22T13:11:13.500000+00:00"
    found = told(
        failed, runs.group(1, 0, nodes=["third"], status="SKIPPED", **runs.NEVER), status="FAILED", reason="no luck"
    )
    assert found == [
        {"event": "before_pipeline_run", "timestamp": START},
        {"event": "after_node_run", **known, "duration": 10.0, "status": "failed"},
        {
            "event": "on_node_error",
            **known,
            "error": "no luck (exit code 1)",
            "traceback": "The log stream of its job: kedro/default/0",
            "timestamp": end,
        },
        {"event": "on_pipeline_error", "error": "no luck", "timestamp": end, "traceback": "", **known},
    ]


def test_a_run_that_goes_on_has_no_end_and_what_has_not_ended_is_not_told() -> None:
    found = told(
        runs.group(0, nodes=["first"]),
        runs.group(1, 0, nodes=["second"], status="RUNNING", ended_at=None),
        status="RUNNING",
        ended_at=None,
    )
    assert [event["event"] for event in found] == [
        "before_pipeline_run",
        "after_dataset_loaded",
        "after_node_run",
        "after_dataset_saved",
    ]


def test_a_reused_node_has_succeeded_with_the_time_of_the_run_that_made_it() -> None:
    made = [runs.reused("first", "before", 1.5), runs.reused("second", "before", None), runs.reused("gone", "before")]
    found = told(runs.group(0, nodes=["third"]), reused_nodes=made)
    ran = [(event["node"], event["status"], event["duration"]) for event in found if event["event"] == "after_node_run"]
    assert ran == [("first", "success", 1.5), ("second", "success", 0.0), ("third", "success", 10.0)]
    data = [event["dataset"] for event in found if event["event"].startswith("after_dataset")]  # type: ignore[attr-defined]
    assert data == ["raw@pandas", "middle", "middle", "final", "final", "copied"]


def test_nodes_of_one_job_have_the_time_of_the_job_each() -> None:
    found = told(runs.group(0, nodes=["first", "second"]))
    assert [event["duration"] for event in found if event["event"] == "after_node_run"] == [10.0, 10.0]


def test_a_node_that_is_split_is_told_once() -> None:
    slices = [runs.group(one, nodes=["first"], slice={"number": one, "into": 2}) for one in (0, 1)]
    alone = runs.group(0, nodes=["first"], ended_at=slices[1]["ended_at"])
    assert told(*slices) == told(alone)
    failed = [slices[0], slices[1] | {"status": "FAILED", "reason": "no luck", "exit_code": 1}]
    (node_run,) = (one for one in told(*failed) if one["event"] == "after_node_run")
    assert node_run["status"] == "failed"
    assert [one["error"] for one in told(*failed) if one["event"] == "on_node_error"] == ["no luck (exit code 1)"]
    going_on = told(slices[0], slices[1] | {"status": "RUNNING", "ended_at": None})
    assert [one["event"] for one in going_on] == ["before_pipeline_run", "after_pipeline_run"]


def test_nodes_that_the_project_no_longer_has_are_left_out() -> None:
    assert [event["event"] for event in told(runs.group(0, nodes=["gone"]))] == [
        "before_pipeline_run",
        "after_pipeline_run",
    ]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_it_was: None) -> Path:  # noqa: ARG001  (for what it does)
    """A project of two nodes with a local run in which the second failed."""
    made = write_project(tmp_path, Sources())
    failed = runs.group(1, 0, nodes=["second"], status="FAILED", reason="OutOfMemoryError", exit_code=137)
    save_run(made, runs.run([runs.group(0, nodes=["first"]), failed], status="FAILED", reason="second failed"))
    monkeypatch.chdir(made)
    return made


def test_the_command_says_of_which_run_nodes_are_reused(project: Path) -> None:
    resumed = {"from": None, "runs": {"before": 2}, "reused_total": 2}
    made = [runs.reused("first", "before"), runs.reused("gone", "before")]
    save_run(project, runs.run([runs.group(1, nodes=["second"])], resumed=resumed, reused_nodes=made))
    said = call("viz", "--local").output.splitlines()[0]
    assert said == (
        "Run 2026-11-22T13.11.00.000Z (SUCCEEDED): .viz/kedro_pipeline_events.json, 2 nodes. Reused: 2 of run before. "
        "The project no longer has 'gone'."
    )


def test_the_command_writes_the_file_and_says_how_to_see_it(project: Path) -> None:
    result = call("viz", "--local")
    assert (result.exit_code, result.output.splitlines()) == (
        0,
        [
            "Run 2026-11-22T13.11.00.000Z (FAILED): .viz/kedro_pipeline_events.json, 2 nodes.",
            "To see it: kedro viz run --env=aws_batch",
        ],
    )
    written = json.loads((project / ".viz/kedro_pipeline_events.json").read_text(encoding="utf-8"))
    assert [event["status"] for event in written if event["event"] == "after_node_run"] == ["success", "failed"]


@pytest.mark.usefixtures("project")
def test_a_page_to_share_needs_kedro_viz() -> None:
    result = call("viz", "--local", "--static=public")
    assert (result.exit_code, result.output) == (
        1,
        "Error: Kedro-Viz is not installed: pip install 'kedro-aws-batch[viz]'.\n",
    )


@pytest.fixture
def kedro_viz() -> Path:
    if not KEDRO_VIZ.exists() and os.environ.get("CI"):
        pytest.fail("CI must have Kedro-Viz: `make kedro-viz` installs it.")
    if not KEDRO_VIZ.exists():
        pytest.skip("there is no Kedro-Viz here: `make kedro-viz` installs it in an environment of its own")
    return KEDRO_VIZ


#: As harmful as a namespace can be in Kedro-Viz, which can't build a page with a slash or a dot in one.
HARM = "<script>caught=1<img src=x onerror=caught=1>"
HARMFUL = f"""
def register_pipelines():
    return {{"__default__": pipeline([
        node(same, "raw", "middle", name="first"),
        node(same, "middle", "final", name="second", namespace={HARM!r}),
    ])}}
"""


@pytest.fixture
def harmful(tmp_path: Path) -> Path:
    """A project with a failed local run, and malicious texts."""
    made = write_project(tmp_path, Sources(HARMFUL))
    reason = f"OutOfMemoryError <b>&amp;</b> {runs.IMAGE} \x1b[31mred"
    failed = runs.group(1, 0, nodes=[f"{HARM}.second"], status="FAILED", reason=reason, exit_code=137)
    save_run(made, runs.run([runs.group(0, nodes=["first"]), failed], status="FAILED", reason=runs.SCRIPT))
    return made


@pytest.fixture
def served(harmful: Path, kedro_viz: Path) -> Iterator[str]:
    """The page that the command builds, served."""
    words = ["aws-batch", "viz", "--local", "--static=public"]
    built = subprocess.run(
        [str(kedro_viz), *words], cwd=harmful, capture_output=True, text=True, check=False, timeout=200
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert not (harmful / "build").exists()
    handler = functools.partial(Quiet, directory=str(harmful / "public"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and keeps it to itself."""

    def log_message(self, *_: object) -> None:
        pass


def test_kedro_viz_shows_which_node_failed_and_why(served: str, browser: Browser, harmful: Path) -> None:
    told = json.loads((harmful / "public/api/run-status").read_text(encoding="utf-8"))
    assert sorted((each["status"], each["duration"]) for each in told["nodes"].values()) == [
        ("failed", 10.0),
        ("success", 10.0),
    ]
    drawn = json.loads((harmful / "public/api/main").read_text(encoding="utf-8"))
    assert set(told["nodes"]) == {each["id"] for each in drawn["nodes"] if each["type"] == "task"}
    page = browser.open(served)
    page.look(1400, 900)
    page.wait("document.querySelector('a[href*=workflow]')?.click() ?? location.pathname.includes('workflow')")
    texts = "[...document.querySelectorAll('svg text')].map(one => one.textContent)"
    page.wait(f"{texts}.includes('failed')")
    shown = page.run(texts)
    assert shown[shown.index("failed") : shown.index("second") + 1] == ["failed", "Duration:", "10s", "second"]
    said = page.wait("document.body.innerText")
    assert ("Run execution failed" in said, HARM in said) == (True, True)
    page.screenshot("kedro-viz")
    _click_on_the_failed_node(page)
    page.wait("document.querySelector('.error-log--details') !== null")
    page.run("new Promise(done => setTimeout(done, 700))")  # it slides in
    page.screenshot("kedro-viz-error")
    error = page.run("document.querySelector('.error-log--details').innerText.trim()")
    assert error == f"OutOfMemoryError <b>&amp;</b> {runs.IMAGE} red (exit code 137)"
    assert (page.run("window.caught"), page.run("document.querySelectorAll('img').length")) == (None, 0)


def _click_on_the_failed_node(page: Page) -> None:
    box = "[...document.querySelectorAll('svg text')].find(one => one.textContent === 'second').getBoundingClientRect()"
    x, y = page.run(f"(box => [box.x + box.width / 2, box.y + box.height / 2])({box})")
    page.point(x, y, click=True)
