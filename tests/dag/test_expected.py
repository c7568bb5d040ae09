"""What is expected of a run by what earlier runs have taught."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dag.expected import Expected, expected
from dag.plan import start_key

from .build import plan_of

if TYPE_CHECKING:
    from dag.plan import Plan

CHAIN: list[list[int]] = [[], [0], [1]]
FAN: list[list[int]] = [[], [], [], []]
DIAMOND: list[list[int]] = [[], [0], [0], [1, 2]]


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
    assert expected(plan) == result


def test_a_group_waits_for_a_container_that_is_soon_free() -> None:
    """Of two that become ready together, one takes the container at once, and the other waits 5 s for it."""
    assert expected(taught([[], [0], [0]], [10, 5, 5])) == Expected(60.0, 1)


def test_max_workers_is_kept() -> None:
    plan = taught(FAN, [10, 10, 10, 10], warm=False)
    limited = replace(plan, settings=replace(plan.settings, max_workers=2))
    assert expected(limited) == Expected(100.0, 4)
    warm = taught(FAN, [10, 10, 10, 10])
    assert expected(replace(warm, settings=replace(warm.settings, max_workers=2))) == Expected(60.0, 2)


def test_what_never_ran_counts_as_nothing_and_is_counted() -> None:
    assert expected(taught(CHAIN, [10, None, 10])) == Expected(60.0, 1, unknown=1)
    assert expected(taught(CHAIN, [None, None, None])) is None
