"""What a run spares that reuses nodes: the time of the jobs that made them, by what these would ask for now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from . import limits
from .document import Resources
from .plan import AtWork
from .resources import combine


@dataclass(frozen=True)
class Spared:
    """Jobs of one size that need not run. What their definition sets is None."""

    job_queue: str
    vcpus: float | None
    memory: int | None
    gpus: int
    seconds: float  #: that they took
    with_minimum: float  #: the same as Fargate bills it; containers that carry on are billed for their jobs together


class MadeBy(NamedTuple):
    """A job of an earlier run: nodes of one job were at work at one time."""

    run_id: str
    span: AtWork


def spared(jobs: Mapping[MadeBy, Sequence[Resources]], queue: str, *, carrying: bool) -> tuple[Spared, ...]:
    """Return jobs by their sizes, of jobs with what each of their nodes asks for now."""
    least = 0 if carrying else limits.FARGATE_BILLED_SECONDS.least
    found: dict[tuple[str, float | None, int | None, int], list[float]] = {}
    for (_, span), wanted in jobs.items():
        asked = combine(wanted)
        size = (asked.get("job_queue", queue), asked.get("vcpus"), asked.get("memory"), asked.get("gpus", 0))
        found.setdefault(size, []).append((span.ended - span.began) / 1000)
    return tuple(
        Spared(
            job_queue=of,
            vcpus=vcpus,
            memory=memory,
            gpus=gpus,
            seconds=round(sum(took), 1),
            with_minimum=round(sum(max(least, one) for one in took), 1),
        )
        for (of, vcpus, memory, gpus), took in found.items()
    )
