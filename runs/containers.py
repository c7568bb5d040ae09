"""What is known of the containers of a run whose containers carry on, for `describe_run`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dag.events import earlier_times, log_group, log_streams
from dag.holding import Held, may_hold
from dag.plan import Plan
from dag.records import Job, Outcome, Worker
from dag.resources import KEYS
from dag.shards import Mark
from runs.advance import Dispatcher
from runs.reading import read_workers

#: The resources in which an earlier attempt may differ from the last one, or that have a price.
SIZES = frozenset(name for name, key in KEYS.items() if key.unit)


@dataclass(frozen=True)
class Own:
    """An attempt's own part of what its container did."""

    started_at: int | None
    times: tuple[int, ...]  #: of its parts in Batch's earlier attempts of the job: when they began and ended, in turn
    streams: tuple[str, ...]  #: those that it may have written to, oldest first
    log_group: str | None


@dataclass(frozen=True)
class Known:
    """What is known of an attempt: its job, its end, and what Batch says of it while it is in flight."""

    job: Job | None
    end: Outcome | None
    detail: Mapping[str, Any]
    own: Own | None = None  #: if its container may have run others

    @property
    def job_id(self) -> str | None:
        """Return the id of the job, whoever told it."""
        told = self.end.job_id if self.end else None
        return told or (self.job.job_id if self.job else None)

    @property
    def part(self) -> Own:
        """Return what the attempt itself did: everything that its job did, unless we know better."""
        if self.own is not None:
            return self.own
        if self.end is None:
            container = self.detail.get("container") or {}
            streams, times = log_streams(self.detail), earlier_times(self.detail)
            return Own(begun(self.detail), times, streams, log_group(container))
        return own_part(self.end)


def own_part(end: Outcome) -> Own:
    """Return what an attempt did whose job ran nothing else."""
    last = [end.log_stream] if end.log_stream else []
    streams = (*(end.earlier_streams or ()), *last)
    return Own(end.started_at, tuple(end.earlier_times or ()), streams, end.log_group)


@dataclass(frozen=True)
class _Seen:
    """What Batch has told of a job's container; the times and streams before the last are of its earlier attempts."""

    started_at: int | None = None
    ended_at: int | None = None
    before: tuple[int, ...] = ()
    streams: tuple[str, ...] = ()
    log_group: str | None = None

    @classmethod
    def closed(cls, container: Mapping[str, Any]) -> _Seen:
        """Return what a job's item keeps of its end."""
        last = [container["log_stream"]] if container.get("log_stream") else []
        return cls(
            started_at=container.get("started_at"),
            ended_at=container.get("ended_at"),
            before=tuple(container.get("earlier_times") or ()),
            streams=(*(container.get("earlier_streams") or ()), *last),
            log_group=container.get("log_group"),
        )

    @classmethod
    def alive(cls, detail: Mapping[str, Any]) -> _Seen:
        """Return what DescribeJobs tells of a job."""
        container = detail.get("container") or {}
        return cls(
            started_at=begun(detail),
            before=earlier_times(detail),
            streams=log_streams(detail),
            log_group=log_group(container),
        )


@dataclass(frozen=True)
class Containers:
    """Knowledge of containers that run several groups: each has one log, and began before its later groups did."""

    plan: Plan
    workers: Mapping[str, Worker]
    alive: Mapping[str, Mapping[str, Any]]  #: Batch's descriptions of jobs that have not ended, by their ids
    held: Held
    now: int

    @classmethod
    def of(cls, dispatcher: Dispatcher, plan: Plan, details: Mapping[Mark, Mapping[str, Any]], most: int) -> Containers:
        """Return what is known of a run's containers; nothing if each runs one group.

        Batch is asked for at most so many that are between two groups.
        """
        now = dispatcher.ports.clock.now()
        if not plan.settings.warm_containers:
            return cls(plan, {}, {}, Held(), now)
        table, queue = dispatcher.ports.table, dispatcher.ports.queue
        workers = {each.job_id: each for each in read_workers(table, plan.run_id)}
        alive = {each["jobId"]: each for each in details.values()}
        idle = [job_id for job_id, worker in workers.items() if not worker.closed and job_id not in alive][:most]
        alive |= {each["jobId"]: each for each in queue.describe(idle)}
        held = table.get_held(plan.run_id) if may_hold(plan) else Held()
        return cls(plan, workers, alive, held, now)

    def tell(self, mark: Mark, known: Known) -> Known:
        """Return what is known of an attempt, with what its container tells of it: its own times and streams."""
        job, end, worker = known.job, known.end, self.workers.get(known.job_id or "")
        if worker is None:
            return known
        seen = self._seen(worker.job_id)
        carried = job if worker.first != mark else None
        if end is None:
            began, tries = _latest(seen.started_at, carried.submitted_at if carried else None), None
        else:
            began, tries = end.started_at, end.tries
            if carried and tries > max(1, len(seen.before) // 2):  # its container began once more, with this group
                began = max(began or 0, seen.started_at or 0) or None
        times = _own_times(seen, carried, began)
        streams = seen.streams[:tries][-1 - len(times) // 2 :]
        return replace(known, own=Own(began, times, streams, seen.log_group))

    def told(self, mark: Mark, known: Known) -> dict[str, Any] | None:
        """Return an attempt's container; None if it has none, or containers don't carry on in this run."""
        job_id = known.job_id
        if job_id is None or not self.plan.settings.warm_containers:
            return None
        worker, seen = self.workers.get(job_id), self._seen(job_id)
        first = worker.first if worker else mark
        return {
            "carried": first != mark,
            "asked": worker is not None and worker.done >= 0,
            "started_at": seen.started_at,
            "ended_at": seen.ended_at,
            "batch_attempts": spans(seen.before),
            "waits_until": self._waits_until(worker),
            "resources": sizes(self.plan, first),
        }

    def shares(self, known: Known) -> bool:
        """Return whether the attempt's container got other groups."""
        worker = self.workers.get(known.job_id or "")
        return worker is not None and worker.newest > 0

    def held_until(self, mark: Mark, status: str) -> int | None:
        """Return until when a ready group is left to a container that is soon free; None if it isn't."""
        at = self.held.until.get(mark.group)
        return at if at is not None and at > self.now and status == "WAITING" else None

    def _waits_until(self, worker: Worker | None) -> int | None:
        """Return until when a container between two groups was told to wait; None if it wasn't."""
        if worker is None or worker.closed or worker.done < worker.answered or worker.waits_until is None:
            return None
        return worker.waits_until if worker.waits_until > self.now else None

    def _seen(self, job_id: str) -> _Seen:
        worker = self.workers.get(job_id)
        if worker is not None and worker.container is not None:
            return _Seen.closed(worker.container)
        return _Seen.alive(self.alive[job_id]) if job_id in self.alive else _Seen()


def _own_times(seen: _Seen, carried: Job | None, began: int | None) -> tuple[int, ...]:
    """Return those of the container's earlier attempts, in part, in which it had begun an attempt of ours.

    After a reclaimed host Batch starts the container again, and it carries on with the group that it was at. What was
    done before has begun before.
    """
    since = carried.submitted_at if carried else 0
    pairs = zip(seen.before[::2], seen.before[1::2], strict=True)
    own = [(max(start, since), end) for start, end in pairs if end > since and (began is None or end <= began)]
    return tuple(at for pair in own for at in pair)


def _latest(*times: int | None) -> int | None:
    """Return the latest of some times; None if the first isn't known."""
    return None if times[0] is None else max(at for at in times if at is not None)


def begun(detail: Mapping[str, Any]) -> int | None:
    """Return when the attempt in flight began, which was not before the end of the one before it."""
    began: int | None = detail.get("startedAt")
    return began if began is None else max((began, *earlier_times(detail)[-1:]))


def spans(times: Sequence[int]) -> list[dict[str, int]]:
    """Return alternating begins and ends with their names."""
    return [{"started_at": began, "ended_at": ended} for began, ended in zip(times[::2], times[1::2], strict=True)]


def sizes(plan: Plan, mark: Mark) -> dict[str, Any]:
    """Return what an attempt's job asks for."""
    return {key: value for key, value in plan.resources(*mark[:2]).items() if key in SIZES}
