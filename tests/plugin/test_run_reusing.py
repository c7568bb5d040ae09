"""`run --reuse`, called like a user does: what has not changed doesn't run, whoever changed the rest."""

from __future__ import annotations

import pickle
import re
import shutil
from typing import TYPE_CHECKING

from .commands import call_in
from .project import CONFIGURATION, REMOTE_CHAIN, Sources, pickled
from .test_run_local import look, stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    from .conftest import Forked

    Make = Callable[[Sources], Path]

REGISTRY = """
def times(x, rate):
    return x * rate

def register_pipelines():
    return {"__default__": pipeline([
        node(same, "raw", "middle", name="first"), node(times, ["middle", "params:rate"], "final", name="second"),
    ])}
"""
WARM = {**CONFIGURATION, "warm_containers": True, "reuse": True}


def ran(ended: CompletedProcess[str]) -> list[str]:
    """Return the nodes that ran."""
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return re.findall(r"^SUCCEEDED +[\d.]+ s +(\w+)", ended.stdout, re.MULTILINE)


def final(project: Path) -> int:
    """Return the last dataset."""
    value: int = stored(project)["final.pkl"]
    return value


def test_only_what_has_changed_runs_and_the_next_run_starts_nothing(make_project: Make, forked: Forked) -> None:
    base = {"raw": pickled("data/raw.pkl")}
    catalog = {**REMOTE_CHAIN, "final": pickled("s3://bucket/final.pkl")}
    project = make_project(Sources(REGISTRY, catalog, WARM, {"rate": 2}, base))
    (project / "data").mkdir()
    raw, parameters = project / "data/raw.pkl", project / "conf/aws_batch/parameters.yml"
    raw.write_bytes(pickle.dumps(21))
    first = forked(project, "run")
    assert ran(first) == ["first", "second"]
    run_id = re.search(r"Run (\S+):", first.stdout)[1]  # type: ignore[index]

    parameters.write_text(parameters.read_text().replace("rate: 2", "rate: 3"))
    rehearsed = forked(project, "run", "--reuse", "--dry-run")
    again = "  again: second (parameter 'rate' has changed)\n"
    assert re.search(rf"  reused: 1 node of run {run_id}, which took [\d.]+ s\n{re.escape(again)}", rehearsed.stdout)
    changed = forked(project, "run")
    assert ran(changed) == ["second"]
    assert again in changed.stdout
    assert final(project) == 63

    of_two = r"2 nodes of 2 runs, the newest \S+Z, which took [\d.]+ s\."
    would = forked(project, "run", "--dry-run", "--reuse")
    assert re.search(rf"^Would have nothing to do: it would reuse {of_two}$", would.stdout, re.MULTILINE)
    unchanged = forked(project, "run")
    idle, end = unchanged.stdout.splitlines()[-2:]
    assert re.fullmatch(rf"Run \S+ has nothing to do: it reuses {of_two}", idle)
    idle = idle.split()[1]
    assert re.fullmatch(rf"Run {idle} SUCCEEDED in [\d.]+ s: 2 nodes reused\.", end)  # and no logs are named
    first_line, *rest = look(project, "status").splitlines()
    assert first_line == f"Run {idle} SUCCEEDED: nothing to do."
    assert re.fullmatch(rf"Reuses {of_two}", rest[-1])
    assert "  0  __default__ · 2 nodes reused" in look(project, "list")
    nothing = f"No log: nothing had changed for run {idle}, so no node ran.\n"
    assert call_in(project, "logs", idle, "--local").output == nothing
    assert f"Run {idle}, where it SUCCEEDED before, in run {run_id}," in look(project, "why", "first")
    its_log = f"kedro aws-batch logs {run_id} first --local"
    asked = call_in(project, "logs", "first", "--local").stderr
    assert asked == f"Error: Run {idle} did not run 'first': it reuses what run {run_id} made: {its_log}\n"
    assert "kedro run --nodes=first" in call_in(project, *its_log.split()[2:]).output

    raw.write_bytes(pickle.dumps(5))
    assert "  again: first ('raw' has changed in its storage)\n" in (last := forked(project, "run")).stdout
    assert ran(last) == ["first", "second"]
    assert final(project) == 15


BY_HAND = """
import pathlib

def parts(x):
    return {f"p{number}": x + number for number in range(3)}

def join(many):
    return sum(load() for load in many.values())

def late(x):
    if pathlib.Path("fails").exists():
        raise RuntimeError("no luck")
    return x

def register_pipelines():
    return {"__default__": pipeline([
        node(parts, "raw", "pieces", name="split", tags=["folders"]),
        node(join, "pieces", "joined@one", name="join"),
        node(same, "joined@two", "copied_fact", name="copy"),
        node(late, "copied_fact", "final", name="late"),
    ])}
"""


def test_local_runs_note_their_inputs_also_if_they_do_not_reuse(make_project: Make, forked: Forked) -> None:
    catalog = {**REMOTE_CHAIN, "final": pickled("s3://bucket/final.pkl")}
    project = make_project(Sources(REGISTRY, catalog, CONFIGURATION, {"rate": 2}, {"raw": pickled("data/raw.pkl")}))
    (project / "data").mkdir()
    (project / "data/raw.pkl").write_bytes(pickle.dumps(21))
    assert ran(forked(project, "run")) == ["first", "second"]
    assert ran(forked(project, "run", "--reuse")) == []


def test_what_a_hand_has_deleted_or_written_over_is_made_again(make_project: Make, forked: Forked) -> None:
    catalog = {
        "raw": pickled("data/raw.pkl"),
        "pieces": {"type": "partitions.PartitionedDataset", "path": "data/pieces", "dataset": "pickle.PickleDataset"},
        "joined@one": pickled("data/joined.pkl"),
        "joined@two": pickled("data/joined.pkl"),
        "{name}_fact": pickled("data/{name}.pkl", versioned=True),
        "final": pickled("data/final.pkl"),
    }
    word = {"shared_paths": ["data"], "resources": {"tags": {"folders": {"reuse": True}}}}
    project = make_project(Sources(BY_HAND, catalog, {**WARM, **word}))
    (project / "data").mkdir()
    (project / "data/raw.pkl").write_bytes(pickle.dumps(10))
    assert ran(forked(project, "run")) == ["split", "join", "copy", "late"]
    assert ran(forked(project, "run")) == []

    (project / "data/pieces/p1").unlink()
    (project / "fails").touch()
    failed = forked(project, "run")
    assert "  again: split ('pieces' has changed in its storage)\n" in failed.stdout
    assert failed.returncode == 1
    (project / "fails").unlink()

    (project / "data/joined.pkl").write_bytes(pickle.dumps(1000))
    shutil.rmtree(project / "data/copied.pkl")
    resumed = forked(project, "resume")
    assert "  again: join ('joined@one' is newer: it was written at " in resumed.stdout
    assert "  again: copy ('copied_fact': it does not exist)\n" in resumed.stdout
    assert ran(resumed) == ["join", "copy", "late"]
    assert pickle.loads((project / "data/final.pkl").read_bytes()) == 33  # noqa: S301
    assert ran(forked(project, "run")) == []
