"""Runs whose containers carry on: their makespan, containers and price beside one job a node's."""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.aws import figures
from benchmarks.aws.deployment import Deployment
from benchmarks.aws.hosts import Hosts, UnevenHosts
from benchmarks.aws.service import Service
from benchmarks.report import Cell, Report
from benchmarks.shapes import Parents, critical_path, few_nodes, large_kedro, sparse
from dag.durations import dump_durations, load_durations
from tests.simulation.graphs import chain, document, fan, layers

SHAPES: dict[str, Callable[[], Parents]] = {
    "12 nodes, 6 deep": few_nodes,
    "chain 30": lambda: chain(30),
    "1→60→1": lambda: fan(60),
    "6 layers of 12": lambda: layers(random.Random(1), 6, 12),
    "40 layers of 20": lambda: layers(random.Random(1), 40, 20),
    "random 80": lambda: sparse(random.Random(5), 80),
    "random 800": lambda: sparse(random.Random(5), 800),
    "800 nodes, 39 deep": large_kedro,
    "1→1,000→1": lambda: fan(1_000),
}
#: Those that are measured under all conditions.
_SMALL = ("12 nodes, 6 deep", "chain 30", "1→60→1", "6 layers of 12", "random 80")
LASTS = (2.0, 15.0, 120.0)
START = 45.0


@dataclass(frozen=True)
class Way:
    """How a run is made. Seconds."""

    warm: bool
    start: float = START
    uneven: bool = False  #: whether starts take 20–120 s
    can_ask: bool = True


def run() -> list[Report]:
    """Measure each shape with nodes of each length, then a few of them under other conditions."""
    return [_by_shape(), _by_condition()]


def _by_shape() -> Report:
    report = Report(
        "warm",
        f"Containers that carry on, with a start of {START:g} s on Fargate, in virtual time",
        (
            "shape",
            "nodes of, s",
            "one job a node",
            "first run",
            "later runs",
            "all in one job",
            "containers",
            "of",
            "billed",
            "ours, $/1,000",
        ),
        notes=(
            "makespan ÷ (the longest path, each group with its own cost, and one start); array jobs on",
            "later runs know how long groups and starts take; containers, price and dollars are theirs",
            "billed: seconds on Fargate, a minute a container at least, ÷ one job a node's",
        ),
    )
    for shape, make in SHAPES.items():
        parents = make()
        for each in LASTS:
            report.rows.append((shape, each, *_row(parents, [each] * len(parents))))
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return report


def _row(parents: Parents, lasts: Sequence[float]) -> tuple[Cell, ...]:
    cold, first = played(parents, lasts, Way(warm=False)), played(parents, lasts, Way(warm=True))
    later = played(parents, lasts, Way(warm=True), first.durations())
    floor = least(parents, lasts, START)
    alone = START + figures.JOB_OWN_MS.value / 1000 + sum(lasts)
    return (
        *(round(makespan(one) / floor, 2) for one in (cold, first, later)),
        round(alone / floor, 2),
        later.containers.started,
        len(lasts),
        round(later.batch.hosts.billed_seconds / cold.batch.hosts.billed_seconds, 2),
        round(later.dollars() / len(lasts) * 1000, 4),
    )


def _by_condition() -> Report:
    report = Report(
        "warm_conditions",
        "The same under other conditions: makespan ÷ one job a node's, the mean over shapes and lengths",
        ("condition", "mean", "worst", "billed, mean"),
        notes=(f"shapes: {', '.join(_SMALL)}; nodes of {', '.join(f'{each:g}' for each in LASTS)} s, and lognormal",),
    )
    conditions: dict[str, tuple[Way, float | None]] = {
        "starts of 0 s": (Way(warm=True, start=0), 1),
        "starts of 15 s": (Way(warm=True, start=15), 1),
        "starts of 45 s": (Way(warm=True), 1),
        "starts of 90 s": (Way(warm=True, start=90), 1),
        "starts of 300 s": (Way(warm=True, start=300), 1),
        "starts of 45 s, a first run": (Way(warm=True), None),
        "starts of 20–120 s, durations known to a factor of 2": (Way(warm=True, uneven=True), 2),
        "containers can't ask": (Way(warm=True, can_ask=False), 1),
    }
    for name, (way, error) in conditions.items():
        report.rows.append((name, *_compare(way, error)))
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return report


def _compare(way: Way, error: float | None) -> tuple[Cell, ...]:
    """Return the mean and the worst ratio of makespans, and the mean of the bills; `error` None is a first run."""
    ratios, bills = [], []
    for shape in _SMALL:
        parents = SHAPES[shape]()
        for lasts in (*([each] * len(parents) for each in LASTS), lognormal(len(parents))):
            cold = played(parents, lasts, Way(warm=False, start=way.start, uneven=way.uneven))
            taught = played(parents, lasts, way).durations() if error else None
            later = played(parents, lasts, way, misjudged(taught, error or 1))
            ratios.append(makespan(later) / makespan(cold))
            bills.append(later.batch.hosts.billed_seconds / cold.batch.hosts.billed_seconds)
    return round(statistics.mean(ratios), 2), round(max(ratios), 2), round(statistics.mean(bills), 2)


def misjudged(durations: bytes | None, error: float) -> bytes | None:
    """Return learned durations, each wrong by up to this factor."""
    if durations is None or error == 1:
        return durations
    rng = random.Random(2)
    known = {name: seconds * error ** rng.uniform(-1, 1) for name, seconds in load_durations(durations).items()}
    return dump_durations(known, 300_000)


def lognormal(count: int) -> list[float]:
    """Return durations around half a minute, of which some are much longer."""
    rng = random.Random(3)
    return [30 * rng.lognormvariate(0, 1) for _ in range(count)]


def played(parents: Parents, lasts: Sequence[float], way: Way, known: bytes | None = None) -> Service:
    """Return a run that has ended."""
    by_name = {f"n{index}": each * 1000 for index, each in enumerate(lasts)}
    made = document(parents, array_jobs=True, warm_containers=way.warm)
    service = Service(made, by_name.__getitem__, Deployment.deployed())
    service.containers.own_ms = figures.JOB_OWN_MS.value
    service.containers.own_second_ms = figures.SECOND_OWN_MS.value
    service.containers.own_warm_ms = figures.GROUP_OWN_MS.value
    service.containers.can_ask = way.can_ask
    service.batch.hosts = UnevenHosts(fargate=True) if way.uneven else Hosts(way.start * 1000, fargate=True)
    if known is not None:
        service.know(known)
    service.go()
    return service


def makespan(service: Service) -> float:
    """Return a run's seconds."""
    assert service.ended is not None
    return (service.ended - service.began) / 1000


def least(parents: Parents, lasts: Sequence[float], start: float) -> float:
    """Return the seconds of the longest path, with each group's own cost, and of one start."""
    return start + critical_path(parents, [each + figures.GROUP_OWN_MS.value / 1000 for each in lasts])
