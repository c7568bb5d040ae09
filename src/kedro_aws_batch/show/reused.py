"""What a run reuses of earlier ones, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro_aws_batch.wording import counted, lasting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kedro_aws_batch.prices import Prices


def told_reused(resumed: Mapping[str, Any] | None, prices: Prices | None) -> str:
    """Return `16 nodes of run …, which took 24.8 s`; empty for a run that reuses nothing, or that resumes another."""
    source = of_which(resumed, prices)
    return f"{counted((resumed or {})['reused_total'], 'node')} of {source}" if source else ""


def of_which(resumed: Mapping[str, Any] | None, prices: Prices | None) -> str:
    """Return the same without the number of nodes: `run …, which took 24.8 s`."""
    told = resumed or {}
    runs = told.get("runs") or {}
    if told.get("from") is not None or not told.get("reused_total") or not runs:
        return ""
    newest = next(iter(runs))
    made = f"run {newest}" if len(runs) == 1 else f"{len(runs)} runs, the newest {newest}"
    return f"{made}{told_spared(told, prices)}"


def told_spared(resumed: Mapping[str, Any] | None, prices: Prices | None) -> str:
    """Return `, which took 24.8 s and would now cost about $0.03` of the jobs that made it, as far as that is known."""
    if not resumed or not resumed.get("seconds"):
        return ""
    spent = prices.spared(resumed.get("sizes") or ()) if prices else None
    cost = f" and would now cost about {spent.words}" if spent else ""
    return f", which took {lasting(resumed['seconds'])}{cost}"


def why_nothing(resumed: Mapping[str, Any] | None) -> str:
    """Return the reason why a run reuses nothing though it was to; empty if it does, or if there are several."""
    told = resumed or {}
    reasons = {*told.get("again", {}).values()}
    if told.get("from") is not None or told.get("reused_total") or len(reasons) != 1:
        return ""
    return str(reasons.pop())


def made_by(resumed: Mapping[str, Any] | None) -> str:
    """Return how many nodes of which runs are reused, or taken over: `14 of run …, 2 of run …`."""
    runs: Mapping[str, int] = (resumed or {}).get("runs") or {}
    return ", ".join(f"{number:,} of run {run_id}" for run_id, number in runs.items())
