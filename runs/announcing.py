"""Makes the announcements of docs/contracts.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.ports import Ports
from dag import decision
from dag.plan import Plan
from dag.records import Run
from dag.shards import View
from dag.status import RunStatus
from runs.counting import Count


@dataclass(frozen=True)
class News:
    """An announcement besides a run's start and end."""

    flag: str  #: the mark in the run once it was announced
    told: Mapping[str, Any]


def announce(ports: Ports, plan: Plan, run: Run, view: View, news: News | None = None) -> None:
    """Publish a run's state, then record that.

    Without `news` it is the start of a running run, or the end of one that is over.
    """
    news = news or News("end" if run.over else "start", {})
    detail = {
        "run_id": run.run_id,
        "project": run.project,
        "environment": run.environment,
        "pipelines": list(run.pipelines),
        "status": run.status.value,
        "reason": run.reason,
        "groups_total": run.groups_total,
        "nodes_total": run.nodes_total,
        "counts": decision.counts(plan, view, run.status),
        "created_at": run.created_at,
        "ended_at": run.ended_at,
        "duration_ms": None if run.ended_at is None else run.ended_at - run.created_at,
        **news.told,
    }
    if news.flag == "end":
        _tell_end(ports, run)
    ports.announcements.announce(detail)
    if news.flag == "start":
        ports.counts.add({Count.RUNS_STARTED.value: 1})
    ports.table.flag_announced(run.run_id, news.flag)


def _tell_end(ports: Ports, run: Run) -> None:
    """Log a run's end, and count a failure, before asking the event bus, which may be out.

    This repeats until the end's announcement is recorded: at least once, however many answers are lost; again by
    invocations that end the run at the same moment; and each minute while the bus takes no announcement.
    """
    ports.log.info("run ended", run_id=run.run_id, status=run.status.value, reason=run.reason)
    if run.status is RunStatus.FAILED:
        ports.counts.add({Count.FAILED_RUNS.value: 1})
