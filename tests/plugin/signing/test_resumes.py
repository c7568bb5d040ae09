"""Random edits between the runs that resume each other: what they leave is what a fresh run makes, with no more work.

Each job goes through the code that runs in a container. The model of what nodes are made of is `edits.py`.
"""

from __future__ import annotations

import importlib
import json
import logging
import pickle
import shutil
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from kedro.framework.session import session as sessions

from kedro_aws_batch._service.dag.document import read_document
from kedro_aws_batch._service.dag.errors import NothingLeftError
from kedro_aws_batch._service.dag.jobs import run_id_at
from kedro_aws_batch._service.dag.meaning import to_ask
from kedro_aws_batch._service.dag.plan import dump_plan, load_plan
from kedro_aws_batch._service.dag.request import Allowed, Earlier, make_plan
from kedro_aws_batch._service.dag.shards import Mark, Shard, View
from kedro_aws_batch.cli.prepare import Prepared
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project
from kedro_aws_batch.launch.stored import ask_storage

from ..in_process import run_job
from ..project import CONFIGURATION, Sources, write_project
from . import edits
from .edits import PACKAGE, RAW, Shape, Step, Story, stories

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kedro_aws_batch._service.dag.plan import Plan
    from kedro_aws_batch._service.dag.resume import Resumption

ALLOWED = Allowed([CONFIGURATION["job_queue"]], [CONFIGURATION["job_definition"]])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = write_project(tmp_path_factory.mktemp("resumes"), Sources(package=PACKAGE))
    logging.disable(logging.CRITICAL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "_register_hooks_entry_points", lambda *_: None)  # a search of all packages
        patch.setattr(sys, "dont_write_bytecode", True)  # which is taken for current within a second
        yield made
    logging.disable(logging.NOTSET)


@dataclass
class Chain:
    """A run, and those that resume it."""

    project: Path
    story: Story
    state: dict[str, int]
    #: Node → what it was made of when it was done, and the run that did it.
    done: dict[int, dict[str, Any]] = field(default_factory=dict)
    made_by: dict[int, str] = field(default_factory=dict)
    earlier: Earlier | None = None
    #: Node → the other run that has done it since.
    since: dict[int, str] = field(default_factory=dict)

    def edit(self, some: tuple[tuple[str, int], ...]) -> None:
        """Make these edits, and open the project anew."""
        for name, further in some:
            if name in RAW:
                self.state[name] += 1
                edits.write_input(self.project, name, self.state[name])
            else:
                self.state[name] = (self.state[name] + further) % 3
        edits.write(self.project, self.story, self.state)
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]
        importlib.invalidate_caches()
        opened = open_project(Opening(path=self.project, params=edits.given(self.state)))
        self.prepared = Prepared(opened, compile_project(opened), [])

    def meanwhile(self, some: tuple[tuple[str, int], ...]) -> None:
        """Have somebody else run all nodes, with these edits."""
        other = Chain(self.project, self.story, dict(self.state))
        other.edit(some)
        assert other.run(())
        self.since = {number: other.made_by[number] for number in self.done}

    def again(self) -> set[int]:
        """Return the nodes that the next run must do."""
        return edits.run_again(self.story, self.state, self.done, self.since)

    def plan(self) -> tuple[Plan, Resumption | None]:
        """Return the plan of the next run. Raises NothingLeftError if there is nothing to do."""
        run_id = run_id_at(int(time.time() * 1000))
        request: dict[str, Any] = {"params": edits.given(self.state)}
        if self.earlier is not None:
            request["resume_from"] = self.earlier.plan.run_id
            asked = to_ask(self.prepared.compiled.read, request, self.earlier.request)
            request |= ask_storage(self.prepared.project, asked, {}).request()
        document = read_document(json.dumps(self.prepared.compiled.signed))
        shapes = self.story.shapes
        since = {f"n{one}": f"run {other}" for one, other in self.since.items() if shapes[one].keeps == "file"}
        return make_plan(document, request, run_id, ALLOWED, self.earlier and replace(self.earlier, since=since))

    def run(self, outcomes: tuple[tuple[bool, bool], ...]) -> bool:
        """Run what is left, and return whether all of it has succeeded."""
        expected = {f"n{number}" for number in self.again()}
        try:
            plan, resumed = self.plan()
        except NothingLeftError:
            assert expected == set()
            return True
        if resumed is not None:
            assert resumed.again.keys() == expected, dict(resumed.again)
            assert {name: one.run_id for name, one in resumed.reused.items()} == {
                f"n{number}": run for number, run in self.made_by.items() if f"n{number}" not in expected
            }
        view = self.work(plan, outcomes)
        ends = {name: int(time.time() * 1000) for group in plan.groups for name in group.nodes}
        self.earlier = Earlier(load_plan(dump_plan(plan)), view, request={"params": edits.given(self.state)}, ends=ends)
        return all(view.succeeded(index) for index in range(len(plan.groups)))

    def work(self, plan: Plan, outcomes: tuple[tuple[bool, bool], ...]) -> View:
        """Do the work of a plan's groups, as far as these outcomes let them."""
        succeeded: set[int] = set()
        for index, group in enumerate(plan.groups):
            works, told = outcomes[index] if index < len(outcomes) else (True, True)
            ready = set(group.parents) <= succeeded
            numbers = [int(name[1:]) for name in group.nodes]
            if ready and works:
                run_job(self.project, plan, Mark(index))
            for number in numbers:
                self.done.pop(number, None)
                self.made_by.pop(number, None)
                self.since.pop(number, None)
                if ready and works and told:
                    self.done[number] = edits.ingredients(self.story, number, self.state)
                    self.made_by[number] = plan.run_id
            if ready and works and told:
                succeeded.add(index)
        return _view(succeeded)

    def kept(self) -> dict[str, Any]:
        """Return what the last run's nodes have left, each in the version of the run that made it."""
        return {
            f"d{number}": pickle.loads(self._file(number).read_bytes())  # noqa: S301
            for number, shape in enumerate(self.story.shapes)
            if shape.keeps != "memory"
        }

    def _file(self, number: int) -> Path:
        file = self.project / edits.place(number, self.state)
        return file / self.made_by[number] / file.name if self.story.shapes[number].keeps == "versioned" else file

    def afresh(self) -> dict[str, Any]:
        """Return what a run of all nodes makes now, by Kedro's own nodes and in memory."""
        opened = self.prepared.project
        values: dict[str, Any] = {name: [name, self.state[name]] for name in RAW}
        values |= {"params:p0": opened.parameters["p0"], "params:m.p1": opened.parameters["m"]["p1"]}
        for node in opened.pipelines["__default__"].nodes:
            values |= node.run({name: values[name] for name in node.inputs})
        keeps = {f"d{number}": shape.keeps for number, shape in enumerate(self.story.shapes)}
        return {name: values[name] for name, how in keeps.items() if how != "memory"}


def _view(succeeded: set[int]) -> View:
    view = View()
    for mark in map(Mark, sorted(succeeded)):
        view.add(Shard(mark.shard).with_marks(succeeded=[mark.number]))
    return view


def follow(project: Path, story: Story) -> None:
    """Play a story to its end, and compare what it leaves."""
    chain = Chain(project, story, story.begin())
    data = project / "data"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    for name in RAW:
        edits.write_input(project, name, 0)
    for step in story.steps:
        if step.other is not None:
            chain.meanwhile(step.other)
        chain.edit(step.edits)
        again = chain.again()
        whole = chain.run(step.outcomes)
    event(f"the last run does {len(again)} of {len(story.shapes)} nodes")
    assert whole
    assert chain.kept() == chain.afresh()


def shape(*inputs: str) -> Shape:
    """Return a node with a function of its own, whose output is a file."""
    return Shape(inputs=inputs, parameters=(), helpers=(), module=0, names_constant=False, make="plain", keeps="file")


#: What random stories seldom have: somebody else's run leaves another output where one was taken over before.
OVERWRITTEN = Story(
    (shape("raw0"), shape("d0")), (Step((), ((True, True), (False, False))), Step((), (), other=(("f0", 1),)))
)


@pytest.mark.filterwarnings("ignore")  # Kedro's, about functions without names
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=settings().max_examples // 5)
@given(stories())
@example(OVERWRITTEN)
def test_resumed_runs_leave_what_a_fresh_run_makes_and_do_no_more_than_was_edited(project: Path, story: Story) -> None:
    follow(project, story)
