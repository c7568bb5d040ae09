"""What a job's end means for the groups that its container got, and which of them run again."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatch
from typing import Any

import pytest

from dag.carrying import (
    FAILED_FOR_GOOD,
    KILLED_FOR_GOOD,
    OURS,
    TIMED_OUT,
    TOO_LONG,
    UNSURE,
    best,
    ends,
    limit,
    passed_on,
    repeats,
    sooner,
    suits,
)
from dag.plan import Plan
from dag.records import OUR_REASON, Outcome, Worker
from dag.shards import Mark

from .build import plan_of, view_of

WARM = plan_of([[]] * 4, {"params": {"aws_batch": {"warm_containers": True}}})
#: Its first group is done, and it is at its second since 500.
WORKER = Worker("job", Mark(0), done=0, answered=1, answer=Mark(1), before=Mark(0), answered_at=500)
FAILED = Outcome(Mark(0), succeeded=False, reason="no", job_id="job", started_at=100, ended_at=900, exit_code=1)


def test_what_was_reported_as_done_has_succeeded_and_the_rest_ended_as_the_job_did() -> None:
    first, second = ends(WORKER, FAILED, view_of(claimed=[0, 1]))
    assert first == Outcome(Mark(0), succeeded=True, job_id="job", started_at=100, ended_at=900)
    assert second == replace(FAILED, mark=Mark(1), place=1, started_at=500)


def test_a_group_that_exceeded_its_time_out_failed_in_batch_s_words() -> None:
    late = replace(FAILED, reason="Essential container in task exited", exit_code=TOO_LONG)
    assert [end.reason for end in ends(WORKER, late, view_of())] == [None, TIMED_OUT]


@pytest.mark.parametrize(("code", "own"), [(FAILED_FOR_GOOD, 1), (KILLED_FOR_GOOD, 137), (3, 3), (None, None)])
def test_a_group_that_may_not_be_tried_again_has_the_exit_code_that_it_had_alone(
    code: int | None, own: int | None
) -> None:
    assert [end.exit_code for end in ends(WORKER, replace(FAILED, exit_code=code), view_of())] == [None, own]


def test_what_has_an_outcome_is_told_no_other() -> None:
    assert [end.mark for end in ends(WORKER, FAILED, view_of(succeeded=[0]))] == [Mark(1)]
    assert [end.mark for end in ends(WORKER, FAILED, view_of(failed=[1]))] == [Mark(0)]


def test_what_was_done_has_succeeded_even_if_its_failure_was_told_before() -> None:
    assert [(end.mark, end.succeeded) for end in ends(WORKER, FAILED, view_of(failed=[0, 1]))] == [(Mark(0), True)]


def test_a_container_s_first_group_began_with_the_job() -> None:
    (end,) = ends(Worker("job", Mark(0), answer=Mark(0), answered_at=500), FAILED, view_of(claimed=[0]))
    assert end == FAILED


@pytest.mark.parametrize(
    ("outcome", "again"),
    [
        (replace(FAILED, exit_code=UNSURE), True),
        (FAILED, False),
        (replace(FAILED, place=1), False),
        (replace(FAILED, exit_code=UNSURE, succeeded=True), False),
        (replace(FAILED, exit_code=UNSURE, reason=f"{OUR_REASON}the run is over"), False),
        (replace(FAILED, exit_code=UNSURE, mark=Mark(0, 1)), False),  # a repetition itself
        (replace(FAILED, exit_code=137, reason="OutOfMemoryError: killed"), False),  # alone in its container
        (replace(FAILED, exit_code=137, reason="OutOfMemoryError: killed", place=1), True),
    ],
)
def test_what_is_not_a_group_s_own_fault_runs_once_more(outcome: Outcome, again: bool) -> None:
    assert repeats(WARM, outcome) is again


def test_a_repetition_has_a_container_of_its_own() -> None:
    assert [suits(WARM, Mark(0), Mark(1, attempt)) for attempt in (0, 1)] == [True, False]


def test_a_container_has_a_limit_if_its_group_has_one() -> None:
    timed = plan_of([[]], {"params": {"aws_batch": {"resources": {"default": {"timeout": 600}}}}})
    warm: Plan = replace(timed, settings=replace(timed.settings, warm_containers=True, warm_seconds=3_600))
    assert limit(warm, Mark(0)) == 3_600 + 600
    assert limit(WARM, Mark(0)) is None


def test_the_first_that_suits_a_container_is_its_best() -> None:
    assert best(WARM, Mark(0), [Mark(1, 1), Mark(2), Mark(3)]) == Mark(2)
    assert best(WARM, Mark(0), [Mark(1, 1)]) is None


def test_only_a_higher_priority_in_the_same_share_comes_sooner() -> None:
    asks: list[dict[str, Any]] = [
        {"priority": 5_000, "share_identifier": "mine"},
        {"priority": 5_001, "share_identifier": "mine"},
        {"priority": 5_000, "share_identifier": "mine"},
        {"priority": 9_999, "share_identifier": "theirs"},
        {"priority": 9_999, "share_identifier": "mine", "job_queue": "queue_2"},
        {"share_identifier": "mine"},  # 9,999 by its path
        {"priority": 9_999},
    ]
    plan = plan_of([[]] * len(asks))
    groups = (
        replace(group, resources={**group.resources, **more}) for group, more in zip(plan.groups, asks, strict=True)
    )
    plan = replace(plan, groups=tuple(groups))
    assert [sooner(plan, [group]) for group in (0, 1, 5, 6)] == [[1], [], [], []]
    assert sooner(plan, range(len(asks))) == [1]
    assert sooner(plan, []) == []


def test_no_group_s_exit_code_passes_for_its_container_s() -> None:
    assert [passed_on(code) for code in (0, 1, 3, 137, 7, UNSURE, TOO_LONG)] == [0, 1, 3, 137, 1, 1, 1]


def test_batch_tries_no_container_again_whose_group_may_not_be_tried_again() -> None:
    told = [passed_on(code, is_last=True) for code in (0, 1, 3, 137, 7)]
    assert told == [0, FAILED_FOR_GOOD, FAILED_FOR_GOOD, KILLED_FOR_GOOD, FAILED_FOR_GOOD]
    assert all(fnmatch(str(code), OURS) for code in told[1:])
