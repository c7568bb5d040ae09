"""Runs that reuse what earlier ones have made: what runs again, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dag.places import NO_BUCKETS
from dag.shards import Mark
from dag.status import RunStatus
from runs.description import describe, listed_runs
from tests.runs.reusing import BOTH, HOUR, World, once
from tests.simulation.graphs import QUEUE


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
        "sizes": [{"job_queue": QUEUE, "vcpus": 1, "memory": 1000, "gpus": 0, "seconds": 5.0, "with_minimum": 240.0}],
        "reused": ["n0", "n1", "n2", "n3"],
        "reused_total": 4,
        "again": {},
        "again_total": 0,
    }
    told = describe(world.dispatcher, second, 0, 1000)
    (one, *_) = told["reused_nodes"]
    began, ended = world.dispatcher.plan(second.run_id).wrote["n0"]
    assert one == {"node": "n0", "run_id": first.run_id, "started_at": began, "ended_at": ended}
    assert [one["node"] for one in told["reused_nodes"]] == ["n0", "n1", "n2", "n3"]
    assert (told["groups"], told["next_page"], told["settled"]) == ([], None, True)
    assert [detail["status"] for detail in world.announced[-2:]] == ["RUNNING", "SUCCEEDED"]
    listed = listed_runs(world.dispatcher, None, 2)
    assert [(run["resumed_from"], run["reused"]) for run in listed] == [(None, 4), (None, 0)]
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


def test_where_it_is_not_known_of_all_how_long_they_took_no_sizes_are_told() -> None:
    world = World([[], [0]], versioned=True)
    first = once(world)
    outcomes = world.table._outcomes[first.run_id]
    outcomes[Mark(0)] = replace(outcomes[Mark(0)], started_at=None)
    told = world.go().resumed
    assert told is not None
    assert (told["reused_total"], told["seconds"], told["sizes"]) == (2, 1.0, [])
    made = describe(world.dispatcher, world.run, 0, 1000)["reused_nodes"]
    assert [(one["node"], one["started_at"] is None) for one in made] == [("n0", True), ("n1", False)]


def test_the_first_page_alone_has_reused_nodes_so_many_for_each_group_of_it() -> None:
    world = World([[] for _ in range(9)])
    first = once(world)
    world.sign(*(f"another {index}" if index < 2 else f"code {index}" for index in range(9)))
    run = world.go()
    assert (run.groups_total, run.resumed and run.resumed["runs"]) == (2, {first.run_id: 7})
    pages = [describe(world.dispatcher, run, begin, limit) for begin, limit in ((0, 1000), (0, 1), (1, 1000))]
    assert [len(page["reused_nodes"]) for page in pages] == [7, 5, 0]


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


def _confirmed(world: World) -> None:
    nodes, pipelines = world.document.nodes, world.document.pipelines
    other = replace(nodes[0], name="other", outputs=(), confirms=("raw",))
    world.document = replace(world.document, nodes=(*nodes, other), pipelines={**pipelines, "other": (2,)})
    world.sign("code 0", "code 1", "code 2")


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
        (_confirmed, "what it loads of 'raw' depends on what has been confirmed of it"),
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
    assert (world.start(key="by a schedule").groups_total, world.again()) == (
        2,
        dict.fromkeys(["n0", "n1"], NO_BUCKETS),
    )


def test_without_reuse_nothing_of_earlier_runs_is_read() -> None:
    world = World([[], [0]])
    once(world)
    world.calls.clear()
    assert (world.go(reuse=False).groups_total, world.run.resumed) == (2, None)
    assert "listings" not in world.calls


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


def test_of_what_a_resumed_run_reads_while_nobody_asks_storage_the_state_before_is_not_noted() -> None:
    world = World([[], [0]], raw=True)
    first = world.go().run_id
    world.finish(0, exit_code=1)
    world.settle()
    before = dict(world.shown["raw"])
    world.shown["raw"]["digest"] = "with another file"
    second = world.start(key="unasked", resume_from=first).run_id
    world.write_all()
    world.settle()
    world.shown["raw"] = before  # as if that file was deleted
    world.go()
    assert world.again()["n0"] == f"it was not noted what 'raw' was when run {second} started"
