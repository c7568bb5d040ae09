"""`kedro aws-batch run --local`, called like a user does, with the real embedded AWS, service and jobs."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .commands import call_in
from .project import CONFIGURATION, REMOTE_CHAIN, Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Forked

    Make = Callable[[Sources], Path]

REGISTRY = """
import time
from pathlib import Path

def second(x, way):
    if way == "fail":
        raise RuntimeError("it went wrong")
    if way == "sleep":
        Path("shared/sleeping").touch()
        time.sleep(300)
    return x * 2

def register_pipelines():
    return {"__default__": pipeline([
        node(same, "raw", "middle", name="first"), node(second, ["middle", "params:way"], "final", name="second"),
    ])}
"""


def chain(make_project: Make, way: str, raw: Any = 21) -> Path:
    base = {"raw": pickled("data/raw.pkl")}
    twice = {**CONFIGURATION, "resources": {"nodes": {"second": {"attempts": 2}}}, "shared_paths": ["shared"]}
    of_its_own = {**REMOTE_CHAIN, "middle": {**REMOTE_CHAIN["middle"], "credentials": "mine"}}
    project = make_project(Sources(REGISTRY, of_its_own, twice, {"way": way}, base))
    (project / "conf/aws_batch/credentials.yml").write_text("mine: {key: AKIDMINE, secret: my-secret}")
    if raw is not None:
        (project / "data").mkdir()
        (project / "data/raw.pkl").write_bytes(pickle.dumps(raw))
    return project


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "kedro_aws_batch", "run", "--local", *words]


def surroundings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    process = subprocess.Popen(
        command(*words),
        cwd=project,
        env=surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        umask=0o077,
    )
    try:
        output, errors = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # its output and the run's state show where it hangs
        output, errors = process.communicate(timeout=60)
        pytest.fail(f"no end after five minutes:\n{output}\n{errors}")
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def watching(project: Path, *words: str) -> subprocess.Popen[str]:
    """Start a command in a process of its own: one that goes on as long as a local run does, say."""
    command = [sys.executable, "-m", "kedro_aws_batch", *words, "--local"]
    return subprocess.Popen(command, cwd=project, env=surroundings(), stdout=subprocess.PIPE, text=True)


def look(project: Path, *words: str) -> str:
    """Return a command's output about a project's local runs."""
    ended = call_in(project, *words, "--local")
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def stored(project: Path) -> dict[str, Any]:
    """Return the objects on a project's embedded S3 between two runs."""
    place = project / ".kedro_aws_batch/local"
    objects = json.loads((place / "index.json").read_text())["objects"]["bucket"]
    return {key: pickle.loads((place / "objects" / etag).read_bytes()) for key, etag in objects.items()}  # noqa: S301


def readable_by_others(place: Path) -> list[Path]:
    """Return what other users than the owner may read, after a umask of 077."""
    return [path for path in [place, *place.rglob("*")] if path.stat().st_mode & 0o077]


def the_rest_of(process: subprocess.Popen[str]) -> str:
    """Return a process's output until it ends; `communicate` would lose what `readline` has read ahead."""
    assert process.stdout is not None
    printed = process.stdout.read()
    process.wait(timeout=60)
    return printed


FORKED = """
import os
from pathlib import Path
import numpy

def look(*_):
    program = Path("/proc/self/cmdline").read_text().split(chr(0))[1]
    return [Path(program).name, os.environ["MODE"], int(numpy.random.randint(2**31))]

def register_pipelines():
    return {"__default__": pipeline([
        node(look, None, "middle", name="first"), node(look, "middle", "final", name="second"),
        node(look, "middle", "other", name="third"),
    ])}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no job is forked")
def test_jobs_are_forked_if_they_have_no_variable_of_their_own_and_draw_other_numbers(make_project: Make) -> None:
    own = {"MODE": "usual", "MODEL": "large"}
    resources = {"default": {"environment": {"MODE": "usual"}}, "nodes": {"third": {"environment": own}}}
    catalog = {name: pickled(f"s3://bucket/{name}.pkl") for name in ("middle", "final", "other")}
    project = make_project(Sources(FORKED, catalog, {**CONFIGURATION, "resources": resources}))

    ran = run(project)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = {Path(key).stem: value for key, value in stored(project).items()}
    assert {name: value[:2] for name, value in found.items()} == {
        "middle": ["fork_server.py", "usual"],
        "final": ["fork_server.py", "usual"],
        "other": ["-m", "usual"],
    }
    assert len({value[2] for value in found.values()}) == 3
    assert all(log.read_text().split()[1] == "kedro" for log in project.glob(".kedro_aws_batch/local/logs/*/*.log"))


def test_a_failed_run_says_why_and_is_resumed_once_the_project_is_mended(make_project: Make, forked: Forked) -> None:
    project = chain(make_project, "fail")
    failed = run(project)
    run_id = re.search(r"^Run (\S+): 2 nodes in 2 jobs$", failed.stdout, re.MULTILINE)[1]  # type: ignore[index]
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "Inputs: 1 file uploaded to the embedded S3" in failed.stdout
    assert re.search(r"^SUCCEEDED +[\d.]+ s +first$", failed.stdout, re.MULTILINE)
    assert re.search(r"^second FAILED: RuntimeError: .* \(pipeline_registry.py:\d+\)$", failed.stdout, re.MULTILINE)
    assert "  RuntimeError: it went wrong\n" in failed.stdout
    assert f"To resume it: kedro aws-batch resume {run_id} --local\n" in failed.stdout
    assert stored(project) == {"raw.pkl": 21, f"middle.pkl/{run_id}/middle.pkl": 21}
    assert readable_by_others(project / ".kedro_aws_batch") == []

    registry = next(project.glob("src/*/pipeline_registry.py"))
    registry.write_text(registry.read_text().replace("it went wrong", "").replace('way == "fail"', "False"))
    assert look(project, "status").splitlines()[3].startswith("FAILED ")
    assert "RuntimeError: it went wrong" in look(project, "logs", "second")
    printed = [json.loads(line) for line in look(project, "logs", "--json").splitlines()]
    assert [line["timestamp"] for line in printed] == sorted(line["timestamp"] for line in printed)
    assert {line["attempt"] for line in printed if line["node"] == "second"} == {1, 2}
    assert look(project, "logs", "--since=1s") == ""
    (_, second) = json.loads(look(project, "status", "--json"))["groups"]
    (first_try,) = second["batch_attempts"]  # Batch tried it twice
    assert first_try["started_at"] < first_try["ended_at"] <= second["started_at"] < second["ended_at"]
    before = stored(project)
    with watching(project, "replay", "second") as replaying:
        replayed = the_rest_of(replaying)
    assert replaying.returncode == 0
    assert replayed.splitlines()[-1] == f"Saved: .kedro_aws_batch/replay/{run_id}/second/final.pkl"
    kept = project / f".kedro_aws_batch/replay/{run_id}/second/final.pkl"
    assert pickle.loads(kept.read_bytes()) == 42  # noqa: S301
    assert stored(project) == before
    state = [project / f".kedro_aws_batch/local/{name}" for name in ("index.json", "items.jsonl")]
    saved = [file.read_bytes() for file in state]
    rehearsed = forked(project, "resume", "--dry-run")
    changed = f"code of second in {registry.parent.name}/{registry.name} has changed"
    assert rehearsed.stdout.splitlines()[-3:] == [
        "Would run 1 node in 1 job; nothing is started.",
        f"  again: second (it has not succeeded, and {changed})",
        "  taken over: first",
    ]
    assert [file.read_bytes() for file in state] == saved
    resumed = forked(project, "run", f"--resume-from={run_id}", "--start-seconds=1.5")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    (again,) = json.loads(look(project, "status", "--json"))["groups"]
    assert again["started_at"] - again["submitted_at"] >= 1_500
    assert "0 files uploaded to the embedded S3 (0.0 MB), 1 already there" in resumed.stdout
    assert re.findall(r"^SUCCEEDED +[\d.]+ s +(\w+)$", resumed.stdout, re.MULTILINE) == ["second"]
    new = re.search(r"^Run (\S+): 1 node in 1 job$", resumed.stdout, re.MULTILINE)[1]  # type: ignore[index]
    assert stored(project)[f"final.pkl/{new}/final.pkl"] == 42
    nothing = forked(project, "run", "--only-missing-outputs")
    assert (nothing.returncode, nothing.stdout.splitlines()[-1]) == (0, "All outputs exist: nothing to run.")
    assert "it went wrong" in (project / f".kedro_aws_batch/local/logs/{run_id}/0001-second.log").read_text()


def test_an_interruption_cancels_the_run_and_keeps_what_it_did(make_project: Make) -> None:
    project = chain(make_project, "sleep")
    with subprocess.Popen(command(), cwd=project, env=surroundings(), stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not (project / "shared/sleeping").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert "RUNNING" in look(project, "status").splitlines()[0]
        assert "kedro run --nodes=second" in look(project, "logs")
        with watching(project, "status", "--watch") as status, watching(project, "logs", "--follow") as logs:
            assert "kedro run" in logs.stdout.readline()  # type: ignore[union-attr]  # it is a pipe
            assert "first" in status.stdout.readline()  # type: ignore[union-attr]
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=90)
            watched, read = the_rest_of(status), the_rest_of(logs)
    assert (status.returncode, re.findall(r"^Run \S+ CANCELLED", watched, re.MULTILINE) != []) == (1, True), watched
    kept = (next((project / ".kedro_aws_batch/local/logs").glob("*/0001-second.log"))).read_text().splitlines()
    kept = [line.partition("Z ")[2] for line in kept]
    told = [line.removeprefix("second | ") for line in read.splitlines() if line.startswith("second | ")]
    # The output of a job that is being ended may come after its end was reported.
    assert (logs.returncode, told[0][:9], told) == (0, "kedro run", kept[: len(told)])
    assert process.returncode == 130, output
    assert "Interrupted: cancelling the run…" in output
    assert re.search(r"^CANCELLED .* second$", output, re.MULTILINE)
    assert re.search(r"^Run \S+ CANCELLED in .*: 2 nodes in 2 jobs, 1 succeeded, 1 cancelled\.$", output, re.MULTILINE)
    assert sorted(stored(project)) == [next(key for key in stored(project) if "middle" in key), "raw.pkl"]


def test_an_input_that_is_nowhere_is_named_before_the_run_is_started(make_project: Make, forked: Forked) -> None:
    project = chain(make_project, "", raw=None)
    ended = forked(project, "run")
    assert (ended.returncode, ended.stdout) == (1, "")
    told = ended.stderr.splitlines()
    opening, starting = "Opening the project in environment 'aws_batch'…", "Starting the embedded AWS on this machine…"
    assert (
        told.index(opening)
        < told.index(starting)
        < told.index("Error: No node makes these inputs, and they don't exist:")
    )
    assert f"'raw' at s3://bucket/raw.pkl: its local file '{project / 'data/raw.pkl'}' does not exist." in ended.stderr
    assert not (project / ".kedro_aws_batch/local/index.json").exists()
