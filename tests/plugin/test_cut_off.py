"""A local run whose command is killed, in every possible way: none of its work is lost."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .commands import call_in
from .project import CONFIGURATION, REMOTE_CHAIN, Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Forked

    Make = Callable[[Sources], Path]

REGISTRY = """
import time
from pathlib import Path

def first(x):
    print("the first says so", flush=True)
    return x + 1

def second(x):
    print("the second begins", flush=True)
    Path("begun").touch()
    while Path("sleep").exists():
        time.sleep(0.1)
    return x * 2

def register_pipelines():
    return {"__default__": pipeline([
        node(first, "raw", "middle", name="first"), node(second, "middle", "final", name="second"),
    ])}
"""
LOCAL = [sys.executable, "-m", "kedro_aws_batch"]


@pytest.fixture
def project(make_project: Make) -> Path:
    made = make_project(Sources(REGISTRY, REMOTE_CHAIN, CONFIGURATION, {}, {"raw": pickled("data/raw.pkl")}))
    (made / "data").mkdir()
    (made / "data/raw.pkl").write_bytes(pickle.dumps(20))
    (made / "sleep").touch()
    return made


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@contextmanager
def in_progress(project: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a command until it is killed, in its own session, like another terminal's."""
    (project / "begun").unlink(missing_ok=True)
    with subprocess.Popen(
        [*LOCAL, "run", "--local"],
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(happened: Callable[[], bool], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def kept_run(project: Path) -> dict[str, Any]:
    """Return the newest run as it is kept."""
    files = sorted((project / ".kedro_aws_batch/local/runs").glob("*.json"))
    found: dict[str, Any] = json.loads(files[-1].read_bytes()) if files else {}
    return found


def second_runs(project: Path) -> bool:
    """Whether the saved state has the first job as succeeded, and the second has begun."""
    done = kept_run(project).get("counts", {}).get("SUCCEEDED") == 1
    log = next((project / ".kedro_aws_batch/local/logs").glob("*/0001-second.log"), None)
    return done and log is not None and "the second begins" in log.read_text()


def end(process: subprocess.Popen[str], *numbers: signal.Signals) -> None:
    for number in numbers:
        process.send_signal(number)
        time.sleep(1)
    process.wait(timeout=90)


@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGKILL],
        pytest.param([signal.SIGHUP], marks=pytest.mark.long),
        pytest.param([signal.SIGINT, signal.SIGINT], marks=pytest.mark.long),
        pytest.param([signal.SIGTERM, signal.SIGKILL], marks=pytest.mark.long),
        pytest.param([signal.SIGQUIT], marks=pytest.mark.long),
    ],
    ids=lambda signals: "+".join(number.name for number in signals),
)
def test_a_run_that_was_cut_off_is_told_of_and_resumed(
    project: Path, signals: list[signal.Signals], forked: Forked
) -> None:
    with in_progress(project) as process:
        until(lambda: second_runs(project))
        end(process, *signals)
    run_id = kept_run(project)["run_id"]

    assert re.search(rf"{run_id} +CANCELLED .*(cut off|interrupted)", call_in(project, "list", "--local").stdout)
    assert "second | the second begins" in call_in(project, "logs", "--local").stdout
    status = json.loads(call_in(project, "status", "--local", "--json").stdout)
    assert [group["status"] for group in status["groups"]] == ["SUCCEEDED", "CANCELLED"]
    kept = json.loads((project / ".kedro_aws_batch/local/index.json").read_bytes())["objects"]["bucket"]
    assert sorted(kept) == [f"middle.pkl/{run_id}/middle.pkl", "raw.pkl"]

    (project / "sleep").unlink()
    resumed = forked(project, "resume")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert re.findall(r"^SUCCEEDED +[\d.]+ s +(\w+)$", resumed.stdout, re.MULTILINE) == ["second"]
    assert (kept_run(project)["status"], kept_run(project)["resumed"]["from"]) == ("SUCCEEDED", run_id)


@pytest.mark.long
def test_a_run_that_was_cut_off_as_it_began_is_no_older_one(project: Path, forked: Forked) -> None:
    older = {**_ENDED, "run_id": "2020-01-01T00.00.00.000Z"}
    place = project / ".kedro_aws_batch/local/runs"
    place.mkdir(parents=True)
    (place / f"{older['run_id']}.json").write_text(json.dumps(older))
    with in_progress(project) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("Run 2"))
        process.kill()
    run_id = line.split()[1].rstrip(":")
    assert run_id in call_in(project, "status", "--local").stdout
    (project / "sleep").unlink()
    resumed = forked(project, "resume")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert f"Run {run_id} was cut off before its end" in resumed.stdout
    assert json.loads(call_in(project, "status", "--local", "--json").stdout)["counts"]["SUCCEEDED"] >= 1


_ENDED = {"status": "FAILED", "groups_total": 1, "nodes_total": 1, "groups": [], "settled": True, "created_at": 1}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_whenever_a_command_is_killed_the_next_goes_on_from_there(project: Path, forked: Forked) -> None:
    (project / "sleep").unlink()
    for tenths in range(20, 120, 8):
        with in_progress(project) as process:
            time.sleep(tenths / 10)
            process.kill()
        listed = call_in(project, "list", "--local", "--json")
        assert listed.exit_code == 0, listed.output
        assert "RUNNING" not in {run["status"] for run in json.loads(listed.stdout)}
    ended = forked(project, "resume" if json.loads(listed.stdout)[0]["status"] == "CANCELLED" else "run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
