"""Metrics for the alarms and the dashboard, counted at the moment when something happens, whoever causes it.

The table's own answer counts jobs: nobody else has counted what a write added to a shard's sets, however
often, late or by whom else the same is reported. So a settled run has as many submitted jobs as ended ones.
Three things make a count wrong: an invocation that dies between a write and the next line, an answer that the
SDK asked for twice (the second finds the marks in place), and a run that is announced twice. The alarms allow for them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum

from adapters.ports import Ports
from dag.shards import Shard


class Count(str, Enum):
    """The metrics' names."""

    RUNS_STARTED = "RunsStarted"
    FAILED_RUNS = "FailedRuns"
    JOBS_SUBMITTED = "JobsSubmitted"
    JOBS_ENDED = "JobsEnded"
    OPEN_RUNS = "OpenRuns"
    RECONCILED = "Reconciled"
    LOST_EVENTS = "LostEvents"
    LOST_CLAIMS = "LostClaims"


def add_marks(ports: Ports, run_id: str, shard: int, marks: Mapping[str, Collection[int]]) -> Shard:
    """Add numbers to the sets of a shard, count the new jobs, and return the shard as it is then."""
    before = ports.table.add_marks(run_id, shard, marks)
    after = before.with_marks(**marks)
    new = {
        Count.JOBS_SUBMITTED: len(after.submitted - before.submitted),
        Count.JOBS_ENDED: len(_ended(after) - _ended(before)),
    }
    if any(new.values()):
        ports.counts.add({name.value: number for name, number in new.items() if number})
    return after


def _ended(shard: Shard) -> frozenset[int]:
    """Return the attempts whose job has ended; an attempt that was never submitted had none."""
    return (shard.succeeded | shard.failed) & shard.submitted
