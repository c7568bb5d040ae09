"""Containers in virtual time: how many run, and what they are billed."""

from __future__ import annotations

import random
import time

import pytest

from benchmarks.aws import figures
from benchmarks.warm import Way, least, makespan, misjudged, played
from dag.durations import load_durations
from tests.simulation.graphs import chain, layers


@pytest.fixture(autouse=True)
def no_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let functions take no CPU, so that a run is the same on each machine."""
    monkeypatch.setattr(time, "thread_time", lambda: 0.0)


@pytest.mark.parametrize(
    ("way", "containers"), [(Way(warm=True), 1), (Way(warm=False), 10), (Way(warm=True, can_ask=False), 10)]
)
def test_a_chain_runs_in_one_container_if_it_can_ask(way: Way, containers: int) -> None:
    service = played(chain(10), [2.0] * 10, way)
    assert (service.containers.started, service.containers.groups) == (containers, 10)


def test_a_container_is_started_once_and_each_group_has_its_own_cost() -> None:
    service = played(chain(10), [20.0] * 10, Way(warm=True))
    floor = least(chain(10), [20.0] * 10, 45.0)
    first = (figures.JOB_OWN_MS.value + figures.SECOND_OWN_MS.value - 2 * figures.GROUP_OWN_MS.value) / 1000
    assert floor + first < makespan(service) < floor + first + 10 * 1.0
    assert service.batch.hosts.billed_seconds == pytest.approx(makespan(service), abs=2)


def test_later_runs_of_short_nodes_hardly_start_containers() -> None:
    parents = layers(random.Random(1), 4, 6)
    first = played(parents, [2.0] * 24, Way(warm=True))
    later = played(parents, [2.0] * 24, Way(warm=True), first.durations())
    assert later.containers.started <= 8 < first.containers.started
    assert later.usage.calls["SubmitJob"] <= 8


def test_durations_are_misjudged_by_no_more_than_a_factor() -> None:
    durations = played(chain(3), [4.0] * 3, Way(warm=True)).durations()
    exact, wrong = load_durations(durations), load_durations(misjudged(durations, 2))
    assert exact.keys() == wrong.keys()
    assert all(0.5 <= wrong[name] / exact[name] <= 2 for name in exact)
    assert wrong != exact
