"""The interfaces that the handlers need from the outside world."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dag.holding import Held
from dag.offer import Offer
from dag.records import Array, Job, Outcome, Run, Worker
from dag.shards import Mark, Shard
from dag.status import RunStatus
from dag.stored import S3Place, Shown
from dag.submission import Submission

#: Bytes of a piece in the run table: DynamoDB's limit on an item is 400 KB, names included.
LARGEST_PIECE = 350_000


#: Seconds that a run may be open before the table forgets parts of it: half a year.
LONGEST_RUN = 180 * 86_400


class UnavailableError(Exception):
    """AWS refused or failed a call that may be repeated; its effect is missing, or unknown."""


@dataclass(frozen=True)
class Page:
    """Run ids, and where the next page begins."""

    run_ids: list[str]
    next: str | None


@dataclass(frozen=True)
class PlanPiece:
    """A part of a packed plan, as large as an item may be."""

    digest: str  #: of the whole plan
    number: int
    body: bytes


@dataclass(frozen=True)
class Asking:
    """The worker that asks for its next group."""

    job_id: str  #: Batch's id; an array's child has its own
    first: Mark  #: the attempt that the job was submitted for
    epoch: int  #: which of Batch's attempts asks, from 1
    done: int | None  #: which of its groups is done, from 0; None if it was restarted and asks for its own group


class RunTable(Protocol):
    """The run table; every method is one AWS call, on one item or reading several."""

    def put_key(self, key: str, run_id: str, expires_at: int) -> bool:
        """Bind an idempotency key to a run id, unless it is bound; return whether it was free."""

    def get_key(self, key: str) -> str | None:
        """Return the run id that a key is bound to."""

    def move_key(self, key: str, run_id: str, instead: str) -> bool:
        """Bind a key to another run id if it is still bound to the first."""

    def put_active(self, run_id: str) -> None:
        """Add a run to the list that reconcile goes through."""

    def delete_active(self, run_id: str) -> None:
        """Remove a settled run from that list."""

    def active(self, after: str | None) -> Page:
        """Return run ids on that list, oldest first."""

    def get_suspects(self, run_id: str, shards: Collection[int]) -> Mapping[int, Mapping[int, int]]:
        """Return when each open claim of at most 100 shards was first seen by reconcile: shard → number → ms."""

    def put_suspects(self, run_id: str, suspects: Mapping[int, Mapping[int, int]], expires_at: int) -> None:
        """Record when the open claims of at most 25 shards were first seen; this replaces earlier records."""

    def put_listing(self, run_id: str, expires_at: int) -> None:
        """Add a run to the list of all runs, or change when it may be forgotten."""

    def listings(self, before: str | None, limit: int) -> Page:
        """Return run ids from the list of all runs, newest first."""

    def put_plan(self, run_id: str, piece: PlanPiece, expires_at: int) -> None:
        """Write one piece of a plan."""

    def get_plan(self, run_id: str, digest: str) -> list[bytes]:
        """Return the pieces of a plan, in order."""

    def get_durations(self, project: str, environment: str) -> bytes | None:
        """Return the learned durations of a project's groups."""

    def put_durations(self, project: str, environment: str, packed: bytes) -> None:
        """Save learned durations; the later of two at the same time wins."""

    def put_run(self, run: Run) -> bool:
        """Create a run, unless it exists; return whether it did not."""

    def void_run(self, run_id: str, expires_at: int) -> bool:
        """Make sure that no run of this id can be created any more; return False if there is one already."""

    def get_run(self, run_id: str) -> Run | None:
        """Return a run's status item; None if there is no run, or a void one."""

    def get_runs(self, run_ids: Sequence[str]) -> list[Run]:
        """Return status items, at most 100, in any order."""

    def end_run(self, run_id: str, status: RunStatus, reason: str | None, at: int) -> bool:
        """Set a terminal status if the run is RUNNING; return whether it was."""

    def expire_run(self, run_id: str, expires_at: int) -> None:
        """Say when the table may forget a run's status item."""

    def flag_failure(self, run_id: str, reason: str) -> None:
        """Record that a running run will fail, and why; the first reason stays."""

    def flag_announced(self, run_id: str, what: str) -> None:
        """Record that the start or the end was announced."""

    def take_slots(self, run_id: str, slots: Collection[int], most: int) -> bool:
        """Take places among `max_workers` if the run is RUNNING and all of them fit; return whether they were taken.

        A place that is already held needs room like the others.
        """

    def free_slots(self, run_id: str, slots: Collection[int]) -> Run | None:
        """Free places, and return the run as it is then; None if there is no run."""

    def add_marks(self, run_id: str, shard: int, marks: Mapping[str, Collection[int]]) -> Shard:
        """Add numbers to the sets of a shard, and return it as it was before."""

    def claim(self, run_id: str, shard: int, numbers: Collection[int], expires_at: int | None = None) -> Shard:
        """Add numbers to `claimed`, and return the shard as it was before: what was not in it is the caller's.

        Every shard begins with a claim, so this sets its time to live.
        """

    def shards(self, run_id: str, after: int | None) -> tuple[list[Shard], int | None]:
        """Return shards of a run in order, read consistently, and where the next page begins."""

    def get_shards(self, run_id: str, indices: Collection[int]) -> list[Shard]:
        """Return the given shards, at most 100, read consistently, without those that have no marks."""

    def put_jobs(self, run_id: str, jobs: Sequence[Job], expires_at: int) -> None:
        """Record submitted jobs, at most 25."""

    def get_jobs(self, run_id: str, marks: Collection[Mark]) -> list[Job]:
        """Return the recorded jobs of at most 100 attempts, without attempts that have none."""

    def jobs(self, run_id: str, first: int, last: int, after: Mark | None) -> tuple[list[Job], Mark | None]:
        """Return the recorded jobs of the groups from first to last, and where the next page begins."""

    def put_array(self, run_id: str, array: Array, expires_at: int) -> None:
        """Record an array job, before it is submitted or with its id."""

    def get_array(self, run_id: str, first: Mark) -> Array | None:
        """Return the array job with this claim on its first member."""

    def arrays(self, run_id: str, after: Mark | None) -> tuple[list[Array], Mark | None]:
        """Return the recorded array jobs, and where the next page begins."""

    def put_question(self, run_id: str, asking: Asking, expires_at: int) -> Worker | None:
        """Record that a worker asks, and what it reports as done; return the worker as it is then.

        None for an obsolete question: a newer attempt of Batch's has asked, the job's end is being
        merged, or the worker has long gone past that answer.
        """

    def put_answer(self, run_id: str, asking: Asking, told: Mark | None, at: int) -> bool:
        """Record the answer about the group after the one that a worker asks about; None means nothing.

        Return False if there is another answer, a newer attempt has asked, or the job's end is being merged.
        """

    def put_wait(self, run_id: str, asking: Asking, until: int) -> bool:
        """Record until when (ms) a worker waits before it asks again; return False as `put_answer` does."""

    def close_worker(self, run_id: str, first: Mark, end: Outcome, expires_at: int) -> Worker:
        """Give a job no more answers, since it has ended; return the worker in its final state."""

    def get_workers(self, run_id: str, job_ids: Collection[str]) -> list[Worker]:
        """Return the known workers of at most 100 jobs, without those that never asked."""

    def workers(self, run_id: str, after: str | None) -> tuple[list[Worker], str | None]:
        """Return the workers of a run that have asked or ended, and where the next page begins."""

    def get_held(self, run_id: str) -> Held:
        """Return the groups that are held for containers soon free."""

    def put_held(self, run_id: str, held: Held, expires_at: int) -> bool:
        """Replace them; return False if somebody has done so since the version before this one."""

    def put_outcomes(self, run_id: str, outcomes: Sequence[Outcome], expires_at: int) -> None:
        """Record how attempts ended, at most 25; the later of two for one attempt wins."""

    def outcomes(self, run_id: str, first: int, last: int, after: Mark | None) -> tuple[list[Outcome], Mark | None]:
        """Return how attempts of the groups from first to last ended, and where the next page begins."""


@dataclass(frozen=True)
class Accepted:
    """Batch has accepted the job."""

    job_id: str


@dataclass(frozen=True)
class Rejected:
    """Batch refuses the job, and always will."""

    reason: str


@dataclass(frozen=True)
class Postponed:
    """Batch refused the job for a reason that may pass: a permission, credentials, a clock."""

    reason: str


@dataclass(frozen=True)
class Unknown:
    """The answer was lost. SubmitJob has no idempotency token, so only a look-up by name can tell."""


SubmitAnswer = Accepted | Rejected | Postponed | Unknown


class JobQueue(Protocol):
    """AWS Batch."""

    def offer(self, queues: Sequence[str], definitions: Sequence[str]) -> Offer:
        """Return Batch's queues and definitions by name; UnavailableError if it can't or may not be asked."""

    def submit(self, submissions: Sequence[Submission]) -> list[SubmitAnswer]:
        """Submit jobs, several at a time; return an answer for each. Waits out throttling while there is time."""

    def describe(self, job_ids: Sequence[str]) -> list[Mapping[str, Any]]:
        """Return DescribeJobs' descriptions of jobs, with several requests at a time, without forgotten ones."""

    def find(self, queue: str, names: Collection[str], prefix: str) -> Mapping[str, str]:
        """Return the id of the oldest job of each name in a queue; all names begin with the prefix.

        A deleted queue has no jobs. A younger job of the same name is a copy.
        """

    def terminate(self, job_ids: Sequence[str], reason: str) -> int:
        """Terminate jobs, as many as time permits, and return how many; ended ones stay as they are."""


class Announcements(Protocol):
    """The event bus."""

    def announce(self, detail: Mapping[str, Any]) -> None:
        """Publish a Kedro Run State Change."""


class Messages(Protocol):
    """The queue that job_state_change reads."""

    def advance_later(self, run_id: str, seconds: int = 0) -> None:
        """Have another invocation carry on with a run, in so many seconds: 900 at most."""

    def receive(self) -> list[Mapping[str, Any]]:
        """Return some waiting messages, ten at most, in Lambda's form; an empty list if none is found.

        Nobody else gets them until the queue's visibility timeout is over, unless they are deleted.
        """

    def delete(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Delete received messages that are done. The others are delivered again."""


class ObjectStore(Protocol):
    """S3, where the data lies."""

    def look(self, places: Mapping[str, S3Place], seconds: float) -> Shown:
        """Return what it shows of datasets, by their names, after so many seconds at the most; it never fails."""


class Log(Protocol):
    """The log: a line is a constant lower-case message, with fields for the rest."""

    def info(self, msg: object, /, **fields: Any) -> None:
        """Write that a status changed."""

    def warning(self, msg: object, /, **fields: Any) -> None:
        """Write what was repaired."""

    def error(self, msg: object, /, **fields: Any) -> None:
        """Write what a person must act on."""

    def exception(self, msg: object, /, **fields: Any) -> None:
        """Write the same, with the traceback of the current exception."""


class Counts(Protocol):
    """The metrics."""

    def add(self, counts: Mapping[str, int], /) -> None:
        """Count at once, not at the end of the invocation, which may not come."""


class Clock(Protocol):
    """The time, and how much of it the invocation has left."""

    def now(self) -> int:
        """Return milliseconds since the epoch."""

    def left(self) -> float:
        """Return the seconds that this invocation may still run."""


@dataclass(frozen=True)
class Ports:
    """The outside world of an invocation."""

    table: RunTable
    queue: JobQueue
    announcements: Announcements
    messages: Messages
    clock: Clock
    retention: int  #: seconds that the table keeps an ended run
    log: Log
    counts: Counts

    def expiry(self) -> int:
        """Return when the table may forget what is written now, in s since the epoch: not while its run may be open."""
        return self.clock.now() // 1000 + self.retention + LONGEST_RUN
