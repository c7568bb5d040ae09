"""The answers of describe_run and list_runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from dag import decision
from dag.blocked import asked_for, read_blocked
from dag.plan import Plan
from dag.records import Job, Outcome, Run
from dag.shards import Mark, View
from dag.slices import read_unit
from dag.status import JobStatus
from runs.advance import Dispatcher
from runs.containers import Containers, Known, sizes, spans
from runs.reading import read_jobs, read_outcomes

#: Groups in a page: with all their details they stay under the 6 MB of a Lambda answer.
PAGE = 1000
#: The first page has so many reused nodes for each group that it may have.
_REUSED_FOR_EACH = 5
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
    containers = Containers.of(dispatcher, plan, details, _MOST_DESCRIBED)
    by_group: dict[int, list[Outcome]] = defaultdict(list)
    for end in read_outcomes(table, run.run_id, first, last):
        by_group[end.mark.group].append(end)
    groups = []
    for mark in shown:
        status = decision.group_status(view, mark.group, run.status, mark.group in running)
        found = next((end for end in by_group[mark.group] if end.mark == mark), None)
        known = containers.tell(mark, Known(jobs.get(mark.group), found, details.get(mark, {})))
        before = [end for end in by_group[mark.group] if end.mark.attempt < mark.attempt]
        groups.append(
            {
                **_group(plan, mark, status.value, known),
                "shares_container": containers.shares(known),
                "container": containers.told(mark, known),
                "held_until": containers.held_until(mark, status.value),
                "earlier": [_earlier(plan, end, containers) for end in before],
            }
        )
    return {
        **_summary(run),
        "project": run.project,
        "environment": run.environment,
        "request": run.request,
        "on_failure": run.on_failure,
        "max_workers": run.max_workers,
        "graph_digest": run.graph_digest,
        "warm_containers": plan.settings.warm_containers,
        "resumed": run.resumed,
        "reused_nodes": _reused(plan)[: _REUSED_FOR_EACH * limit] if first == 0 else [],
        "settled": run.over and view.accounted(),
        "now": dispatcher.ports.clock.now(),
        "counts": decision.counts(plan, view, run.status, running),
        "blocked": _blocked(plan, details),
        "groups": groups,
        "next_page": str(last + 1) if last + 1 < len(plan.groups) else None,
    }


def _reused(plan: Plan) -> list[dict[str, Any]]:
    """Return the nodes that a run reuses, with the run that made each, and when it was at work there if that is known.

    Slices of nodes that run are left out.
    """
    found = []
    for name, one in plan.reused.items():
        if read_unit(name) is None:
            began, ended = plan.wrote.get(name, (None, None))
            found.append({"node": name, "run_id": one.run_id, "started_at": began, "ended_at": ended})
    return found


def _last(plan: Plan, first: int, limit: int) -> int:
    """Return the last group of a page, which ends early if groups have very many parents; it has at least one."""
    parents = 0
    for index, group in enumerate(plan.groups[first : first + min(limit, PAGE)], start=first):
        parents += len(group.parents)
        if parents > _PARENTS and index > first:
            return index - 1
    return min(first + min(limit, PAGE), len(plan.groups)) - 1


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
    return [{**_summary(run), **_taken_over(run.resumed or {})} for run in found[:limit]]


def _taken_over(resumed: Mapping[str, Any]) -> dict[str, Any]:
    return {"resumed_from": resumed.get("from"), "reused": resumed.get("reused_total", 0)}


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


def _newest(jobs: Sequence[Job]) -> dict[int, Job]:
    """Return the job of each group's newest attempt."""
    return {job.mark.group: job for job in sorted(jobs, key=lambda job: job.mark)}


def _group(plan: Plan, mark: Mark, status: str, known: Known) -> dict[str, Any]:
    job, end, own = known.job, known.end, known.part
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
        "started_at": own.started_at,
        "ended_at": end.ended_at if end else None,
        "expected_ms": None if group.seconds is None else round(group.seconds * 1000),
        "exit_code": end.exit_code if end else None,
        "reason": end.reason if end else None,
        "log_stream": own.streams[-1] if own.streams else None,
        "log_streams": list(own.streams),
        "log_group": own.log_group,
        "batch_attempts": spans(own.times),
        "job_definition": resources.pop("job_definition"),
        "job_queue": resources.pop("job_queue"),
        "job_status": known.detail.get("status"),
        "resources": resources,
    }


def _earlier(plan: Plan, end: Outcome, containers: Containers) -> dict[str, Any]:
    """Return an earlier attempt of a group, which is why the group runs again."""
    known = containers.tell(end.mark, Known(None, end, {}))
    own = known.part
    return {
        "attempt": end.mark.attempt,
        "job_id": end.job_id,
        "started_at": own.started_at,
        "ended_at": end.ended_at,
        "exit_code": end.exit_code,
        "reason": end.reason,
        "log_group": own.log_group,
        "log_streams": list(own.streams),
        "batch_attempts": spans(own.times),
        "resources": sizes(plan, end.mark),
        "shares_container": containers.shares(known),
        "container": containers.told(end.mark, known),
    }
