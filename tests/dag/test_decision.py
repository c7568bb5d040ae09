"""A run's next step: case by case, and after any history."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag.decision import (
    Decision,
    End,
    Submit,
    Wait,
    candidates_after,
    counts,
    decide,
    frontier,
    group_status,
    next_attempt,
    shards_to_read,
)
from dag.plan import Plan
from dag.shards import Mark, Shard, View
from dag.status import GroupStatus, OnFailure, RunStatus

from .build import plan_of, view_of

#: 0 → 2 → 4, 1 → 3 → 4
TWO_LANES = [[], [], [0], [1], [2, 3]]
FAILED, SUCCEEDED = End(RunStatus.FAILED), End(RunStatus.SUCCEEDED)
STARTED = {"claimed": [0, 1], "submitted": [0, 1]}


def submit(*groups: int) -> Submit:
    return Submit([Mark(group) for group in groups])


def decision(policy: str, parents: Sequence[Sequence[int]], marks: Mapping[str, Any]) -> Decision:
    """Decide as an invocation does that has read everything."""
    plan, view = plan_of(parents, on_failure=policy), view_of(**marks)
    return decide(plan, view, range(len(parents)), failed=bool(view.failures()))


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ({}, submit(0, 1)),
        ({"claimed": [0]}, submit(1)),
        (STARTED, Wait()),
        ({**STARTED, "succeeded": [0]}, submit(2)),
        ({**STARTED, "succeeded": [0, 1]}, submit(2, 3)),
        ({"claimed": range(4), "submitted": range(4), "succeeded": [0, 1, 2]}, Wait()),
        ({"claimed": range(4), "submitted": range(4), "succeeded": range(4)}, submit(4)),
        ({"claimed": range(5), "submitted": range(5), "succeeded": range(5)}, SUCCEEDED),
        (
            {"claimed": [4], "succeeded": [4]},
            SUCCEEDED,
        ),  # the others' shards are not read: a sink implies all before it
    ],
)
@pytest.mark.parametrize("policy", list(OnFailure))
def test_without_a_failure_the_policies_are_one(
    policy: OnFailure, marks: Mapping[str, Any], expected: Decision
) -> None:
    assert decision(policy.value, TWO_LANES, marks) == expected


ONE_FAILED = {**STARTED, "failed": [0]}
OTHER_DONE = {**ONE_FAILED, "succeeded": [1]}
LANE_DONE = {"claimed": [0, 1, 3], "submitted": [0, 1, 3], "failed": [0], "succeeded": [1, 3]}
NEVER_SUBMITTED = {"claimed": [0, 1], "submitted": [1], "failed": [0], "succeeded": [1]}
LOST = {"claimed": [0, 1], "submitted": [1], "failed": [1]}
RETRYING = {"claimed": [0, 1], "submitted": [0, 1], "failed": [0], "retried": [0]}


@pytest.mark.parametrize(
    ("policy", "marks", "expected"),
    [
        ("abort", ONE_FAILED, FAILED),
        ("abort", OTHER_DONE, FAILED),
        ("abort", LOST, FAILED),
        ("drain", ONE_FAILED, Wait()),
        ("drain", OTHER_DONE, FAILED),
        ("drain", NEVER_SUBMITTED, FAILED),
        ("drain", LOST, Wait()),  # a claim that may or may not have a job
        ("continue", ONE_FAILED, Wait()),
        ("continue", OTHER_DONE, submit(3)),
        ("continue", {**OTHER_DONE, "claimed": [0, 1, 3]}, Wait()),
        ("continue", LANE_DONE, FAILED),
        *((policy.value, RETRYING, Submit([Mark(0, 1)])) for policy in OnFailure),
    ],
)
def test_after_a_failure_the_policy_decides(policy: str, marks: Mapping[str, Any], expected: Decision) -> None:
    assert decision(policy, TWO_LANES, marks) == expected


def test_the_longest_way_left_goes_first_and_then_the_order_of_the_graph() -> None:
    plan = plan_of([[], [], [], [1], [3]])
    assert frontier(plan, View(), range(5)) == [Mark(1), Mark(0), Mark(2)]


def test_only_candidates_are_looked_at() -> None:
    assert frontier(plan_of(TWO_LANES), View(), [1, 4]) == [Mark(1)]


# Whatever has happened


@st.composite
def histories(draw: st.DrawFn) -> tuple[Plan, list[tuple[str, Mark]]]:
    """Draw a plan, and marks as a run makes them, or any others."""
    size = draw(st.integers(1, 7))
    parents = [sorted(draw(st.sets(st.integers(0, index - 1), max_size=3))) if index else [] for index in range(size)]
    plan = plan_of(parents, on_failure=draw(st.sampled_from([policy.value for policy in OnFailure])))
    some = st.builds(Mark, st.integers(0, size - 1), st.sampled_from([0, 0, 0, 1]), st.just(0))
    names = st.sampled_from(["claimed", "submitted", "succeeded", "failed", "retried"])
    return plan, draw(st.lists(st.tuples(names, some), max_size=15))


def add(view: View, name: str, mark: Mark) -> None:
    view.add(Shard(mark.shard).with_marks(**{name: [mark.number]}))


@given(histories())
def test_the_frontier_holds_no_claimed_attempt_and_no_group_with_an_unfinished_parent(
    history: tuple[Plan, list[tuple[str, Mark]]],
) -> None:
    plan, marks = history
    view = View()
    for name, mark in marks:
        add(view, name, mark)
    ready = frontier(plan, view, range(len(plan.groups)))
    succeeded = {mark.group for name, mark in marks if name == "succeeded"}
    taken = {mark for name, mark in marks if name in ("claimed", "submitted")}
    assert not taken & set(ready)
    assert not {mark.group for mark in ready} & {mark.group for mark in taken if mark.group in succeeded}
    assert all(set(plan.groups[mark.group].parents) <= succeeded for mark in ready)
    assert len({mark.group for mark in ready}) == len(ready)
    lengths = [plan.remaining[mark.group] for mark in ready]
    assert lengths == sorted(lengths, reverse=True)
    untouched = {group for group in range(len(plan.groups)) if all(mark.group != group for _, mark in marks)}
    free = {group for group in untouched if set(plan.groups[group].parents) <= succeeded}
    assert free <= {mark.group for mark in ready}


def test_a_priority_within_a_share_comes_before_the_longest_path() -> None:
    plan = plan_of([[], [], [], [0]])
    groups = list(plan.groups)
    groups[1] = replace(groups[1], resources={**groups[1].resources, "priority": 10, "share_identifier": "mine"})
    groups[2] = replace(groups[2], resources={**groups[2].resources, "priority": 9_999})
    lowest = replace(plan, groups=tuple(groups))
    assert list(map(round, lowest.urgency)) == [9_999, 10, 5_000, 5_000]  # without a share it means nothing to Batch
    assert frontier(lowest, View(), range(3)) == [Mark(0), Mark(2), Mark(1)]
    groups[1] = replace(groups[1], resources={**groups[1].resources, "priority": 9_999, "share_identifier": "mine"})
    groups[0] = replace(groups[0], resources={**groups[0].resources, "share_identifier": "mine", "priority": 9_998})
    highest = replace(plan, groups=tuple(groups))
    assert frontier(highest, View(), range(3)) == [Mark(1), Mark(0), Mark(2)]


@given(histories())
def test_nothing_that_was_submitted_is_ever_ready_again_whatever_comes(
    history: tuple[Plan, list[tuple[str, Mark]]],
) -> None:
    plan, marks = history
    view = View()
    gone: set[Mark] = set()
    for name, mark in marks:
        add(view, name, mark)
        gone |= {mark} if name in ("claimed", "submitted") else set()
        assert not gone & set(frontier(plan, view, range(len(plan.groups))))


@given(histories(), st.integers())
def test_a_snapshot_of_different_moments_calls_nothing_ready_that_the_truth_does_not_hold_finished(
    history: tuple[Plan, list[tuple[str, Mark]]], seed: int
) -> None:
    plan, marks = history
    rng = random.Random(seed)
    torn = View()
    for name, mark in marks:
        if rng.random() < 0.5:
            add(torn, name, mark)
    succeeded = {mark.group for name, mark in marks if name == "succeeded"}
    ready = frontier(plan, torn, range(len(plan.groups)))
    assert all(set(plan.groups[mark.group].parents) <= succeeded for mark in ready)


@given(histories())
def test_a_run_ends_only_when_all_sinks_are_done_or_something_failed(
    history: tuple[Plan, list[tuple[str, Mark]]],
) -> None:
    plan, marks = history
    view = View()
    for name, mark in marks:
        add(view, name, mark)
    failed = bool(view.failures())
    decided = decide(plan, view, range(len(plan.groups)), failed)
    if isinstance(decided, End):
        assert (decided.status is RunStatus.FAILED) == failed
        assert failed or all(view.succeeded(sink) for sink in plan.sinks)
        assert decided.status is RunStatus.SUCCEEDED or plan.settings.on_failure is OnFailure.ABORT or view.accounted()
    if isinstance(decided, Submit):
        assert decided.frontier == frontier(plan, view, range(len(plan.groups)))
        assert not failed or plan.settings.on_failure is OnFailure.CONTINUE


@given(st.integers(1, 8), st.randoms(use_true_random=False))
def test_a_run_whose_jobs_all_succeed_submits_each_group_once_and_succeeds(size: int, rng: random.Random) -> None:
    plan = plan_of([[above for above in range(index) if rng.random() < 0.4] for index in range(size)])
    view, running, submitted = View(), list[Mark](), list[Mark]()
    while not isinstance(decided := decide(plan, view, range(size), failed=False), End):
        if isinstance(decided, Submit):
            for mark in decided.frontier:
                add(view, "claimed", mark)
                add(view, "submitted", mark)
            running += decided.frontier
            submitted += decided.frontier
        add(view, "succeeded", running.pop(rng.randrange(len(running))))
    assert decided == SUCCEEDED
    assert sorted(submitted) == [Mark(group) for group in range(size)]


# What has to be looked at


def test_the_end_of_an_attempt_makes_its_children_candidates_and_itself() -> None:
    plan = plan_of(TWO_LANES)
    assert candidates_after(plan, [Mark(0), Mark(3)]) == {0, 2, 3, 4}
    assert candidates_after(plan, []) == set()


def test_the_shards_of_the_candidates_and_of_their_parents_are_read() -> None:
    plan = plan_of([*([] for _ in range(600)), [0, 599]])
    assert shards_to_read(plan, [600]) == {0, 2}
    assert shards_to_read(plan, [300]) == {1}


@pytest.mark.parametrize(
    ("marks", "run", "running", "expected"),
    [
        ({}, RunStatus.RUNNING, False, GroupStatus.WAITING),
        ({}, RunStatus.FAILED, False, GroupStatus.SKIPPED),
        ({"claimed": [0]}, RunStatus.RUNNING, False, GroupStatus.SUBMITTED),
        ({"claimed": [0], "submitted": [0]}, RunStatus.RUNNING, True, GroupStatus.RUNNING),
        ({"submitted": [0], "succeeded": [0]}, RunStatus.CANCELLED, False, GroupStatus.SUCCEEDED),
        ({"submitted": [0], "failed": [0]}, RunStatus.RUNNING, False, GroupStatus.FAILED),
        ({"submitted": [0], "failed": [0], "retried": [0]}, RunStatus.RUNNING, False, GroupStatus.WAITING),
        ({"submitted": [0], "failed": [0], "retried": [0]}, RunStatus.FAILED, False, GroupStatus.FAILED),
        (
            {"submitted": [0], "failed": [0], "retried": [0], "again": [0]},
            RunStatus.FAILED,
            False,
            GroupStatus.CANCELLED,
        ),
        ({"submitted": [0, Mark(0, 1)], "failed": [0], "retried": [0]}, RunStatus.RUNNING, True, GroupStatus.RUNNING),
        ({"submitted": [0], "failed": [0], "cancelled": [0]}, RunStatus.FAILED, False, GroupStatus.CANCELLED),
        ({"claimed": [0], "failed": [0], "cancelled": [0]}, RunStatus.FAILED, False, GroupStatus.SKIPPED),
    ],
)
def test_what_has_become_of_a_group(
    marks: Mapping[str, Any], run: RunStatus, running: bool, expected: GroupStatus
) -> None:
    assert group_status(view_of(**marks), 0, run, running) is expected


def test_counts_name_every_status_and_add_up() -> None:
    plan = plan_of(TWO_LANES)
    view = view_of(claimed=[0, 1, 2], submitted=[0, 1], succeeded=[0])
    assert counts(plan, view, RunStatus.RUNNING, running=[1]) == {
        "WAITING": 2, "SUBMITTED": 1, "RUNNING": 1, "SUCCEEDED": 1, "FAILED": 0, "CANCELLED": 0, "SKIPPED": 0,
    }  # fmt: skip


def test_the_next_attempt_is_the_first_until_it_is_claimed_and_another_one_only_where_it_is_wanted() -> None:
    plan = plan_of([()] * 3)
    assert next_attempt(plan, view_of(), 0) == 0
    assert next_attempt(plan, view_of(claimed=[0]), 0) is None
    assert next_attempt(plan, view_of(submitted=[0]), 0) is None  # an event came before the claim was read
    assert next_attempt(plan, view_of(claimed=[1]), 0) == 0
    assert next_attempt(plan, view_of(claimed=[0], failed=[0]), 0) is None
    assert next_attempt(plan, view_of(claimed=[0], failed=[0], retried=[0]), 0) == 1
    second = [Mark(0), Mark(0, 1)]
    assert next_attempt(plan, view_of(claimed=second, failed=[0], retried=[0]), 0) is None
    assert next_attempt(plan, view_of(claimed=second, failed=second, retried=second), 0) == 2
    assert next_attempt(plan, view_of(claimed=[0], failed=[0], retried=[0], succeeded=[0]), 0) is None


def test_where_containers_carry_on_each_step_of_memory_has_two_attempts() -> None:
    plan = plan_of([()], memory_retry={"factor": 2, "max": 4000}, warm_containers=True)

    def after(*ended: int, again: Sequence[int] = ()) -> int | None:
        marks = [Mark(0, attempt) for attempt in ended]
        repeated = [Mark(0, attempt) for attempt in again]
        return next_attempt(plan, view_of(claimed=marks, failed=marks, retried=marks, again=repeated), 0)

    assert (after(0, again=[0]), after(0), after(0, 1, again=[0]), after(0, 2)) == (1, 2, 2, 4)
    assert [plan.memory(0, attempt) for attempt in range(7)] == [1000, 1000, 2000, 2000, 4000, 4000, None]
    assert [plan.as_before(attempt) for attempt in range(4)] == [1, None, 3, None]


def test_what_was_not_read_may_be_under_way_so_only_a_failure_ends_a_run_in_which_nothing_is_left() -> None:
    plan, view = plan_of(TWO_LANES), view_of(claimed=[0], submitted=[0], succeeded=[0])
    assert decide(plan, view, [4], failed=False) == Wait()  # another invocation is about to claim 1 and 2
    assert decide(plan, view, [], failed=False) == Wait()
