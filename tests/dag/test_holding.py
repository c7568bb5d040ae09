"""What may be expected of containers, and how long groups and they wait for each other. Times are ms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from dag.carrying import suits
from dag.holding import MOST, Held, Prospect, asks, ends_at, first_ends_at, may_hold, to_hold, waits, wake_after
from dag.plan import Plan, start_key
from dag.records import Job, Worker
from dag.shards import Mark, View
from dag.sizes import MemoryRetry

from .build import plan_of, view_of

NOW = 100_000
#: At its second group, since a second ago.
AT_WORK = Worker("job", Mark(0), done=0, answered=1, answer=Mark(1), answered_at=NOW - 1_000)
WAITING = Worker("other", Mark(2), done=1, answered=1, answer=Mark(3), answered_at=NOW - 9_000, waits_until=NOW + 500)


def taught(parents: list[list[int]], seconds: float | Mapping[int, float] = 4.0, start: float = 40.0) -> Plan:
    """Return a plan of which it is known how long groups and starts take."""
    plan = plan_of(parents, {"params": {"aws_batch": {"warm_containers": True}}})
    lasts = seconds if isinstance(seconds, Mapping) else dict.fromkeys(range(len(parents)), seconds)
    groups = tuple(replace(group, seconds=lasts.get(index)) for index, group in enumerate(plan.groups))
    return replace(plan, groups=groups, starts={start_key(groups[0].resources): start})


ALONE = taught([[]] * 12)


def asking_more(plan: Plan, group: int, **resources: Any) -> Plan:
    """Return the plan with a group that asks for other resources."""
    groups = list(plan.groups)
    groups[group] = replace(groups[group], resources={**groups[group].resources, **resources})
    return replace(plan, groups=tuple(groups))


# what may be expected of a worker -------------------------------------------------------------------------------------


def test_a_worker_ends_its_group_when_that_has_taken_as_long_as_usual() -> None:
    assert ends_at(ALONE, AT_WORK, NOW) == NOW + 3_000


@pytest.mark.parametrize(
    "change",
    [{"closed": True}, {"answer": None}, {"done": 1}, {"answered_at": None}],
)
def test_nothing_is_expected_of_a_worker_that_is_not_at_work(change: dict[str, Any]) -> None:
    assert ends_at(ALONE, replace(AT_WORK, **change), NOW) is None


@pytest.mark.parametrize(
    ("seconds", "late", "expected"),
    [(2.0, 999, True), (2.0, 1_000, False), (40.0, 9_999, True), (40.0, 10_000, False)],
)
def test_a_worker_is_overdue_a_quarter_after_the_usual_time_and_at_least_a_second(
    seconds: float, late: int, expected: bool
) -> None:
    plan = taught([[]] * 2, seconds)
    now = AT_WORK.answered_at or 0
    now += int(seconds * 1000) + late
    assert (ends_at(plan, AT_WORK, now) is not None) is expected


def test_the_first_group_ends_after_the_start_too_if_both_are_known() -> None:
    job = Job(mark=Mark(1), job_id="job", name="name", submitted_at=NOW)
    assert first_ends_at(ALONE, job, NOW) == NOW + 44_000
    assert first_ends_at(replace(ALONE, starts={}), job, NOW) is None
    assert first_ends_at(taught([[]] * 2, {0: 4.0}), job, NOW) is None


@pytest.mark.parametrize(
    ("change", "now", "waiting", "asking"),
    [
        ({}, NOW, True, False),
        ({}, NOW + 1_499, True, False),
        ({}, NOW + 1_500, False, True),  # it should have asked a second ago, and may be about to
        ({"waits_until": None}, NOW, False, True),
        ({"closed": True}, NOW, False, False),
        ({"answered": 2}, NOW, False, False),
    ],
)
def test_who_has_reported_its_group_asks_or_waits(
    change: dict[str, Any], now: int, waiting: bool, asking: bool
) -> None:
    worker = replace(WAITING, **change)
    assert (waits(worker, now), asks(worker, now)) == (waiting, asking)


def test_a_worker_that_is_a_little_late_is_expected_now() -> None:
    plan = taught([[]] * 12, 7.0)
    late = replace(AT_WORK, answered_at=NOW - 8_000)  # a second late
    assert held(plan, [late], 4, 5, 6, 7) == dict.fromkeys((4, 5, 6), NOW + 20_000)


def test_who_has_ended_or_was_told_that_there_is_nothing_does_not_ask() -> None:
    assert not asks(replace(WAITING, waits_until=None, closed=True), NOW)
    assert not asks(Worker("job", Mark(0), done=1, answered=1, answer=None), NOW)


# groups that wait -----------------------------------------------------------------------------------------------------


def held(plan: Plan, workers: list[Worker], *groups: int, known: Held | None = None) -> dict[int, int]:
    return to_hold(plan, [Mark(group) for group in groups], workers, known or Held(), NOW)


def test_each_worker_is_expected_to_take_one_group_after_the_other() -> None:
    until = NOW + 20_000
    assert held(ALONE, [AT_WORK], 4, 5, 6, 7, 8, 9) == dict.fromkeys((4, 5, 6, 7, 8), until)  # at 3, 7, 11, 15, 19 s
    assert held(ALONE, [AT_WORK, WAITING], 4, 5) == {4: until, 5: until}


def test_after_a_group_of_unknown_length_a_worker_counts_no_more() -> None:
    unknown = taught([[]] * 12, {1: 4.0, 5: 4.0})
    assert held(unknown, [AT_WORK], 4, 5) == {4: NOW + 20_000}


def test_what_a_worker_has_not_asked_for_before_is_not_expected_of_it() -> None:
    first = replace(AT_WORK, answered=0, done=-1, answer=Mark(0))
    assert held(ALONE, [first], 4) == {}


def test_a_group_waits_only_for_a_worker_that_it_suits() -> None:
    assert held(asking_more(ALONE, 4, memory=2_000), [AT_WORK], 4, 5) == {5: NOW + 20_000}
    large = asking_more(ALONE, WAITING.first.group, memory=2_000)
    assert held(asking_more(large, 4, memory=2_000), [AT_WORK, WAITING], 4) == {4: NOW + 20_000}


def test_what_is_held_already_is_expected_to_be_taken_first_and_is_not_named_again() -> None:
    known = Held(dict.fromkeys((3, 4, 5), NOW + 9_000))
    assert held(ALONE, [AT_WORK], 3, 4, 5, 6, 7, 8, known=known) == {6: NOW + 20_000, 7: NOW + 20_000}


def test_what_was_held_in_vain_or_is_repeated_gets_a_container_of_its_own() -> None:
    assert held(ALONE, [AT_WORK], 4, known=Held({4: NOW})) == {}
    assert held(ALONE, [AT_WORK], *range(4, 10), known=Held({4: NOW})) == dict.fromkeys(range(5, 10), NOW + 20_000)
    assert [to_hold(ALONE, [Mark(4, attempt)], [AT_WORK], Held(), NOW) for attempt in (1, 2)] == [{}, {}]


def test_what_is_tried_with_more_memory_is_not_held_even_for_a_container_that_has_it() -> None:
    plan = asking_more(ALONE, 0, memory=9_000)
    plan = replace(plan, settings=replace(plan.settings, memory_retry=MemoryRetry(2, 8_000)))
    assert suits(plan, Mark(0), Mark(4, 2))
    assert [to_hold(plan, [Mark(4, attempt)], [AT_WORK], Held(), NOW) for attempt in (0, 2)] == [{4: NOW + 20_000}, {}]


def test_a_hold_ends_a_second_early_since_clocks_differ_and_is_the_first_attempt_s() -> None:
    some = Held({4: NOW + 1_001, 5: NOW + 1_000})
    assert [some.holds(Mark(group), NOW) for group in (4, 5, 6)] == [True, False, False]
    assert (some.holds(Mark(4, 2), NOW), some.knows(Mark(4, 2)), some.knows(Mark(5))) == (False, False, True)
    assert some.lately(NOW + 2_000) == {4}
    assert some.lately(NOW + 1_999) == {4, 5}


def test_what_has_waited_for_half_the_time_that_it_may_comes_first() -> None:
    some = Held({5: NOW + 9_999, 6: NOW + 10_000})
    ready = [Mark(4), Mark(6), Mark(5), Mark(5, 2)]
    assert some.urgent_first(ALONE, ready, NOW) == [Mark(5), Mark(4), Mark(6), Mark(5, 2)]


def test_a_priority_that_was_given_comes_before_what_has_waited() -> None:
    shared = {"share_identifier": "mine"}
    plan = asking_more(asking_more(ALONE, 4, **shared, priority=9_999), 7, **shared, priority=0)
    some = Held({5: NOW + 9_999, 7: NOW + 9_999})
    ready = [Mark(4), Mark(6), Mark(5), Mark(7)]
    assert some.urgent_first(plan, ready, NOW) == [Mark(4), Mark(5), Mark(6), Mark(7)]


def test_so_many_are_held_and_no_more() -> None:
    wide = taught([[]] * 400, 0.01)
    assert len(held(wide, [AT_WORK], *range(4, 400))) == MOST
    some = Held(dict.fromkeys(range(300, 310), NOW + 9_000) | {320: NOW - 1})
    assert len(held(wide, [AT_WORK], *range(4, 300), known=some)) == MOST - 10


def test_where_starts_are_unknown_or_short_or_containers_do_not_carry_on_nothing_is_held() -> None:
    assert may_hold(ALONE)
    assert not may_hold(replace(ALONE, starts={}))
    assert may_hold(taught([[]], start=4.0))
    assert not may_hold(taught([[]], start=3.99))
    assert not may_hold(replace(ALONE, settings=replace(ALONE.settings, warm_containers=False)))


def test_what_waits_is_looked_at_again_in_whole_seconds_and_not_before() -> None:
    assert [wake_after([NOW, NOW + late], NOW) for late in (0, 1, 1_000, 1_001)] == [0, 1, 1, 2]
    assert wake_after([NOW - 5_000], NOW) == 0


# workers that wait ----------------------------------------------------------------------------------------------------

#: Two roots, three children of both, and one of the first alone.
JOIN = taught([[], [], [0, 1], [0, 1], [0, 1], [0]])


def pause(soon: dict[int, int], others: int, *, plan: Plan = JOIN, view: View | None = None, waited: int = 0) -> int:
    children = sorted({child for group in soon for child in plan.children[group]})
    prospect = Prospect(first=Mark(0), soon=soon, others=others, children=children)
    return prospect.pause(plan, view or view_of(succeeded=[0]), NOW, waited)


def test_a_worker_waits_for_the_first_of_what_comes_if_there_is_enough_for_all() -> None:
    assert pause({1: NOW + 3_000}, 3) == 3_000
    assert pause({1: NOW + 3_000}, 4) == 0
    assert pause({}, 0) == 0


def test_a_child_comes_when_the_last_of_its_parents_has_ended() -> None:
    later = {0: NOW + 2_000, 1: NOW + 5_000}
    assert pause(later, 1, view=View(), plan=taught([[], [], [0, 1]])) == 5_000
    assert pause({0: NOW + 5_000, 1: NOW + 2_000}, 1, view=View(), plan=taught([[], [], [0, 1]])) == 5_000
    assert pause({1: NOW + 2_000}, 1, view=View()) == 0  # nobody knows when the other parent ends


def test_what_is_claimed_or_does_not_suit_the_worker_comes_for_others() -> None:
    assert pause({1: NOW + 3_000}, 3, view=view_of(succeeded=[0], claimed=[2])) == 0
    assert pause({1: NOW + 3_000}, 3, plan=asking_more(JOIN, 2, memory=9_000)) == 0


def test_a_worker_asks_again_after_a_second_at_least_and_later_each_time_until_half_a_start_is_over() -> None:
    asked = [pause({1: NOW}, 1, waited=waited) for waited in (0, 1_000, 2_000, 9_000, 15_000, 19_999, 20_000)]
    assert asked == [1_000, 1_000, 2_000, 9_000, 5_000, 1, 0]
