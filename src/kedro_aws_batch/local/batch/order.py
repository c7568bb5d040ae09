"""Which of a queue's jobs starts next."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from moto.batch.models import JobQueue

    from kedro_aws_batch.local.batch.jobs import BatchJob


@dataclass
class Order:
    """The order of jobs: first in first out or, in a queue that shares fairly, by shares and priorities.

    The share that uses the fewest vCPUs comes first, and of its jobs the one with the highest priority. All shares
    weigh the same, and what they used before counts for nothing: as a policy has it that says neither.
    """

    _used: dict[tuple[str, str | None], float] = field(default_factory=lambda: defaultdict(float))

    def first(self, queue: JobQueue, waiting: Collection[BatchJob]) -> BatchJob:
        """Return the job that starts next; they come first in first out."""
        if not queue.schedule_policy:
            return next(iter(waiting))
        return min(waiting, key=lambda job: (self._used[_share(job)], -job.spec.priority))

    def starts(self, job: BatchJob) -> None:
        """Count a job that starts."""
        self._used[_share(job)] += job.spec.vcpus

    def ends(self, job: BatchJob) -> None:
        """Count it no longer."""
        self._used[_share(job)] -= job.spec.vcpus


def _share(job: BatchJob) -> tuple[str, str | None]:
    return job.spec.queue.arn, job.spec.share
