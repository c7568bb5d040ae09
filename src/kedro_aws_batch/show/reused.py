"""What a run reuses of earlier ones, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro_aws_batch.wording import counted, lasting

if TYPE_CHECKING:
    from collections.abc import Mapping


def told_reused(resumed: Mapping[str, Any] | None) -> str:
    """Return `16 nodes of run …, which took 24.8 s`; empty for a run that reuses nothing, or that resumes another."""
    source = of_which(resumed)
    return f"{counted((resumed or {})['reused_total'], 'node')} of {source}" if source else ""


def of_which(resumed: Mapping[str, Any] | None) -> str:
    """Return the same without the number of nodes: `run …, which took 24.8 s`."""
    told = resumed or {}
    runs = told.get("runs") or {}
    if told.get("from") is not None or not told.get("reused_total") or not runs:
        return ""
    newest = next(iter(runs))
    made = f"run {newest}" if len(runs) == 1 else f"{len(runs)} runs, the newest {newest}"
    return f"{made}{_spared(told)}"


def _spared(resumed: Mapping[str, Any]) -> str:
    """Return how long the jobs took that made what is reused, as far as that is known."""
    return f", which took {lasting(resumed['seconds'])}" if resumed.get("seconds") else ""
