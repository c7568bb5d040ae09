"""When each group waited, started and ran, and which of them the run's end hung on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag.status import IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kedro_aws_batch.client import GroupState, RunState


@dataclass(frozen=True)
class Span:
    """A stretch of time, in milliseconds since the epoch."""

    start: int
    end: int

    @property
    def seconds(self) -> float:
        """Return how long it is."""
        return (self.end - self.start) / 1000


@dataclass(frozen=True)
class Line:
    """A group on the timeline. What has not ended lasts until the state was asked for."""

    group: GroupState
    #: From when its parents had succeeded until its job was submitted: it waited for a place, or for us.
    waiting: Span | None = None
    #: From the submission until the container ran: it waited for a machine and an image.
    starting: Span | None = None
    #: Of that, what attempts ran that Batch repeated.
    tries: tuple[Span, ...] = ()
    running: Span | None = None
    #: Whether the run's end hung on it.
    critical: bool = False

    @property
    def started_in(self) -> float | None:
        """Return for how many seconds it waited for machines and images."""
        if self.starting is None:
            return None
        return max(0.0, self.starting.seconds - sum(one.seconds for one in self.tries))

    @property
    def spans(self) -> tuple[Span, ...]:
        """Return what is known of it, in order."""
        return tuple(span for span in (self.waiting, self.starting, self.running) if span is not None)

    @property
    def end(self) -> int | None:
        """Return when the last of it ended, or would end if it ended now."""
        return max((span.end for span in self.spans), default=None)


def lines(state: RunState) -> list[Line]:
    """Return a run's groups in the order in which they came up; those that did not, last."""
    until = _until(state)
    by_index = {group.index: group for group in state.groups}
    on_path = set(critical_path(state))
    found = [_line(group, _ready(group, by_index, state), until, group.index in on_path) for group in state.groups]
    never = float("inf")

    def when(line: Line) -> tuple[float, float, int]:
        first = line.group.submitted_at or line.group.started_at or (line.spans[0].start if line.spans else never)
        return first, line.group.started_at or never, line.group.index

    return sorted(found, key=when)


def critical_path(state: RunState) -> list[int]:
    """Return the groups that the end hung on, first to last: from the last to end, always the parent that ended last.

    In a run that goes on, the last is the one expected to end last of those in flight. A run that failed hung on no job
    that was cancelled because of it; one that was aborted, on its first failure.
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
    """Return the group with which a run ended, or is expected to; None where nothing has begun."""
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


def _until(state: RunState) -> int | None:
    """Return up to when the state speaks: a run that has ended may still have jobs that wind down."""
    times = [group.ended_at for group in state.groups if group.ended_at is not None]
    winding_down = any(group.status in IN_FLIGHT for group in state.groups)
    ended = None if winding_down else state.ended_at
    return max([ended, *times], key=lambda at: at or 0) if ended is not None else state.now or state.ended_at


def _ready(group: GroupState, by_index: Mapping[int, GroupState], state: RunState) -> int | None:
    """Return when nothing but a place was missing: None while a parent has not succeeded."""
    parents = [by_index[index] for index in group.parents if index in by_index]
    if any(parent.status != "SUCCEEDED" for parent in parents):
        return None
    return max((parent.ended_at for parent in parents if parent.ended_at is not None), default=state.created_at)


def _line(group: GroupState, ready: int | None, until: int | None, critical: bool) -> Line:
    if group.status == "SKIPPED":
        return Line(group)
    end = group.ended_at or until
    submitted = group.submitted_at or group.started_at or group.ended_at
    return Line(
        group,
        waiting=_span(ready, submitted or until),
        starting=_span(group.submitted_at, group.started_at or end),
        tries=tuple(Span(one["started_at"], one["ended_at"]) for one in group.batch_attempts),
        running=_span(group.started_at, end),
        critical=critical,
    )


def _span(start: int | None, end: int | None) -> Span | None:
    """Return a span; clocks differ, so that what would end before it began is empty."""
    return None if start is None or end is None else Span(start, max(start, end))
