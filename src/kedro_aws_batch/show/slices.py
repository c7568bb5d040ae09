"""A split node as one row: how many of its slices have which status."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kedro_aws_batch.client import GroupState

#: Statuses, the most telling first: the status of a split node is the first of these that one of its slices has.
TELLING = ("FAILED", "RUNNING", "SUBMITTED", "WAITING", "CANCELLED", "SKIPPED", "SUCCEEDED")
#: The order of statuses in texts: finished ones first.
_TOLD = ("SUCCEEDED", "RUNNING", "SUBMITTED", "WAITING", "FAILED", "CANCELLED", "SKIPPED")


def split_nodes(groups: Sequence[GroupState]) -> tuple[list[GroupState], list[list[GroupState]]]:
    """Return the groups that are not slices, and the slices of each split node."""
    by_nodes: dict[tuple[str, ...], list[GroupState]] = {}
    for group in groups:
        if group.slice:
            by_nodes.setdefault(group.nodes, []).append(group)
    return [group for group in groups if not group.slice], list(by_nodes.values())


def status_of(slices: Sequence[GroupState]) -> str:
    """Return the status of a node's row."""
    return min((one.status for one in slices), key=TELLING.index)


def told(slices: Sequence[GroupState]) -> str:
    """Return the progress of a node's slices: `clean split 50: 47 succeeded, 2 running, 1 failed`."""
    first = slices[0]
    into = first.slice["into"] if first.slice else len(slices)
    counts = Counter(one.status for one in slices)
    parts = ", ".join(f"{counts[status]:,} {status.lower()}" for status in _TOLD if counts[status])
    size = f"split {into:,}" if len(slices) == into else f"{len(slices):,} slices of {into:,}"
    return f"{', '.join(first.nodes)} {size}: {parts}"


def first_failed(slices: Sequence[GroupState]) -> GroupState | None:
    """Return the slice that failed first, if one has."""
    failed = [one for one in slices if one.status == "FAILED"]
    return min(failed, key=lambda one: (one.ended_at or 0, one.index), default=None)


def lasted(slices: Sequence[GroupState], now: int | None) -> float | None:
    """Return for how many seconds a node's slices have run, from the first that began to the last that ended."""
    begun = [one.started_at for one in slices if one.started_at is not None]
    running = any(one.status == "RUNNING" for one in slices)
    ended = [one.ended_at for one in slices if one.ended_at is not None]
    until = now if running else max(ended, default=None)
    return max(0, until - min(begun)) / 1000 if begun and until is not None else None
