"""What is expected of a run by what earlier runs have taught."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dag.expected import LOCAL, ON_AWS, Calls, Expected, expected
from dag.plan import start_key

from .build import plan_of

if TYPE_CHECKING:
    from dag.plan import Plan

CHAIN: list[list[int]] = [[], [0], [1]]
FAN: list[list[int]] = [[], [], [], []]
DIAMOND: list[list[int]] = [[], [0], [0], [1, 2]]
FREE = Calls(first=0, link=0, carried=0)


def taught(parents: list[list[int]], seconds: list[float | None], *, start: float = 40.0, warm: bool = True) -> Plan:
    """Return a plan of which it is known how long groups and starts take."""
    plan = plan_of(parents, {"params": {"aws_batch": {"warm_containers": warm}}})
    groups = tuple(replace(group, seconds=one) for group, one in zip(plan.groups, seconds, strict=True))
    return replace(plan, groups=groups, starts={start_key(groups[0].resources): start})


@pytest.mark.parametrize(
    ("plan", "result"),
    [
        (taught(CHAIN, [10, 10, 10]), Expected(70.0, 1)),
        (taught(CHAIN, [10, 10, 10], warm=False), Expected(150.0, 3)),
        (taught(FAN, [10, 10, 10, 10]), Expected(50.0, 4)),
        (taught(DIAMOND, [10, 30, 30, 10]), Expected(130.0, 2)),  # one carries on, the other starts; 10 + 70 + 10
        (taught(DIAMOND, [10, 30, 5, 10]), Expected(105.0, 2)),  # the third isn't worth a wait of 30 s
    ],
)
def test_a_run_is_played_as_the_service_does_it(plan: Plan, result: Expected) -> None:
    assert expected(plan, FREE) == result


def test_a_group_waits_for_a_container_that_is_soon_free() -> None:
    """Of two that become ready together, one takes the container at once, and the other waits 5 s for it."""
    assert expected(taught([[], [0], [0]], [10, 5, 5]), FREE) == Expected(60.0, 1)


def test_max_workers_is_kept() -> None:
    plan = taught(FAN, [10, 10, 10, 10], warm=False)
    limited = replace(plan, settings=replace(plan.settings, max_workers=2))
    assert expected(limited, FREE) == Expected(100.0, 4)
    warm = taught(FAN, [10, 10, 10, 10])
    assert expected(replace(warm, settings=replace(warm.settings, max_workers=2)), FREE) == Expected(60.0, 2)


def test_what_never_ran_counts_as_nothing_and_is_counted() -> None:
    assert expected(taught(CHAIN, [10, None, 10]), FREE) == Expected(60.0, 1, unknown=1)
    assert expected(taught(CHAIN, [None, None, None]), FREE) is None


def test_each_link_takes_its_calls() -> None:
    calls = Calls(first=5, link=3, carried=1)
    assert expected(taught(CHAIN, [10, 10, 10]), calls) == Expected(77.0, 1)  # 5 + 40 + 10 + 2 × (1 + 10)
    assert expected(taught(CHAIN, [10, 10, 10], warm=False), calls) == Expected(161.0, 3)  # 5 + 150 + 2 × 3
    assert expected(taught(CHAIN, [10, 10, 10])) == expected(taught(CHAIN, [10, 10, 10]), ON_AWS)


def test_containers_share_the_vcpus_of_their_queue() -> None:
    cold = taught(FAN, [10, 10, 10, 10], warm=False)
    assert expected(cold, FREE, vcpus=2) == Expected(100.0, 4)
    assert expected(cold, FREE, vcpus=3) == Expected(100.0, 4)
    assert expected(cold, FREE, vcpus=4) == Expected(50.0, 4)
    both = [replace(each, resources={**each.resources, "vcpus": 2}) for each in cold.groups]
    assert expected(replace(cold, groups=tuple(both)), FREE, vcpus=3) == Expected(200.0, 4)
    other = {**cold.groups[0].resources, "job_queue": "queue_2"}
    apart = replace(cold, groups=(*cold.groups[:2], *(replace(each, resources=other) for each in cold.groups[2:])))
    starts = {start_key(each.resources): 40.0 for each in apart.groups}
    assert expected(replace(apart, starts=starts), FREE, vcpus=2) == Expected(50.0, 4)


def test_a_job_for_which_there_is_no_room_keeps_the_others_waiting() -> None:
    plan = taught([[], [], []], [30, 20, 10], warm=False)
    wide = replace(plan.groups[1], resources={**plan.groups[1].resources, "vcpus": 2})
    # The second fits when the first has ended, the third only then; a job that asks for more than all gets all.
    assert expected(replace(plan, groups=(plan.groups[0], wide, plan.groups[2])), FREE, vcpus=2) == Expected(180.0, 3)
    assert expected(replace(plan, groups=(plan.groups[0], wide, plan.groups[2])), FREE, vcpus=1) == Expected(180.0, 3)


def test_a_container_that_carries_on_keeps_its_vcpus_and_one_that_ends_gives_them_back() -> None:
    plan = taught([[], [], [0]], [10, 10, 10], start=2)
    assert expected(plan, FREE, vcpus=1) == Expected(34.0, 2)  # 2 + 10 + 10, then the other one
    assert expected(plan, LOCAL, vcpus=2) == Expected(22.1, 2)
