"""The hosts of Batch's containers: when a container begins after its job was accepted, and how long it is billed."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.aws import figures
from dag import limits


@dataclass
class Hosts:
    """An unlimited number of hosts, on which a container takes `start_ms` to begin, mostly to pull its image."""

    start_ms: float = figures.JOB_START_MS.value
    fargate: bool = False  #: whether tasks are launched and billed as Fargate's are
    billed_seconds: float = 0.0  #: of all jobs together, from each one's launch
    _next: float = field(default=0.0, repr=False)

    def container_start(self) -> float:
        """Return how many ms the next container takes to begin, from its launch."""
        return self.start_ms

    def launch(self, now: float) -> float:
        """Return when a task requested at a moment is launched: 100 at once, then 20 a second."""
        if not self.fargate:
            return now
        apart = 1000 / figures.FARGATE_LAUNCHES_A_SECOND.value
        launched = max(now, self._next - (figures.FARGATE_BURST.value - 1) * apart)
        self._next = max(self._next, launched) + apart
        return launched

    def bill(self, launched: float, ended: float) -> None:
        """Add a job's bill."""
        least = figures.FARGATE_BILLED_SECONDS.value if self.fargate else 0.0
        self.billed_seconds += max(least, (ended - launched) / 1000)


@dataclass
class UnevenHosts(Hosts):
    """Hosts on which containers take a time between two limits, as images are pulled or are there already."""

    rng: random.Random = field(default_factory=lambda: random.Random(20))
    shortest_ms: float = 20_000
    longest_ms: float = 120_000

    def container_start(self) -> float:
        """Return how many ms the next container takes to begin, from its launch."""
        return self.rng.uniform(self.shortest_ms, self.longest_ms)


def refusal(request: Mapping[str, Any], job_id: str, index: int | None) -> str | None:
    """Return why ECS would not run a job's task, because of the request's and Batch's overrides; None if it would."""
    overrides = request["containerOverrides"]
    own = {"AWS_BATCH_JOB_ID": job_id, "AWS_BATCH_JOB_ATTEMPT": "1", "AWS_BATCH_JQ_NAME": request["jobQueue"]}
    own |= {"AWS_BATCH_CE_NAME": "environment"}
    if index is not None:
        size = request["arrayProperties"]["size"]
        own |= {"AWS_BATCH_JOB_ARRAY_INDEX": str(index), "AWS_BATCH_JOB_ARRAY_SIZE": str(size)}
    added = [{"name": name, "value": value} for name, value in own.items()]
    container = {**overrides, "name": "default", "environment": [*overrides["environment"], *added]}
    length = len(json.dumps({"containerOverrides": [container]}, separators=(",", ":")))
    return None if limits.OVERRIDES.allows(length) else limits.OVERRIDES.answer(length)
