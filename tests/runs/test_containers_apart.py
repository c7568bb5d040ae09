"""What is known of a container by its item and by Batch, put together by hand. Times are ms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from dag.holding import Held
from dag.records import Job, Outcome, Worker
from dag.shards import Mark
from runs.containers import Containers, Known, Own, begun
from tests.dag.build import plan_of

PLAN = plan_of([[]] * 4, {"params": {"aws_batch": {"warm_containers": True}}})
NOW = 1_000
FIRST, SECOND = Mark(0), Mark(1)
#: It was submitted for the first group, and is at the second.
AT_WORK = Worker("job", FIRST, done=0, answered=1, answer=SECOND, before=FIRST)


def containers(worker: Worker, alive: Mapping[str, Any] | None = None, held: Held | None = None) -> Containers:
    """Return what is known of one container, which Batch tells of if it lives."""
    return Containers(PLAN, {"job": worker}, {} if alive is None else {"job": alive}, held or Held(), NOW)


def closed(**container: Any) -> Containers:
    return containers(replace(AT_WORK, closed=True, container=container))


def job(mark: Mark, at: int) -> Job:
    return Job(mark, "job", "its name", at)


def own(known: Containers, mark: Mark, at: int, **end: Any) -> Own:
    """Return what an attempt did itself whose container got it at a moment; of one that has ended its end tells."""
    outcome = Outcome(mark, succeeded=True, job_id="job", **end) if end else None
    return known.tell(mark, Known(job(mark, at), outcome, {})).part


def test_of_a_job_that_ran_nothing_else_its_end_tells_or_batch_and_what_is_not_told_is_not_known() -> None:
    assert Known(None, Outcome(FIRST, succeeded=True), {}).part == Own(None, (), (), None)
    whole: dict[str, Any] = {
        "started_at": 3,
        "earlier_times": (1, 2),
        "earlier_streams": ("a",),
        "log_stream": "b",
        "log_group": "/own",
    }
    assert Known(None, Outcome(FIRST, succeeded=True, **whole), {}).part == Own(3, (1, 2), ("a", "b"), "/own")
    assert Known(None, None, {}).part == Own(None, (), (), None)
    options = {"logConfiguration": {"options": {"awslogs-group": "/own"}}}
    assert Known(None, None, {"startedAt": 3, "container": options}).part == Own(3, (), (), "/own")


def test_a_closed_container_is_known_by_its_item_and_a_living_one_by_batch() -> None:
    nothing = closed().told(SECOND, Known(job(SECOND, 5), None, {}))
    assert nothing is not None
    assert (nothing["started_at"], nothing["ended_at"], nothing["batch_attempts"]) == (None, None, [])
    assert own(closed(), SECOND, 5).streams == ()
    told = {"started_at": 3, "earlier_times": [1, 2], "earlier_streams": ["a"], "log_stream": "b", "log_group": "/own"}
    assert own(closed(**told), FIRST, 0) == Own(3, (1, 2), ("a", "b"), "/own")
    options = {"logStreamName": "a", "logConfiguration": {"options": {"awslogs-group": "/own"}}}
    assert own(containers(AT_WORK, {"startedAt": 3, "container": options}), FIRST, 0) == Own(3, (), ("a",), "/own")
    assert own(containers(AT_WORK, {"startedAt": 3}), FIRST, 0) == Own(3, (), (), None)
    assert own(containers(AT_WORK), FIRST, 0) == Own(None, (), (), None)


@pytest.mark.parametrize(("started", "began"), [(None, None), (3, 5), (8, 8)])
def test_a_carried_group_begins_when_its_container_gets_it_or_began_again(
    started: int | None, began: int | None
) -> None:
    assert own(containers(AT_WORK, {"startedAt": started}), SECOND, 5).started_at == began


@pytest.mark.parametrize(
    ("mark", "tries", "before", "began"),
    [
        (SECOND, 2, [1, 2], 90),  # its container began once more, with it
        (SECOND, 1, [], 50),
        (SECOND, 2, [1, 2, 3, 4], 50),  # it had ended before its container began for the third time
        (SECOND, 3, [1, 2, 3, 4], 90),
        (FIRST, 2, [1, 2], 50),
    ],
)
def test_a_group_that_ended_after_its_container_began_again_began_then(
    mark: Mark, tries: int, before: list[int], began: int
) -> None:
    known = closed(started_at=90, earlier_times=before)
    assert own(known, mark, 0, started_at=50, tries=tries).started_at == began


@pytest.mark.parametrize(("began", "started", "at"), [(None, None, None), (None, 7, 7), (9, None, 9), (9, 7, 9)])
def test_of_two_times_that_may_be_unknown_the_later_known_one_counts(
    began: int | None, started: int | None, at: int | None
) -> None:
    assert own(closed(started_at=started), SECOND, 0, started_at=began, tries=2).started_at == at


@pytest.mark.parametrize(
    ("mark", "at", "times"),
    [
        (SECOND, 3, (3, 5, 6, 9)),  # in the first attempt of Batch from then on, and in all of the second
        (SECOND, 5, (6, 9)),
        (SECOND, 20, ()),
        (FIRST, 20, (1, 5, 6, 9)),  # whatever the clock of whoever submitted it said
    ],
)
def test_earlier_attempts_of_batch_count_for_a_group_from_when_its_container_got_it(
    mark: Mark, at: int, times: tuple[int, ...]
) -> None:
    told = own(
        containers(AT_WORK, {"attempts": _attempts((1, 5), (6, 9)), "container": {"logStreamName": "c"}}), mark, at
    )
    assert told.times == times
    assert told.streams == ("a1", "a6", "c")[2 - len(times) // 2 :]


def test_earlier_attempts_of_batch_count_for_a_group_until_its_last_began() -> None:
    known = closed(started_at=20, earlier_times=[1, 5, 6, 9])
    assert [own(known, FIRST, 0, started_at=at).times for at in (4, 5, 9)] == [(), (1, 5), (1, 5, 6, 9)]


def _attempts(*times: tuple[int, int]) -> list[Mapping[str, Any]]:
    return [{"startedAt": at, "stoppedAt": end, "container": {"logStreamName": f"a{at}"}} for at, end in times]


def test_what_has_not_begun_has_no_time_though_it_was_tried_before() -> None:
    assert begun({"attempts": _attempts((1, 5))}) is None
    assert begun({"startedAt": 3, "attempts": _attempts((1, 5))}) == 5


def test_a_group_is_told_as_left_to_a_container_only_while_it_waits() -> None:
    known = containers(AT_WORK, held=Held({2: NOW + 1, 3: NOW}))
    assert [known.held_until(Mark(group), "WAITING") for group in range(4)] == [None, None, NOW + 1, None]
    assert known.held_until(Mark(2), "RUNNING") is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, NOW + 1),
        ({"waits_until": NOW}, None),
        ({"waits_until": None}, None),
        ({"closed": True}, None),
        ({"done": 0}, None),
    ],
)
def test_it_is_told_until_when_a_container_waits(change: dict[str, Any], told: int | None) -> None:
    waiting = replace(AT_WORK, done=1, waits_until=NOW + 1)
    container = containers(replace(waiting, **change)).told(FIRST, Known(job(FIRST, 0), None, {}))
    assert container is not None
    assert container["waits_until"] == told


def test_a_container_that_nobody_knows_is_told_with_its_size_alone() -> None:
    unknown = Known(Job(SECOND, "another", "its name", 0), None, {})
    told = containers(AT_WORK).told(SECOND, unknown)
    assert told is not None
    assert (told["carried"], told["asked"], told["started_at"]) == (False, False, None)
    assert containers(AT_WORK).tell(SECOND, unknown) is unknown
    assert [containers(AT_WORK).shares(known) for known in (unknown, Known(job(FIRST, 0), None, {}))] == [False, True]
