"""Makes the announcements of contract C9."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.ports import Ports
from dag import decision
from dag.plan import Plan
from dag.records import Run
from dag.shards import View


def announce(ports: Ports, plan: Plan, run: Run, view: View, news: tuple[str, Mapping[str, Any]] | None = None) -> None:
    """Publish a run's state, then write down that it was published.

    By default that is the start of a running run, or the end of one that is over; `news` names another announcement and
    says what it tells besides.
    """
    what, more = news or ("end" if run.over else "start", {})
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
        **more,
    }
    ports.announcements.announce(detail)
    ports.table.flag_announced(run.run_id, what)
