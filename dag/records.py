"""The values that the run table keeps besides shards and plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .shards import Mark
from .status import RunStatus

#: The reason that we give for a job that we end: in an event it tells a terminated job from a failed one.
OUR_REASON = "kedro-aws-batch: "
LONGEST_REASON = 400
#: Batch's reason if a container ended by itself.
EXITED = "Essential container in task exited"
#: Runs that a list names at most, and if nobody says how many.
MOST_LISTED, LISTED = 100, 20
#: What a container exits with whose process was killed, as the kernel does when its memory is used up.
KILLED = 137
NO_REASON = "Batch gives no reason"


@dataclass(frozen=True)
class Run:
    """A run's status item."""

    run_id: str
    project: str
    environment: str
    pipelines: tuple[str, ...]
    request: Mapping[str, Any]  #: complete: a resumed run's includes what it takes from the one before
    request_digest: str  #: of the original request, to notice a key that another request used
    graph_digest: str
    plan_digest: str  #: the plan is stored under it
    idempotency_key: str
    on_failure: str
    groups_total: int
    nodes_total: int
    created_at: int  #: ms
    expires_at: int  #: s, when the table may forget the run
    max_workers: int | None = None
    description: str | None = None
    status: RunStatus = RunStatus.RUNNING
    reason: str | None = None
    failure: str | None = None  #: why the run will fail, once known, before all its jobs have ended
    ended_at: int | None = None
    slots: frozenset[int] = frozenset()  #: the attempts with one of the places of `max_workers`, see `slot`
    announced: frozenset[str] = frozenset()
    resumed: Mapping[str, Any] | None = field(default=None)

    @property
    def over(self) -> bool:
        """Return whether the status is terminal."""
        return self.status is not RunStatus.RUNNING


def slot(mark: Mark) -> int:
    """Return the number of an attempt's place among `max_workers`."""
    return mark.attempt * 1_000_000 + mark.group


def read_slot(number: int) -> Mark:
    """Return the attempt that has a place."""
    attempt, group = divmod(number, 1_000_000)
    return Mark(group, attempt)


@dataclass(frozen=True)
class Job:
    """A submitted job, as recorded."""

    mark: Mark
    job_id: str
    name: str
    submitted_at: int


@dataclass(frozen=True)
class Array:
    """An array job, as recorded: before it is submitted, and again when its id is known."""

    first: Mark  #: the claim on its first member, generation included; it identifies the array
    members: tuple[Mark, ...]  #: attempts, in the order of the children's indices
    job_id: str | None = None
    submitted_at: int = 0

    def children(self, name: str) -> list[Job]:
        """Return the children as jobs, once the array's id is known."""
        if self.job_id is None:
            return []
        return [
            Job(mark=mark, job_id=f"{self.job_id}:{index}", name=name, submitted_at=self.submitted_at)
            for index, mark in enumerate(self.members)
        ]


@dataclass(frozen=True)
class Worker:
    """A job whose container may carry on: it puts the container's questions, and its end, in order.

    It keeps only its newest two groups, so that its size is bounded.
    """

    job_id: str
    first: Mark  #: the attempt that it was submitted for
    epoch: int = 1  #: the newest of Batch's attempts that has asked
    done: int = -1  #: the newest of its groups reported as done, counted from 0
    answered: int = 0  #: the number of the last answer, a group or none
    answer: Mark | None = None  #: that group's attempt; None if the answer was that there is nothing more
    before: Mark | None = None  #: the attempt of the group before
    answered_at: int | None = None  #: ms
    waits_until: int | None = None  #: ms: when it asks again, if it was told to
    closed: bool = False  #: whether its end is being merged: then it gets no more answers
    container: Mapping[str, Any] | None = None  #: once closed, what is known of its container: times, log

    @property
    def marks(self) -> dict[int, Mark]:
        """Return its newest groups, by their places."""
        two = {self.answered - 1: self.before, self.answered: self.answer}
        return {place: mark for place, mark in two.items() if mark is not None}

    @property
    def newest(self) -> int:
        """Return the place of its newest group."""
        return max(self.marks)


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended."""

    mark: Mark
    succeeded: bool
    reason: str | None = None
    job_id: str | None = None
    name: str | None = None
    created_at: int | None = None
    started_at: int | None = None
    ended_at: int | None = None
    exit_code: int | None = None
    log_stream: str | None = None
    log_group: str | None = None  #: None for Batch's own, `/aws/batch/job`
    earlier_streams: tuple[str, ...] | None = None  #: of Batch's own earlier attempts, oldest first
    tries: int = 1  #: Batch's own attempts
    #: when Batch's own earlier attempts began and ended, in turn; `started_at` and `ended_at` are of the last
    earlier_times: tuple[int, ...] | None = None
    place: int = 0  #: its number among its container's groups, from 0

    @property
    def cancelled(self) -> bool:
        """Return whether it ended because we ended it."""
        return not self.succeeded and (self.reason or "").startswith(OUR_REASON)

    @property
    def start_seconds(self) -> float | None:
        """Return how long its container took to start, from SubmitJob on; None if that isn't known."""
        if self.place or self.tries > 1 or self.created_at is None or self.started_at is None:
            return None
        return max(0, self.started_at - self.created_at) / 1000

    @property
    def out_of_memory(self) -> bool:
        """Return whether it ran out of memory: killed by the kernel (128 + SIGKILL), or so Batch says.

        A job that timed out or was terminated may be killed in the same way; its reason says so.
        """
        if self.succeeded or self.cancelled:
            return False
        reason = self.reason or EXITED
        return "OutOfMemory" in reason or (self.exit_code == KILLED and reason.startswith((EXITED, NO_REASON)))
