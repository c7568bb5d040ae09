"""Finds out what of a node differs from an earlier run, by asking the service what it would do to resume that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.status import GroupStatus
from kedro_aws_batch.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kedro_aws_batch.client import Runs, RunState, Service

#: So many of the latest runs are looked at for one that has a node.
MOST_LOOKED_AT = 20


@dataclass(frozen=True)
class RunBefore:
    """A run to compare a node with."""

    state: RunState
    #: What became of the node in it.
    status: str


@dataclass(frozen=True)
class Differences:
    """What differs from an earlier run."""

    #: Node → why it would run again.
    again: Mapping[str, str] = field(default_factory=dict)
    #: Whether the answer may have left a node out, since there are too many.
    cut: bool = False
    #: Why it can't be compared.
    refused: str | None = None


def latest_with(runs: Runs, node: str) -> RunBefore | None:
    """Return the latest run that has a node, of those that are looked at."""
    for run in runs.list_runs(limit=MOST_LOOKED_AT):
        found = in_run(runs.describe_run(run.run_id), node)
        if found is not None:
            return found
    return None


def in_run(state: RunState, node: str) -> RunBefore | None:
    """Return a run with what became of a node in it; None if it doesn't have the node."""
    statuses = sorted({group.status for group in state.groups if node in group.nodes})
    if statuses:
        return RunBefore(state, ", ".join(statuses))
    made_in = state.made_in(node)
    if made_in is None and node not in (state.resumed or {}).get("reused", ()):
        return None
    return RunBefore(
        state, f"{GroupStatus.SUCCEEDED.value} before, in {f'run {made_in}' if made_in else 'an earlier run'}"
    )


def differences(service: Service, request: Mapping[str, Any]) -> Differences:
    """Return what a request to resume a run would run again, and why. Nothing is started. Raises ServiceError."""
    try:
        resumed = service.rehearse(request).resumed or {}
    except ServiceError as error:
        if error.type != "NothingLeft":
            raise
        return Differences()
    again = dict(resumed.get("again", {}))
    return Differences(again, cut=resumed.get("again_total", 0) > len(again))
