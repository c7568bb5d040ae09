"""How long a run will still take: the critical path through the jobs to come, by durations of earlier runs.

It assumes that there are machines: `describe_run` doesn't know a queue's machines, only `max_workers`.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag.status import IN_FLIGHT, GroupStatus

from .sizing import noun
from .wording import counted, roughly

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kedro_aws_batch._service.dag.expected import Expected

    from .client import GroupState, RunState

TO_COME = (GroupStatus.WAITING, *IN_FLIGHT)


@dataclass(frozen=True)
class Left:
    """How long a run will still take."""

    seconds: float
    #: Jobs to come that never ran before: they count as nothing.
    unknown: int = 0
    #: What those are: jobs or, where containers carry on, nodes or groups.
    unit: str = "job"

    @property
    def words(self) -> str:
        """Return `about 4 min left`, or whatever is certain."""
        if self.unknown:
            new = counted(self.unknown, self.unit)
            return f"at least {roughly(self.seconds)} left ({new} never ran before)" if self.seconds else NOT_KNOWN
        return f"about {roughly(self.seconds)} left" if self.seconds else "it takes longer than usual"

    @property
    def short(self) -> str:
        """Return `~4 min`, `>4 min`, `?` or `overdue`: the same, for a column."""
        if self.unknown:
            return f">{roughly(self.seconds)}" if self.seconds else "?"
        return f"~{roughly(self.seconds)}" if self.seconds else "overdue"


NOT_KNOWN = "time left: not known yet"
#: What an expectation assumes of the machines of a queue.
WHERE_FREE = "where machines are free"


def words_left(state: RunState) -> str:
    """Return how long a run will still take, in words; empty for an ended one."""
    if state.ended:
        return ""
    left = time_left(state)
    return NOT_KNOWN if left is None else left.words


def time_left(state: RunState) -> Left | None:
    """Return how long a run will still take; None if none of the jobs to come ever ran before."""
    to_come = _to_come(state)
    unknown = sum(group.expected_ms is None for group in to_come)
    if state.now is None or unknown == len(to_come):
        return None
    starting = _usual_start(state)
    seconds = {group.index: _remaining(group, state.now, starting) for group in to_come}
    carrying = any(group.carried for group in state.groups)
    return Left(_Play(seconds, state.max_workers, starting if carrying else 0.0).of(to_come), unknown, noun(state))


def _to_come(state: RunState) -> list[GroupState]:
    """Return the groups that will still run, in the order of the graph: not those that depend on a failure."""
    stopping = state.policy is not None and state.policy.stops_submitting
    stopping = stopping and any(group.status == "FAILED" for group in state.groups)
    wanted = IN_FLIGHT if stopping else TO_COME
    never = {group.index for group in state.groups if group.status not in ("SUCCEEDED", *wanted)}
    found = []
    for group in state.groups:
        if never.intersection(group.parents):
            never.add(group.index)
        elif group.status in wanted:
            found.append(group)
    return found


def _usual_start(state: RunState) -> float:
    """Return how many seconds this run's jobs usually waited for a machine and an image."""
    known = [
        max(0, group.started_at - group.submitted_at) / 1000
        for group in state.groups
        if group.started_at is not None and group.submitted_at is not None and not group.carried
    ]
    return median(known) if known else 0.0


def _remaining(group: GroupState, now: int, starting: float) -> float:
    expected = (group.expected_ms or 0) / 1000
    if group.status == "RUNNING" and group.started_at is not None:
        return max(0.0, expected - (now - group.started_at) / 1000)
    if group.status == "SUBMITTED" and group.submitted_at is not None:
        return max(0.0, starting - (now - group.submitted_at) / 1000) + expected
    return expected if group.expected_ms is None else starting + expected


def words_expected(found: Expected, assumed: str = WHERE_FREE, *, carrying: bool) -> str:
    """Return how long a run to come will take and, if containers may carry on, how many it will start."""
    least = "at least" if found.unknown else "about"
    many = f" and {counted(found.containers, 'container')}" if carrying else ""
    new = f" ({counted(found.unknown, 'group')} never ran before)" if found.unknown else ""
    return f"By earlier runs it takes {least} {roughly(found.seconds)}{many}{new}, {assumed}."


@dataclass(frozen=True)
class _Play:
    """A run played as the service does it, longest remaining path first."""

    #: How long each group will still take, with its container's start.
    seconds: Mapping[int, float]
    #: How many run at once; None means any number.
    places: int | None
    #: What a group saves that takes over the container of one that ends at that moment.
    start: float

    def of(self, groups: Sequence[GroupState]) -> float:
        """Return when the last of these groups ends, in seconds from now."""
        children, missing = self._graph(groups)
        longest = dict(self.seconds)
        for group in reversed(groups):
            longest[group.index] += max((longest[child] for child in children[group.index]), default=0.0)
        in_flight = [group for group in groups if group.status in IN_FLIGHT]
        running = [(self.seconds[group.index], group.index) for group in in_flight]
        waiting = [group.index for group in groups if group.status not in IN_FLIGHT]
        ready = [(-longest[index], index) for index in waiting if not missing[index]]
        heapq.heapify(running)
        heapq.heapify(ready)
        now, free = 0.0, False
        while running or ready:
            while ready and (self.places is None or len(running) < self.places):
                _, index = heapq.heappop(ready)
                saved = min(self.start, self.seconds[index]) if free else 0.0
                heapq.heappush(running, (now + self.seconds[index] - saved, index))
                free = False
            now, index = heapq.heappop(running)
            free = True
            for child in children[index]:
                missing[child] -= 1
                if not missing[child]:
                    heapq.heappush(ready, (-longest[child], child))
        return now

    def _graph(self, groups: Sequence[GroupState]) -> tuple[Mapping[int, Sequence[int]], dict[int, int]]:
        """Return the children of each group to come, and how many of its parents are still to come."""
        children = defaultdict(list)
        missing = {}
        for group in groups:
            parents = [parent for parent in group.parents if parent in self.seconds]
            missing[group.index] = len(parents)
            for parent in parents:
                children[parent].append(group.index)
        return children, missing
