"""One run on the simulated AWS, measured."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.aws.deployment import Deployment
from benchmarks.aws.hosts import Hosts
from benchmarks.aws.service import Service
from benchmarks.shapes import Parents, critical_path
from tests.simulation.graphs import document


@dataclass(frozen=True)
class Measured:
    """A run that has ended."""

    service: Service
    nodes: int
    ratio: float  #: makespan ÷ critical path
    wait: float  #: seconds beyond the critical path
    makespan: float  #: seconds

    @property
    def per_thousand(self) -> float:
        """Return dollars for 1,000 nodes, without Batch itself."""
        return self.service.dollars() / self.nodes * 1000


def seconds(count: int, shortest: float, longest: float) -> list[float]:
    """Return how long each node takes."""
    rng = random.Random(60)
    return [rng.uniform(shortest, longest) for _ in range(count)]


def measure(
    parents: Parents, lasts: Sequence[float], deployment: Deployment, hosts: Hosts | None = None, **run: Any
) -> Measured:
    """Run a pipeline of nodes that last so many seconds, by default on hosts that start at once."""
    by_name = {f"n{index}": each * 1000 for index, each in enumerate(lasts)}
    service = Service(document(parents, **run), by_name.__getitem__, deployment)
    if hosts:
        service.batch.hosts = hosts
    service.go()
    path = critical_path(parents, lasts)
    assert service.ended is not None
    makespan = (service.ended - service.began) / 1000
    return Measured(service, len(parents), makespan / path, makespan - path, makespan)
