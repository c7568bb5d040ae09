"""When each group waited, started and ran, and which groups decided when the run ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag.status import IN_FLIGHT
from kedro_aws_batch.critical import critical_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
    """A group on the timeline. One that has not ended lasts until the state was read."""

    group: GroupState
    #: From its parents' success until its job was submitted: it waited for a place, or for us.
    waiting: Span | None = None
    #: From the submission until the container ran: it waited for a machine and an image. None if its container ran.
    starting: Span | None = None
    #: The part of that in which attempts ran that Batch repeated.
    tries: tuple[Span, ...] = ()
    running: Span | None = None
    #: Whether it decided when the run ended.
    critical: bool = False

    @property
    def started_in(self) -> float | None:
        """Return how many seconds it waited for machines and images."""
        if self.starting is None:
            return None
        return max(0.0, self.starting.seconds - sum(one.seconds for one in self.tries))

    @property
    def spans(self) -> tuple[Span, ...]:
        """Return its known spans, in order."""
        return tuple(span for span in (self.waiting, self.starting, self.running) if span is not None)

    @property
    def end(self) -> int | None:
        """Return the end of its last span, or the time when the state was read."""
        return max((span.end for span in self.spans), default=None)


def lines(state: RunState) -> list[Line]:
    """Return a run's groups in the order in which they became ready; the others come last."""
    until = _until(state)
    by_index = {group.index: group for group in state.groups}
    on_path = set(critical_path(state))
    found = [_line(group, _ready(group, by_index, state), until, group.index in on_path) for group in state.groups]
    never = float("inf")

    def when(line: Line) -> tuple[float, float, int]:
        first = line.group.submitted_at or line.group.started_at or (line.spans[0].start if line.spans else never)
        return first, line.group.started_at or never, line.group.index

    return sorted(found, key=when)


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return the times within any of some spans, as spans that don't touch."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def _until(state: RunState) -> int | None:
    """Return the time that the state describes: an ended run may still have jobs that are stopping."""
    times = [group.ended_at for group in state.groups if group.ended_at is not None]
    winding_down = any(group.status in IN_FLIGHT for group in state.groups)
    ended = None if winding_down else state.ended_at
    return max([ended, *times], key=lambda at: at or 0) if ended is not None else state.now or state.ended_at


def _ready(group: GroupState, by_index: Mapping[int, GroupState], state: RunState) -> int | None:
    """Return when only a place was missing: None while a parent has not succeeded."""
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
        starting=None if group.carried else _span(group.submitted_at, group.started_at or end),
        tries=tuple(Span(one["started_at"], one["ended_at"]) for one in group.batch_attempts),
        running=_span(group.started_at, end),
        critical=critical,
    )


def _span(start: int | None, end: int | None) -> Span | None:
    """Return a span; since clocks differ, one that would end before it began is empty."""
    return None if start is None or end is None else Span(start, max(start, end))
