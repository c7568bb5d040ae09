"""Runs that reuse what earlier ones have made: what is read of those, and what is submitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from dag.document import Node
from dag.plan import AtWork
from dag.records import Outcome, Run
from dag.request import Allowed, make_plan
from dag.reuse import UNKNOWN, History, Rival
from dag.shards import Mark
from dag.status import RunStatus
from runs.description import describe, listed_runs
from runs.history import MOST_PASTS, read_history, spans_of_done, whole_span
from runs.reading import read_outcomes
from tests.dag.build import plan_of
from tests.runs.stage import Stage
from tests.simulation.graphs import DEFINITION, QUEUE, document

HOUR = 3_600_000
ALLOWED = Allowed([QUEUE], [DEFINITION])


class World(Stage):
    """A stage with storage that shows what its runs have written."""

    def __init__(self, parents: Sequence[Sequence[int]], *, versioned: bool = False, raw: bool = False) -> None:
        base = document(parents)
        datasets = {name: replace(one, versioned=versioned) for name, one in base.datasets.items()}
        nodes = base.nodes
        if raw:
            nodes = (replace(nodes[0], inputs=("raw",)), *nodes[1:])
            datasets["raw"] = replace(datasets["d0"], versioned=False)
        super().__init__(replace(base, nodes=nodes, datasets=datasets, run={**base.run, "reuse": True}))
        self.sign(*(f"code {index}" for index in range(len(parents))))
        self.shown: dict[str, dict[str, Any]] = {"raw": {"at": self.now - HOUR, "digest": "r"}} if raw else {}
        self.keys = 0

    def sign(self, *codes: str, **more: Any) -> None:
        """Deploy the graph with this code of each node."""
        signatures = {"nodes": [[code, 0] for code in codes], "parts": {}, "made_of": [[]], "entries": {}, **more}
        self.document = replace(self.document, signatures=signatures)

    def go(self, **request: Any) -> Run:
        """Start another run."""
        self.keys += 1
        return self.start(key=f"given:{self.keys}", stored=dict(self.shown), **request)

    def write(self, group: int, exit_code: int = 0) -> None:
        """Let a job of the run write its outputs, and end."""
        self.now += 500
        for name in self.dispatcher.plan(self.run_id).groups[group].nodes:
            for output in self.node(name).outputs:
                at = self.now - self.now % 1000
                self.shown[output] = {"at": at, "digest": f"{self.now}", "version": self.run_id}
        self.now += 500
        self.finish(group, exit_code)

    def node(self, name: str) -> Node:
        """Return a node of the document."""
        return next(node for node in self.document.nodes if node.name == name)

    def write_all(self) -> None:
        """Let all jobs write, as they come."""
        while alive := [job for job in self.batch.work if not job.over and self._own(job)]:
            self.write(self.group(alive[0]))

    def settle(self) -> None:
        """Let an hour go by, with reconcile."""
        self.reconcile(HOUR)
        self.reconcile(1000)

    def started_and_ended(self) -> tuple[int, int]:
        """Return when the first job of the run was at work."""
        (end,) = read_outcomes(self.table, self.run_id, 0, 0)
        assert end.started_at is not None
        assert end.ended_at is not None
        return end.started_at, end.ended_at

    def again(self) -> Mapping[str, str]:
        """Return what the run does again, and why."""
        resumed = self.run.resumed
        assert resumed is not None
        again: Mapping[str, str] = resumed["again"]
        return again


def once(world: World) -> Run:
    """Make one whole run, and let it settle."""
    run = world.go()
    world.write_all()
    world.settle()
    return run


BOTH = pytest.mark.parametrize("versioned", [False, True], ids=["plain", "versioned"])


@BOTH
def test_a_run_in_which_nothing_changed_submits_nothing_and_has_succeeded(versioned: bool) -> None:
    world = World([[], [0], [0], [1, 2]], versioned=versioned, raw=True)
    first = once(world)
    submitted = len(world.batch.work)
    second = world.go()
    assert second.status is RunStatus.SUCCEEDED
    assert (second.groups_total, second.nodes_total, len(world.batch.work)) == (0, 0, submitted)
    assert second.resumed == {
        "from": None,
        "runs": {first.run_id: 4},
        "seconds": 5.0,
        "reused": ["n0", "n1", "n2", "n3"],
        "reused_total": 4,
        "again": {},
        "again_total": 0,
    }
    told = describe(world.dispatcher, second, 0, 1000)
    assert (told["groups"], told["next_page"], told["settled"]) == ([], None, True)
    assert [detail["status"] for detail in world.announced[-2:]] == ["RUNNING", "SUCCEEDED"]
    assert listed_runs(world.dispatcher, None, 1)[0]["resumed_from"] is None
    world.settle()
    assert world.table.active(None).run_ids == []


@BOTH
def test_a_changed_node_runs_with_what_follows_it_and_they_read_what_the_others_wrote(versioned: bool) -> None:
    world = World([[], [0], [0], [1, 2]], versioned=versioned)
    first = once(world)
    world.sign("code 0", "another", "code 2", "code 3")
    world.go()
    assert world.again() == {"n1": "what its function holds has changed", "n3": "it follows 'n1', which runs again"}
    plan = world.dispatcher.plan(world.run_id)
    assert [dict(group.load_versions) for group in plan.groups] == (
        [{"d0": first.run_id}, {"d1": world.run_id, "d2": first.run_id}] if versioned else [{}, {}]
    )
    world.write_all()
    assert world.run.status is RunStatus.SUCCEEDED
    world.settle()
    assert world.go().groups_total == 0


def test_what_was_reused_is_reused_again_and_again_after_the_run_that_made_it_is_forgotten() -> None:
    world = World([[], [0]])
    first = once(world)
    world.go()
    world.settle()
    del world.table._runs[first.run_id]
    assert world.go().groups_total == 0
    assert world.run.resumed is not None
    assert world.run.resumed["runs"] == {first.run_id: 2}


def test_a_node_that_failed_runs_and_what_had_succeeded_does_not() -> None:
    world = World([[], [0]])
    world.go()
    world.write(0)
    world.finish(1, exit_code=1)
    world.settle()
    world.go()
    assert world.again() == {"n1": "no run that is known has made it"}


def _overwritten(world: World) -> None:
    world.shown["d0"]["at"] += HOUR


def _gone(world: World) -> None:
    world.shown["d0"] = {"untold": "it does not exist"}


def _a_folder(world: World) -> None:
    world.shown["d0"]["folder"] = True


def _not_asked(world: World) -> None:
    del world.shown["d0"]


def _raw_changed(world: World) -> None:
    world.shown["raw"]["digest"] = "another"


def _raw_untold(world: World) -> None:
    world.shown["raw"] = {"untold": "a SQLTableDataset does not say when it was written"}


def _moving(world: World) -> None:
    world.sign("code 0", "code 1", moving=["d0"])


def _clock(world: World) -> None:
    world.sign("code 0", "code 1", clock=True)


def _unsigned(world: World) -> None:
    world.document = replace(world.document, signatures={})


def _never(world: World) -> None:
    nodes = world.document.nodes
    world.document = replace(world.document, nodes=(replace(nodes[0], resources={"reuse": False}), *nodes[1:]))


def _confirms(world: World) -> None:
    nodes = world.document.nodes
    world.document = replace(world.document, nodes=(replace(nodes[0], confirms=("raw",)), *nodes[1:]))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_overwritten, "'d0' was last written by something else than run {first}"),
        (_gone, "'d0': it does not exist"),
        (_a_folder, "'d0' is a folder, and it can't be told whether all of it is still there"),
        (_not_asked, "'d0': its storage was not asked"),
        (_raw_changed, "'raw' has changed in its storage"),
        (_raw_untold, "'raw': a SQLTableDataset does not say when it was written"),
        (_moving, "'d0' is another in each run"),
        (_clock, "a resolver of the project may read the time, so its values may be others in each run"),
        (_unsigned, "it is not known what it was made of in run {first}"),
        (_never, "its 'reuse' is false"),
        (_confirms, "it confirms 'raw', which each run does"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_not_surely_the_same_runs_and_says_why(change: Callable[[World], None], why: str) -> None:
    world = World([[], [0]], raw=True)
    first = once(world)
    change(world)
    world.go()
    assert world.again()["n0"] == why.format(first=first.run_id)
    assert "n1" in world.again()


def test_a_parameter_of_the_run_runs_its_readers_and_another_source_of_configuration_all() -> None:
    world = World([[], []])
    nodes, run = world.document.nodes, {**world.document.run, "conf_sources": ["s3://conf/other"]}
    world.document = replace(world.document, nodes=(replace(nodes[0], inputs=("params:rate",)), nodes[1]), run=run)
    once(world)
    world.go(params={"rate": 2})
    assert world.again() == {"n0": "parameter 'rate' has changed"}
    world.write_all()
    world.settle()
    assert world.go(params={"rate": 2}).groups_total == 0
    for _ in range(2):  # the place stays the same, but nobody knows what is in it
        world.go(params={"rate": 2}, conf_source="s3://conf/other")
        why = "it can't be told whether the configuration in 's3://conf/other' has changed"
        assert world.again() == dict.fromkeys(["n0", "n1"], why)
        world.write_all()
        world.settle()
    world.go(params={"rate": 2})
    assert world.again() == dict.fromkeys(["n0", "n1"], "the conf source is another")


def test_another_environment_of_the_run_runs_all() -> None:
    world = World([[]])
    run = {**world.document.run, "request_environment": ["MODE"]}
    world.document = replace(world.document, run=run)
    once(world)
    for layer in ({"default": {"environment": {"MODE": "x"}}}, {"nodes": {"n0": {"environment": {"MODE": "x"}}}}):
        world.go(params={"aws_batch": {"resources": layer}})
        assert world.again() == {"n0": "the environment that the run's own parameters set is another"}
    for beside in ({"default": {"memory": 3000}}, {"nodes": {"n0": None}}):
        assert world.go(params={"aws_batch": {"resources": beside}}).groups_total == 0


def test_a_version_asked_for_is_another_input() -> None:
    world = World([[]], raw=True)
    once(world)
    world.go(load_versions={"raw": "2026-01-01T00.00.00.000Z"})
    assert world.again() == {"n0": "another version of 'raw' is asked for"}


def test_the_newest_version_counts_also_if_an_older_one_would_do() -> None:
    world = World([[]], versioned=True)
    first = once(world)
    world.sign("another")
    second = once(world)
    world.sign("code 0")
    world.go()
    assert world.again() == {"n0": "what its function holds has changed"}
    world.sign("another")
    world.shown["d0"]["version"] = first.run_id
    world.go()
    assert world.again() == {"n0": f"the newest version of 'd0' is {first.run_id}, not {second.run_id}"}


def test_an_input_made_again_by_a_run_of_a_part_runs_its_readers() -> None:
    world = World([[], [0]])
    once(world)
    world.go(nodes=["n0"], reuse=False)
    world.write_all()
    world.settle()
    world.go()
    assert world.again() == {"n1": "'d0' has been made again since"}


def test_of_an_input_that_the_last_run_of_its_reader_did_not_make_it_is_not_known_which_it_read() -> None:
    world = World([[], [0]])
    once(world)
    world.go(nodes=["n1"])
    world.write_all()
    world.settle()
    world.go()
    assert world.again() == {"n1": "it isn't known which 'd0' it has read, since its last run did not make that"}


def test_no_run_before_or_no_word_of_storage_means_that_all_of_it_runs() -> None:
    world = World([[], [0]])
    world.go()
    assert world.again() == dict.fromkeys(["n0", "n1"], "no run that is known has made it")
    world.write_all()
    world.settle()
    assert (world.start(key="by a schedule").groups_total, world.run.resumed) == (2, None)


def test_without_reuse_nothing_of_earlier_runs_is_read() -> None:
    world = World([[], [0]])
    once(world)
    world.calls.clear()
    assert (world.go(reuse=False).groups_total, world.run.resumed) == (2, None)
    assert "listings" not in world.calls


def test_what_two_runs_may_have_written_at_once_is_made_again_unless_it_has_versions() -> None:
    for versioned, left in ((False, 1), (True, 0)):
        world = World([[]], versioned=versioned)
        world.go(reuse=False)
        other = world.run_id
        world.go(reuse=False)
        world.write(0)
        mine, world.run_id = world.run_id, other
        world.now -= 1000  # it ended while the other was at work
        world.end(0)
        world.deliver(world.job(0))
        world.settle()
        if versioned:
            world.shown["d0"]["version"] = mine
        assert world.go().groups_total == left
        if left:
            assert world.again() == {"n0": f"run {other} may have written 'd0' at the same time"}


def test_a_node_that_the_project_has_no_more_may_have_written_anything() -> None:
    world = World([[]])
    now = world.document
    world.document = replace(now, nodes=(replace(now.nodes[0], name="former"),))
    world.go(reuse=False)
    before = world.run_id
    world.document = now
    world.go(reuse=False)
    world.write_all()
    world.settle()
    world.go()
    assert world.again() == {"n0": f"run {before} may have written 'd0' at the same time"}


def test_what_an_open_run_may_have_written_is_made_again() -> None:
    world = World([[], []])
    world.go(reuse=False)
    open_run = world.run_id
    world.go(reuse=False)
    world.write_all()
    world.go()
    assert world.again() == {
        "n0": f"run {open_run} may have written 'd0' at the same time",
        "n1": f"run {open_run} may have written 'd1' at the same time",
    }


def test_what_a_resumed_run_took_over_is_reused_by_the_next() -> None:
    world = World([[], [0]], raw=True)
    first = world.go().run_id
    world.write(0)
    world.finish(1, exit_code=1)
    world.settle()
    world.go(resume_from=first)
    assert world.run.resumed is not None
    assert world.run.resumed["reused"] == ["n0"]
    world.write_all()
    second = world.run_id
    assert world.go().groups_total == 0
    assert world.run.resumed is not None
    assert world.run.resumed["runs"] == {first: 1, second: 1}


def test_what_a_resumed_run_took_over_is_made_again_if_nobody_noted_what_it_had_read() -> None:
    world = World([[], [0]], raw=True)
    first = world.start(key="by a schedule").run_id
    world.write(0)
    world.finish(1, exit_code=1)
    world.settle()
    world.shown["raw"] |= {"digest": "without a file that somebody deleted"}
    world.go(resume_from=first)
    world.write_all()
    world.settle()
    second = world.run_id
    world.go()
    assert world.again()["n0"] == f"it was not noted what 'raw' was when run {second} started"


def calls_of(world: World, act: Callable[[], object]) -> Counter[str]:
    """Return how often each call was made meanwhile."""
    before = Counter(world.calls)
    act()
    return Counter(world.calls) - before


def test_looking_for_what_to_reuse_takes_few_requests() -> None:
    world = World([[], [0], [1]])
    once(world)
    world.sign("code 0", "code 1", "another")
    without = calls_of(world, lambda: world.go(reuse=False, nodes=["n2"]))
    world.write_all()
    world.settle()
    reusing = calls_of(world, world.go)
    more = {"active": 1, "listings": 1, "get_runs": 1, "shards": 2, "outcomes": 2}  # two runs have the three nodes
    assert (world.run.groups_total, reusing - without) == (1, more)


def test_a_resumed_run_notes_no_input_that_what_it_took_over_may_have_read_in_another_state() -> None:
    world = World([[], [0]], raw=True)
    noted, world.shown = dict(world.shown), {}
    first = world.go(reuse=False).run_id  # which notes nothing
    world.write(0)
    world.finish(1, exit_code=1)
    world.settle()
    world.shown.update(noted)
    world.go(resume_from=first)
    world.write_all()
    world.settle()
    second = world.run_id
    world.go()
    assert world.again()["n0"] == f"it was not noted what 'raw' was when run {second} started"


def test_what_a_resumed_run_took_over_from_one_without_signatures_is_not_known() -> None:
    world = World([[], [0]])
    signatures = world.document.signatures
    world.document = replace(world.document, signatures={})
    first = world.go().run_id
    world.write(0)
    world.finish(1, exit_code=1)
    world.settle()
    world.document = replace(world.document, signatures=signatures)
    world.go(resume_from=first)
    world.write_all()
    world.settle()
    second = world.run_id
    world.go()
    assert world.again() == dict.fromkeys(["n0", "n1"], f"it is not known what it was made of in run {second}")


def test_a_run_in_another_environment_made_nothing_but_may_have_written_it() -> None:
    world = World([[]])
    world.document = replace(world.document, environment="other")
    world.go(reuse=False)
    other = world.run_id
    world.document = replace(world.document, environment="aws_batch")
    assert world.go().groups_total == 1
    assert world.again() == {"n0": UNKNOWN}
    world.write_all()
    world.settle()
    world.go()
    assert world.again() == {"n0": f"run {other} may have written 'd0' at the same time"}


def test_what_was_made_in_another_environment_is_not_reused() -> None:
    world = World([[]])
    world.document = replace(world.document, environment="other")
    once(world)
    world.document = replace(world.document, environment="aws_batch")
    world.go()
    assert world.again() == {"n0": UNKNOWN}


def test_a_cancelled_run_whose_job_has_not_ended_may_have_written() -> None:
    world = World([[]])
    world.go(reuse=False)
    cancelled = world.run_id
    world.table.end_run(cancelled, RunStatus.CANCELLED, "by hand", world.now)
    world.go(reuse=False)
    world.write(0)
    world.go()
    assert world.again() == {"n0": f"run {cancelled} may have written 'd0' at the same time"}


def test_two_runs_that_have_each_made_something_are_rivals_of_each_other() -> None:
    world = World([[], []])
    first, second = world.go(reuse=False, on_failure="continue"), world.go(reuse=False, on_failure="continue")
    for run, good in ((first, 0), (second, 1)):
        world.run_id = run.run_id
        world.write(good)
        world.finish(1 - good, exit_code=1)
    world.settle()
    world.go()
    assert world.again() == {
        "n0": f"run {second.run_id} may have written 'd0' at the same time",
        "n1": f"run {first.run_id} may have written 'd1' at the same time",
    }


def test_a_version_counts_whenever_its_files_were_put() -> None:
    world = World([[]], versioned=True)
    once(world)
    world.shown["d0"]["at"] += HOUR  # as after a copy of the bucket
    assert world.go().groups_total == 0


def test_a_part_is_looked_for_as_well_as_all() -> None:
    world = World([[], [0]])
    first = once(world)
    world.go(nodes=["n1"])
    assert world.again() == {"n1": f"it was not noted what 'd0' was when run {first.run_id} started"}
    assert world.go(nodes=["n0"]).groups_total == 0


@BOTH
def test_what_was_taken_over_again_and_again_is_known_by_the_run_that_made_it(versioned: bool) -> None:
    world = World([[], [0]], versioned=versioned)
    run_id = first = world.go().run_id
    world.write(0)
    world.finish(1, exit_code=1)
    world.settle()
    world.go(resume_from=run_id)
    world.finish(0, exit_code=1)
    world.settle()
    world.go(resume_from=world.run_id)
    world.write_all()
    world.settle()
    item = world.table._runs.pop(first)
    world.go()  # while that is forgotten
    assert world.again().get("n0") == (None if versioned else f"it is not known when run {first} wrote 'd0'")
    world.table._runs[first] = item
    del world.table._runs[world.run_id]
    assert world.go().groups_total == 0


def test_runs_of_other_projects_do_not_count() -> None:
    world = World([[]])
    world.document = replace(world.document, project="another")
    once(world)
    world.document = replace(world.document, project="project")
    world.go()
    assert world.again() == {"n0": UNKNOWN}


def test_what_an_open_run_has_made_is_not_reused() -> None:
    world = World([[], [0]], versioned=True)
    once(world)
    first = world.run_id
    world.go(reuse=False)
    world.write(0)
    second = world.run_id
    world.go()
    assert world.again()["n0"] == f"the newest version of 'd0' is {second}, not {first}"


def test_a_failed_run_whose_jobs_may_still_end_made_nothing_yet() -> None:
    world = World([[], []], versioned=True)
    world.go()
    world.write(0)
    world.end(1, exit_code=1)  # and nobody has told
    world.table.end_run(world.run_id, RunStatus.CANCELLED, "by hand", world.now)
    world.go()
    assert world.again() == dict.fromkeys(["n0", "n1"], UNKNOWN)


def test_only_the_ten_newest_runs_are_looked_through_and_only_while_there_is_time() -> None:
    world = World([[], []])
    once(world)
    for _ in range(MOST_PASTS - 1):
        world.go(nodes=["n1"], reuse=False)
        world.write_all()
        world.settle()
    assert world.go().groups_total == 0
    world.settle()
    del world.table._runs[world.run_id]
    world.left = 10.0
    world.go()
    assert world.again() == dict.fromkeys(["n0", "n1"], UNKNOWN)
    world.left = 60.0
    del world.table._runs[world.run_id]
    world.go(nodes=["n1"], reuse=False)
    world.write_all()
    world.settle()
    world.go()
    assert world.again() == {"n0": UNKNOWN}


def test_a_run_that_failed_at_the_same_time_may_have_written_and_one_just_before_or_after_has_not() -> None:
    world = World([[]])
    world.go(reuse=False)
    world.write(0, exit_code=1)
    world.now += 1
    world.go(reuse=False)
    world.write(0)
    world.settle()
    assert world.go().groups_total == 0
    world.settle()
    world.go(reuse=False)
    failing = world.run_id
    world.go(reuse=False)
    world.write(0)
    mine, world.run_id = world.run_id, failing
    world.end(0, exit_code=1)
    world.deliver(world.job(0))
    world.settle()
    world.run_id = mine
    world.go()
    assert world.again() == {"n0": f"run {failing} may have written 'd0' at the same time"}


def test_what_leaves_nothing_runs_each_time_and_so_does_what_it_needs_from_memory() -> None:
    world = World([[], [0], []])
    datasets = {**world.document.datasets}
    datasets["d0"] = replace(datasets["d0"], location="memory")
    datasets["d1"] = replace(datasets["d1"], location="memory")
    world.document = replace(world.document, datasets=datasets)
    once(world)
    world.go()
    assert world.again() == {
        "n0": "'d0', which it leaves in memory, is needed again",
        "n1": "nothing that it leaves shows that it has run",
    }


def test_what_is_left_in_memory_is_reused_if_its_readers_are() -> None:
    world = World([[], [0]])
    datasets = {**world.document.datasets, "d0": replace(world.document.datasets["d0"], location="memory")}
    world.document = replace(world.document, datasets=datasets)
    once(world)
    del world.shown["d0"]
    assert world.go().groups_total == 0


def test_a_split_node_runs_each_time() -> None:
    world = World([[]], raw=True)
    datasets = {name: replace(one, partitions="kept") for name, one in world.document.datasets.items()}
    nodes = (replace(world.document.nodes[0], resources={"split": 2}),)
    world.document = replace(world.document, nodes=nodes, datasets=datasets)
    once(world)
    world.go()
    assert world.again() == {"n0": "it is split, and it can't be told whether all of its partitions are still there"}


def test_a_batch_attempt_before_the_last_may_have_written_too() -> None:
    end = Outcome(Mark(0), True, started_at=500, ended_at=600, earlier_times=(100, 200, 300, 400))
    assert whole_span(end) == AtWork(100, 600)
    assert whole_span(replace(end, earlier_times=None)) == AtWork(500, 600)
    assert whole_span(replace(end, started_at=None, earlier_times=None)) is None
    assert whole_span(replace(end, ended_at=None)) == AtWork(100, 1 << 62)
    assert spans_of_done(plan_of([[]]), [replace(end, succeeded=False), replace(end, ended_at=None)]) == {}
    assert spans_of_done(plan_of([[]]), [replace(end, started_at=None)]) == {}
    assert spans_of_done(plan_of([[]]), [end]) == {"n0": AtWork(500, 600)}


def test_spans_that_touch_may_meet() -> None:
    rival = Rival("r", {"a": "", "b": ""}, {"a": [AtWork(10, 20)]})
    told = [rival.may_have_written("a", AtWork(*span)) for span in ((0, 9), (0, 10), (20, 30), (21, 30))]
    assert told == [False, True, True, False]
    assert not rival.may_have_written("b", AtWork(0, 30))
    assert not Rival("r", {"a": ""}, None).may_have_written("b", AtWork(0, 30))


def test_an_output_counts_from_the_second_in_which_its_node_began_to_the_moment_of_its_end() -> None:
    world = World([[]])
    once(world)
    began, ended = world.started_and_ended()
    for at, left in ((began - began % 1000 - 1, 1), (began - began % 1000, 0), (ended, 0), (ended + 1, 1)):
        world.shown["d0"]["at"] = at
        assert world.go(dry_run=True).groups_total == left
        del world.table._runs[world.run_id]


def test_a_run_that_there_was_no_time_to_look_at_may_have_written_anything() -> None:
    world = World([[]])
    once(world)
    history, always = read_history(world.dispatcher, world.document), AtWork(0, 1 << 62)
    (known,) = history.rivals(always, None)
    assert (known.may_have_written("n0", always), known.may_have_written("n1", always)) == (True, False)
    world.left = 10.0
    (unknown,) = history.rivals(always, None)
    assert unknown.may_have_written("n1", always)


def test_what_nobody_had_time_to_look_at_contests_all_and_a_run_of_other_nodes_none() -> None:
    world = World([[], []])
    world.go(nodes=["n1"], reuse=False)
    first = world.run_id
    world.go(reuse=False)
    world.write_all()
    request: dict[str, Any] = {"stored": world.shown}
    history = read_history(world.dispatcher, world.document)
    _, known = make_plan(world.document, request, "r", ALLOWED, history)
    assert known is not None
    assert known.again == {"n1": f"run {first} may have written 'd1' at the same time"}
    unread = History(history.pasts, lambda *_: [Rival("another", None, None)])
    _, unknown = make_plan(world.document, request, "r", ALLOWED, unread)
    assert unknown is not None
    assert unknown.again == {f"n{one}": f"run another may have written 'd{one}' at the same time" for one in (0, 1)}
