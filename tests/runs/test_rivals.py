"""Which earlier runs count for a run that reuses, and which may have written the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dag.plan import AtWork
from dag.records import Outcome
from dag.request import make_plan
from dag.reuse import UNKNOWN, History
from dag.rivals import Rival
from dag.shards import Mark
from dag.status import RunStatus
from runs.history import MOST_PASTS, read_history, spans_of_done, whole_span
from tests.dag.build import plan_of
from tests.runs.reusing import ALLOWED, BOTH, World, once


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


def test_a_batch_attempt_before_the_last_may_have_written_too() -> None:
    end = Outcome(Mark(0), True, started_at=500, ended_at=600, earlier_times=(100, 200, 300, 400))
    assert whole_span(end) == AtWork(100, 600)
    assert whole_span(replace(end, earlier_times=None)) == AtWork(500, 600)
    assert whole_span(replace(end, started_at=None, earlier_times=None)) is None
    assert whole_span(replace(end, ended_at=None)) == AtWork(100, 1 << 62)
    assert whole_span(replace(end, tries=3, created_at=50)) == AtWork(100, 600)
    assert whole_span(replace(end, tries=4, created_at=50)) == AtWork(50, 600)
    assert whole_span(replace(end, tries=2, earlier_times=None)) == AtWork(0, 600)
    assert spans_of_done(plan_of([[]]), [replace(end, succeeded=False), replace(end, ended_at=None)]) == {}
    assert spans_of_done(plan_of([[]]), [replace(end, started_at=None)]) == {}
    assert spans_of_done(plan_of([[]]), [end]) == {"n0": AtWork(500, 600)}


def test_a_job_that_batch_has_forgotten_may_have_been_at_work_at_any_time_and_one_that_it_refused_never_was() -> None:
    assert whole_span(Outcome(Mark(0), False, job_id="a")) == AtWork(0, 1 << 62)
    assert whole_span(Outcome(Mark(0), False)) is None
    assert whole_span(Outcome(Mark(0), False, job_id="a", started_at=5)) == AtWork(5, 1 << 62)
    assert whole_span(Outcome(Mark(0), False, job_id="a", ended_at=5, tries=2)) is None


def test_what_a_job_that_batch_has_forgotten_may_have_written_is_made_again() -> None:
    world = World([[]])
    world.go(reuse=False)
    lost = world.run_id
    world.now += 1000
    world.go(reuse=False)
    world.write_all()
    world.batch.jobs.clear()
    world.settle()
    world.settle()
    run = world.table.get_run(lost)
    assert run is not None
    assert run.over
    world.go()
    assert world.again() == {"n0": f"run {lost} may have written 'd0' at the same time"}


def test_spans_that_touch_may_meet() -> None:
    rival = Rival("r", {"a": "", "b": ""}, {"a": [AtWork(10, 20)]})
    told = [rival.may_have_written("a", AtWork(*span)) for span in ((0, 9), (0, 10), (20, 30), (21, 30))]
    assert told == [False, True, True, False]
    assert not rival.may_have_written("b", AtWork(0, 30))
    assert not Rival("r", {"a": ""}, None).may_have_written("b", AtWork(0, 30))


def test_an_output_counts_from_the_second_in_which_its_node_began_to_the_moment_of_its_end() -> None:
    world = World([[]])
    world.now += 1234
    once(world)
    began, ended = world.started_and_ended()
    assert began % 1000
    second = began - began % 1000
    for at, left in ((second - 1, 1), (second, 0), (began - 1, 1), (began, 0), (ended, 0), (ended + 1, 1)):
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
