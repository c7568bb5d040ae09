"""Which groups of a run decided when it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._service.dag.status import IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .client import GroupState, RunState


def critical_path(state: RunState) -> list[int]:
    """Return the groups that decided the end: from the last one to end, always the parent that ended last.

    In a run in progress, the last is the group in flight expected to end last. In a failed run it is no job that was
    cancelled because of the failure; in an aborted one it is the first failure.
    """
    by_index = {group.index: group for group in state.groups}
    ends = {group.index: end for group in state.groups if (end := _expected_end(group, state)) is not None}
    last = _last(state, ends)
    if last is None:
        return []
    path = [last]
    while parents := [index for index in by_index[path[-1]].parents if index in ends]:
        path.append(max(parents, key=lambda index: (ends[index], -index)))
    return path[::-1]


def _last(state: RunState, ends: Mapping[int, int]) -> int | None:
    """Return the group that ended a run, or is expected to; None if nothing has begun."""
    status = {group.index: group.status for group in state.groups}
    failed = [index for index in ends if status[index] == "FAILED"]
    if state.status == "FAILED" and failed:
        if state.policy is None or state.policy.terminates:
            return min(failed, key=lambda index: (ends[index], index))
        ends = {index: end for index, end in ends.items() if status[index] != "CANCELLED"}
    return max(ends, key=lambda index: (ends[index], -index), default=None)


def _expected_end(group: GroupState, state: RunState) -> int | None:
    if group.status in IN_FLIGHT and state.now is not None:
        began = group.started_at or state.now
        return max(state.now, began + (group.expected_ms or 0))
    return group.ended_at
