"""The nodes that a run reuses, as a table of the report: they have no job, so neither a box nor a bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kedro_aws_batch.wording import lasting, moment

if TYPE_CHECKING:
    from kedro_aws_batch.client import RunState


@dataclass(frozen=True)
class ReusedRow:
    """A node, and the run that made it."""

    node: str
    run_id: str
    #: When and how long it was at work there; empty if that isn't known.
    began: str
    took: str


def reused_rows(state: RunState) -> list[ReusedRow]:
    """Return the nodes that a run reuses, or takes over as it resumes another."""
    found = []
    for one in state.reused_nodes:
        began, ended = one["started_at"], one["ended_at"]
        took = None if began is None or ended is None else max(0, ended - began) / 1000
        found.append(ReusedRow(one["node"], one["run_id"], moment(began), lasting(took)))
    return found
