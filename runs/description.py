"""The answers of describe_run and list_runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from dag import decision
from dag.blocked import asked_for, read_blocked
from dag.events import earlier_times, log_group, log_streams
from dag.plan import Plan
from dag.records import Job, Outcome, Run, Worker
from dag.resources import KEYS
from dag.shards import Mark, View
from dag.status import JobStatus
from runs.advance import Dispatcher
from runs.reading import read_jobs, read_outcomes, read_workers

#: Groups in a page: with all their details they stay under the 6 MB of a Lambda answer.
PAGE = 1000
#: Parents of all groups in a page, of seven characters each.
_PARENTS = 200_000
#: Jobs in flight whose status Batch is asked for; others count as SUBMITTED.
_MOST_DESCRIBED = 1000


def describe(dispatcher: Dispatcher, run: Run, first: int, limit: int) -> dict[str, Any]:
    """Return a run's state, with the groups from `first`, at most `limit` of them."""
    plan, view = dispatcher.plan(run.run_id), dispatcher.view(run.run_id)
    last = _last(plan, first, limit)
    details = _in_flight_details(dispatcher, plan, view)
    running = {mark.group for mark, detail in details.items() if detail["status"] == JobStatus.RUNNING}
    table = dispatcher.ports.table
    shown = [Mark(index, view.newest_attempt(index) or 0) for index in range(first, last + 1)]
    jobs = _newest(read_jobs(table, plan, shown))
    ended = read_outcomes(table, run.run_id, first, last)
    ends = _newest(ended)
    containers = _Containers.of(dispatcher, plan, details)
    by_group = defaultdict(list)
    for end in ended:
        by_group[end.mark.group].append(end)
    groups = []
    for mark in shown:
        status = decision.group_status(view, mark.group, run.status, mark.group in running)
        known = containers.tell(mark, _Known(jobs.get(mark.group), ends.get(mark.group), details.get(mark, {})))
        before = [_earlier(plan, end) for end in by_group[mark.group] if end.mark.attempt < mark.attempt]
        shares = containers.shares(known)
        groups.append({**_group(plan, mark, status.value, known), "shares_container": shares, "earlier": before})
    return {
        **_summary(run),
        "project": run.project,
        "environment": run.environment,
        "request": run.request,
        "on_failure": run.on_failure,
        "max_workers": run.max_workers,
        "graph_digest": run.graph_digest,
        "resumed": run.resumed,
        "settled": run.over and view.accounted(),
        "now": dispatcher.ports.clock.now(),
        "counts": decision.counts(plan, view, run.status, running),
        "blocked": _blocked(plan, details),
        "groups": groups,
        "next_page": str(last + 1) if last + 1 < len(plan.groups) else None,
    }


def _last(plan: Plan, first: int, limit: int) -> int:
    """Return the last group of a page, which ends early if groups have very many parents; it has at least one."""
    parents = 0
    for index, group in enumerate(plan.groups[first : first + min(limit, PAGE)], start=first):
        parents += len(group.parents)
        if parents > _PARENTS and index > first:
            return index - 1
    return min(first + min(limit, PAGE), len(plan.groups)) - 1


@dataclass(frozen=True)
class _Known:
    """What is known of an attempt: its job, its end, and what Batch says of it while it is in flight."""

    job: Job | None
    end: Outcome | None
    detail: Mapping[str, Any]

    @property
    def job_id(self) -> str | None:
        """Return the id of the job, whoever told it."""
        told = self.end.job_id if self.end else None
        return told or (self.job.job_id if self.job else None)


@dataclass(frozen=True)
class _Containers:
    """Knowledge of containers that run several groups: each has one log, and began before its later groups did."""

    workers: Mapping[str, Worker]
    alive: Mapping[str, Mapping[str, Any]]  #: Batch's descriptions of jobs in flight, by their ids

    @classmethod
    def of(cls, dispatcher: Dispatcher, plan: Plan, details: Mapping[Mark, Mapping[str, Any]]) -> _Containers:
        """Return what is known of a run's containers; nothing if each runs one group."""
        if not plan.settings.warm_containers:
            return cls({}, {})
        workers = read_workers(dispatcher.ports.table, plan.run_id)
        return cls({each.job_id: each for each in workers}, {each["jobId"]: each for each in details.values()})

    def tell(self, mark: Mark, known: _Known) -> _Known:
        """Return what is known of an attempt, with the details from its container."""
        job, end, worker = known.job, known.end, self.workers.get(known.job_id or "")
        if worker is None:
            return known
        if job is not None and end is None and worker.first != mark:
            return replace(known, detail={**known.detail, "startedAt": job.submitted_at})
        if end is not None and end.log_stream is None:
            told = worker.container or self._log(worker)
            end = replace(end, log_stream=told.get("log_stream"), log_group=told.get("log_group"))
        return replace(known, end=end)

    def shares(self, known: _Known) -> bool:
        """Return whether the attempt's container got other groups."""
        worker = self.workers.get(known.job_id or "")
        return worker is not None and worker.answered > 0

    def _log(self, worker: Worker) -> Mapping[str, Any]:
        container = self.alive.get(worker.job_id, {}).get("container") or {}
        return {"log_stream": container.get("logStreamName"), "log_group": log_group(container)}


def _blocked(plan: Plan, details: Mapping[Mark, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the jobs that Batch reports as stuck at the head of their queue: why, since when, and what to do."""
    found = []
    for mark, detail in sorted(details.items()):
        if blocked := read_blocked(detail):
            found.append(
                {
                    "nodes": list(plan.groups[mark.group].nodes),
                    "asks_for": asked_for(plan.resources(mark.group, mark.attempt)),
                    "job_queue": plan.groups[mark.group].resources["job_queue"],
                    "since": detail.get("createdAt"),
                    **vars(blocked),
                }
            )
    return found


def listed_runs(dispatcher: Dispatcher, status: str | None, limit: int) -> list[dict[str, Any]]:
    """Return the newest runs, of one status if given."""
    table = dispatcher.ports.table
    found: list[Run] = []
    before: str | None = None
    while len(found) < limit:
        page = table.listings(before, min(100, limit))
        runs = [run for run in table.get_runs(page.run_ids) if status is None or run.status.value == status]
        found += sorted(runs, key=lambda run: run.run_id, reverse=True)
        before = page.next
        if before is None:
            break
    return [{**_summary(run), "resumed_from": (run.resumed or {}).get("from")} for run in found[:limit]]


def _summary(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "status": run.status.value,
        "reason": run.reason or run.failure,
        "pipelines": list(run.pipelines),
        "description": run.description,
        "groups_total": run.groups_total,
        "nodes_total": run.nodes_total,
        "created_at": run.created_at,
        "ended_at": run.ended_at,
    }


def _in_flight_details(dispatcher: Dispatcher, plan: Plan, view: View) -> dict[Mark, Mapping[str, Any]]:
    jobs = read_jobs(dispatcher.ports.table, plan, view.in_flight()[:_MOST_DESCRIBED])
    by_id = {job.job_id: job.mark for job in jobs}
    return {by_id[detail["jobId"]]: detail for detail in dispatcher.ports.queue.describe(list(by_id))}


#: The resources in which an earlier attempt may differ from the last one, or that have a price.
SIZES = frozenset(name for name, key in KEYS.items() if key.unit)
_R = TypeVar("_R", Job, Outcome)


def _newest(records: Sequence[_R]) -> dict[int, _R]:
    """Return the record of each group's newest attempt."""
    return {record.mark.group: record for record in sorted(records, key=lambda record: record.mark)}


def _group(plan: Plan, mark: Mark, status: str, known: _Known) -> dict[str, Any]:
    job, end, detail = known.job, known.end, known.detail
    if end is not None and end.mark != mark:
        end = None
    group = plan.groups[mark.group]
    resources = dict(plan.resources(mark.group, mark.attempt))
    return {
        "index": mark.group,
        "nodes": list(group.nodes),
        **({"slice": {"number": group.part.number, "into": group.part.into}} if group.part else {}),
        "parents": list(group.parents),
        "load_versions": dict(group.load_versions),
        "status": status,
        "attempt": mark.attempt,
        "job_id": (end and end.job_id) or (job.job_id if job else None),
        "job_name": job.name if job else (end and end.name) or plan.job_name(mark.group, mark.attempt),
        "submitted_at": job.submitted_at if job else None,
        "started_at": end.started_at if end else _begun(detail),
        "ended_at": end.ended_at if end else None,
        "expected_ms": None if group.seconds is None else round(group.seconds * 1000),
        "exit_code": end.exit_code if end else None,
        "reason": end.reason if end else None,
        "log_stream": end.log_stream if end else (detail.get("container") or {}).get("logStreamName"),
        "log_streams": list(_streams(end) if end else log_streams(detail)),
        "log_group": end.log_group if end else log_group(detail.get("container") or {}),
        "batch_attempts": _spans((end.earlier_times or ()) if end else earlier_times(detail)),
        "job_definition": resources.pop("job_definition"),
        "job_queue": resources.pop("job_queue"),
        "job_status": detail.get("status"),
        "resources": resources,
    }


def _begun(detail: Mapping[str, Any]) -> int | None:
    """Return when the attempt in flight began, which was not before the end of the one before it."""
    begun: int | None = detail.get("startedAt")
    before = earlier_times(detail)[-1:]
    return begun if begun is None else max((begun, *before))


def _spans(times: Sequence[int]) -> list[dict[str, int]]:
    """Return alternating begins and ends with their names."""
    return [{"started_at": begun, "ended_at": ended} for begun, ended in zip(times[::2], times[1::2], strict=True)]


def _streams(end: Outcome) -> tuple[str, ...]:
    """Return the log streams of one of our attempts, one for each of Batch's, oldest first."""
    return (*(end.earlier_streams or ()), *([end.log_stream] if end.log_stream else ()))


def _earlier(plan: Plan, end: Outcome) -> dict[str, Any]:
    """Return an earlier attempt of a group, which ran out of memory."""
    return {
        "attempt": end.mark.attempt,
        "job_id": end.job_id,
        "started_at": end.started_at,
        "ended_at": end.ended_at,
        "exit_code": end.exit_code,
        "reason": end.reason,
        "log_group": end.log_group,
        "log_streams": list(_streams(end)),
        "batch_attempts": _spans(end.earlier_times or ()),
        "resources": {key: value for key, value in plan.resources(*end.mark[:2]).items() if key in SIZES},
    }
