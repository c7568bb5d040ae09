"""Faults × sizes: every run ends, however many groups it has, and each step comes within its stated bound."""

from __future__ import annotations

import random

import pytest

from dag.status import RunStatus
from tests.simulation.alone import FAULTS, build_alone
from tests.simulation.graphs import layers

#: For the largest, one fault of each kind that leaves most behind: a simulated group takes some ms of CPU.
_SOME = ("an invocation dies", "Batch answers 5xx for a minute", "EventBridge is out for ten minutes")
_RUN = [(10, fault) for fault in FAULTS] + [(1_000, fault) for fault in FAULTS] + [(10_000, fault) for fault in _SOME]


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("size", "fault"), _RUN)
def test_a_run_of_any_size_ends_within_the_bounds_of_what_goes_wrong(size: int, fault: str) -> None:
    world = build_alone(fault, size, layers(random.Random(size), 5, size // 5), array_jobs=True)
    world.go()
    assert [run.status for run in world.peek.runs()] == [RunStatus.SUCCEEDED]
