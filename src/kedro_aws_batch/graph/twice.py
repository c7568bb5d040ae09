"""Differences between two openings of a project, and so between a run's jobs, since each opens it again."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.configuration import KEY
from kedro_aws_batch._service.dag.problems import Problem, listed

from .entries import plan_of_pipeline
from .facts import Fact, facts
from .folder import find_project
from .varying import OF_A_CONTAINER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .compile import Compiled
    from .opening import Opening
    from .project import Project

#: Seconds to wait for a second opening.
_PATIENCE = 600


@dataclass
class Second:
    """An opening of a project in a process of its own, with other environment variables and on another day and host."""

    opening: Opening
    folder: Path
    process: subprocess.Popen[str]
    salt: str

    @classmethod
    def start(cls, opening: Opening, folder: Path, *, settled: bool = True) -> Second:
        """Start it, beside whatever else is done.

        Jobs that run plain `kedro run` don't have the run's clock and id: with `settled` false it doesn't, either.
        """
        path, salt = str(find_project(opening.path)), secrets.token_hex(8)
        with (folder / "stderr").open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "kedro_aws_batch.graph.second"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                text=True,
                env={**os.environ, **{name: secrets.token_hex(8) for name in OF_A_CONTAINER}},
                cwd=path,
            )
        asked = {**vars(opening), "path": path, "params": dict(opening.params)}
        if not settled:
            asked["run_id"] = None
        if process.stdin is not None:
            with process.stdin as told:
                json.dump({"opening": asked, "salt": salt, "answer": str(folder / "answer")}, told)
        return cls(opening, folder, process, salt)

    def problems(self, project: Project, compiled: Compiled) -> Iterator[Problem]:
        """Yield the differences from this opening, and what to do."""
        if compiled.configuration.run["job_command"] != "job":
            self.stop()
            plain = Second.start(self.opening, self.folder, settled=False)
            self.process, self.salt = plain.process, plain.salt
        if self.process.wait(_PATIENCE):
            last = (self.folder / "stderr").read_text(errors="replace").strip().splitlines()[-1:] or ["no word"]
            what = f"opens here, but not in a second process: {last[0].strip()}"
            yield Problem("the project", what, "Each job is such a process.", warning=True)
            return
        answer = json.loads((self.folder / "answer").read_text(encoding="utf-8"))
        there = {Fact(*fact): digest for fact, digest in answer}
        yield from _told(_differing(dict(facts(project, self.salt)), there), compiled)

    def stop(self) -> None:
        """End it, whether or not it is done."""
        self.process.kill()
        self.process.wait()


@contextmanager
def second_opening(opening: Opening) -> Iterator[Second]:
    """Open a project a second time in the background."""
    with TemporaryDirectory() as folder:
        second = Second.start(opening, Path(folder))
        try:
            yield second
        finally:
            second.stop()


def _differing(here: Mapping[Fact, str], there: Mapping[Fact, str]) -> dict[tuple[str, str], list[str]]:
    """Return what differs between the two, and where."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for fact in sorted(here.keys() | there.keys()):
        if here.get(fact) != there.get(fact):
            found[fact.kind, fact.name].append(fact.key)
    return found


def _told(differing: Mapping[tuple[str, str], list[str]], compiled: Compiled) -> Iterator[Problem]:
    for (kind, name), keys in differing.items():
        if kind == "node":
            what = "differs in another process, or at another time, but jobs find their nodes by name."
            yield Problem(f"node '{name}'", what, "Make its name, inputs and outputs independent of both.")
            continue
        if kind == "parameter" and name.partition(".")[0] == KEY:
            what = "differs in another process, or at another time."
            yield Problem(f"parameter '{name}'", what, "Jobs get the value from when the graph was compiled.")
            continue
        users = _in_several_jobs(compiled, kind, name)
        if users:
            what = (
                f"{'differs' if kind == 'parameter' else f'its {listed(keys)} differs'} in each process, or at another "
                f"time, and {listed(users)} run in several."
            )
            yield Problem(f"{kind} '{name}'", what, _REMEDY)


_REMEDY = (
    "Take it from the run, as ${runtime_params:aws_batch.run_id} or, for its day, "
    "${runtime_params:aws_batch.run_date}; or let the nodes share a job."
)


def _in_several_jobs(compiled: Compiled, kind: str, name: str) -> list[str]:
    """Return the nodes that use a dataset or parameter, if some pipeline runs them in several jobs."""
    users = {node.name for node in compiled.nodes if _uses({*node.inputs, *node.outputs}, kind, name)}
    for pipeline in compiled.document["pipelines"]:
        plan = plan_of_pipeline(compiled, pipeline) if len(users) > 1 else None
        jobs = [] if plan is None else [group for group in plan.groups if users & set(group.nodes)]
        if len(jobs) > 1:
            return sorted(users & {node for group in jobs for node in group.nodes})
    return []


def _uses(names: set[Any], kind: str, name: str) -> bool:
    """Whether one of these names is the dataset or parameter, contains it, or is a part of it."""
    if kind == "dataset":
        return name in names
    parts = {taken.removeprefix("params:") for taken in names if taken.startswith("params:")}
    return "parameters" in names or any(f"{name}.".startswith(f"{each}.") for each in parts)
