"""Faults × sizes: every run ends, however many groups it has, and each step comes within its stated bound."""

from __future__ import annotations

import random

import pytest

from dag.status import RunStatus
from tests.simulation.alone import FAULTS, IN_TURN, build_alone, build_in_turn
from tests.simulation.graphs import layers
from tests.simulation.world import World

_RUN = [(10, fault) for fault in FAULTS] + [(1_000, fault) for fault in FAULTS] + [(10_000, fault) for fault in IN_TURN]
#: The largest that a run may be. Simulated, one takes four to six minutes of CPU, so one has to do for all faults.
_LARGEST = 100_000


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_largest_run_ends_within_the_bounds_of_one_fault_after_the_other() -> None:
    _ends_well(build_in_turn(8, layers(random.Random(_LARGEST), 5, _LARGEST // 5), array_jobs=True))


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("size", "fault"), [*_RUN, (10_000, "ten invocations die")])
def test_a_run_of_any_size_ends_within_the_bounds_of_what_goes_wrong(size: int, fault: str) -> None:
    _ends_well(build_alone(fault, size, layers(random.Random(size), 5, size // 5), array_jobs=True))


def _ends_well(world: World) -> None:
    world.go()
    assert all(world.calls[operation] >= number for operation, number in world.crash_at)
    assert all(world.calls["SubmitJob"] >= number for number in world.batch.losing)
    assert all(world.answers[operation] >= number for operation, number in world.twice_at)
    assert [run.status for run in world.peek.runs()] == [RunStatus.SUCCEEDED]
