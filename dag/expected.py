"""How long a run will take and how many containers it will start, by what earlier runs have taught.

It plays the run as the service does it, longest remaining path first, and knows nothing of failures, of the time
that calls take, or of the machines of a queue.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field

from .carrying import suits
from .holding import longest_hold, may_hold
from .plan import Plan
from .shards import Mark


@dataclass(frozen=True)
class Expected:
    """What is expected of a run."""

    seconds: float
    containers: int
    #: Groups that never ran before: they count as nothing, so that the run takes at least so long.
    unknown: int = 0


def expected(plan: Plan) -> Expected | None:
    """Return what is expected of a plan with durations; None if none of its groups ever ran before."""
    unknown = sum(group.seconds is None for group in plan.groups)
    if unknown == len(plan.groups):
        return None
    play = _Play(plan)
    return Expected(round(play.whole() / 1000, 1), play.containers, unknown)


@dataclass
class _Play:
    """A run being played. Times are ms since its start."""

    plan: Plan
    containers: int = 0
    _now: int = 0
    _ready: list[int] = field(default_factory=list)
    #: The groups in containers, soonest to end first: when, a number to order them by, the group, its container.
    _running: list[tuple[int, int, int, Mark]] = field(default_factory=list)
    #: When held groups get containers of their own.
    _held: dict[int, int] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def whole(self) -> int:
        """Play it to its end, and return when that is."""
        missing = [len(group.parents) for group in self.plan.groups]
        self._become_ready([index for index, number in enumerate(missing) if not number])
        self._start()
        while self._running:
            waking = [at for group, at in self._held.items() if group in self._ready and at > self._now]
            if waking and min(waking) < self._running[0][0]:
                self._now = min(waking)
            else:
                self._now, _, group, container = heapq.heappop(self._running)
                self._become_ready(_freed(self.plan, group, missing))
                self._carry_on(container)
            self._start()
        return self._now

    def _become_ready(self, groups: list[int]) -> None:
        self._ready = sorted([*self._ready, *groups], key=lambda group: (-self.plan.remaining[group], group))

    def _carry_on(self, container: Mark) -> None:
        """Give a container that is free the first ready group that it suits."""
        if not self.plan.settings.warm_containers:
            return
        found = next((group for group in self._ready if suits(self.plan, container, Mark(group))), None)
        if found is not None:
            self._ready.remove(found)
            self._run(found, container, 0.0)

    def _start(self) -> None:
        """Start containers for what is ready, except what is held for one that is soon free."""
        taken: set[int] = set()
        for group in list(self._ready):
            if len(self._running) >= (self.plan.settings.max_workers or len(self.plan.groups)):
                return
            if not self._is_held(group, taken):
                self._ready.remove(group)
                self.containers += 1
                self._run(group, Mark(group), self.plan.start_seconds(group) or 0.0)

    def _is_held(self, group: int, taken: set[int]) -> bool:
        """Whether a group waits for a container that is soon free, which nothing else then waits for."""
        if not may_hold(self.plan):
            return False
        until = self._held.get(group, self._now + longest_hold(self.plan, group))
        for at, number, _, container in sorted(self._running):
            if at > until:
                break
            if number not in taken and suits(self.plan, container, Mark(group)):
                taken.add(number)
                self._held[group] = until
                return until > self._now
        return False

    def _run(self, group: int, container: Mark, start: float) -> None:
        end = self._now + int(1000 * (start + (self.plan.groups[group].seconds or 0.0)))
        heapq.heappush(self._running, (end, next(self._numbers), group, container))


def _freed(plan: Plan, group: int, missing: list[int]) -> list[int]:
    """Count a group as done, and return what has become ready."""
    for child in plan.children[group]:
        missing[child] -= 1
    return [child for child in plan.children[group] if not missing[child]]
