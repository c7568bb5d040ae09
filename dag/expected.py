"""How long a run will take and how many containers it will start, by what earlier runs have taught.

It plays the run as the service does it, longest remaining path first, with what our calls take. It knows nothing of
failures, and of a queue's machines only how many vCPUs they have, if somebody says so.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict, deque
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


@dataclass(frozen=True)
class Calls:
    """Seconds that our calls take."""

    first: float  #: from the request to the first submission
    link: float  #: from a group's end to the submission of what follows it
    carried: float  #: from a group's end to the next one's beginning in the same container


#: As `benchmarks/warm` measures them with chains of 10 and of 30 groups.
ON_AWS = Calls(first=1.3, link=0.23, carried=0.13)
#: As `benchmarks/local_start` measures a link between programs.
LOCAL = Calls(first=0.06, link=0.06, carried=0.06)


def expected(plan: Plan, calls: Calls = ON_AWS, vcpus: int | None = None) -> Expected | None:
    """Return what is expected of a plan with durations; None if none of its groups ever ran before.

    The containers of each queue share so many vCPUs; None means any number.
    """
    unknown = sum(group.seconds is None for group in plan.groups)
    if unknown == len(plan.groups):
        return None
    play = _Play(plan, calls, vcpus)
    return Expected(round(play.whole() / 1000, 1), play.containers, unknown)


@dataclass
class _Play:
    """A run being played. Times are ms since its start."""

    plan: Plan
    calls: Calls
    vcpus: int | None
    containers: int = 0
    _now: int = 0
    _ready: list[int] = field(default_factory=list)
    #: The groups of submitted jobs whose containers wait for vCPUs, by queue, and when they were submitted.
    _waiting: dict[str, deque[tuple[int, int]]] = field(default_factory=lambda: defaultdict(deque))
    #: The vCPUs in use, by queue.
    _used: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    #: The groups in containers, soonest to end first: when, a number to order them by, the group, its container.
    _running: list[tuple[int, int, int, Mark]] = field(default_factory=list)
    #: When held groups get containers of their own.
    _held: dict[int, int] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def whole(self) -> int:
        """Play it to its end, and return when that is."""
        missing = [len(group.parents) for group in self.plan.groups]
        self._become_ready([index for index, number in enumerate(missing) if not number])
        self._submit()
        while self._running:
            waking = [at for group, at in self._held.items() if group in self._ready and at > self._now]
            if waking and min(waking) < self._running[0][0]:
                self._now = min(waking)
            else:
                self._now, _, group, container = heapq.heappop(self._running)
                self._become_ready(_freed(self.plan, group, missing))
                self._carry_on(container)
            self._submit()
        return self._now

    def _become_ready(self, groups: list[int]) -> None:
        plan = self.plan
        self._ready = sorted([*self._ready, *groups], key=lambda one: (-plan.urgency[one], -plan.remaining[one], one))

    def _carry_on(self, container: Mark) -> None:
        """Give a container that is free the first ready group that it suits; without one it ends."""
        found = None
        if self.plan.settings.warm_containers:
            found = next((group for group in self._ready if suits(self.plan, container, Mark(group))), None)
        if found is None:
            self._used[self._queue(container.group)] -= self._asks(container.group)
            return
        self._ready.remove(found)
        self._run(found, container, self.calls.carried)

    def _submit(self) -> None:
        """Submit what is ready, except what is held for a container that is soon free."""
        taken: set[int] = set()
        link = self.calls.link if self._now else self.calls.first
        for group in list(self._ready):
            if self._jobs() >= (self.plan.settings.max_workers or len(self.plan.groups)):
                break
            if not self._is_held(group, taken):
                self._ready.remove(group)
                self.containers += 1
                self._waiting[self._queue(group)].append((group, self._now + int(1000 * link)))
        for queue in self._waiting:
            self._start(queue)

    def _jobs(self) -> int:
        return len(self._running) + sum(map(len, self._waiting.values()))

    def _start(self, queue: str) -> None:
        """Start containers in the order of their jobs: one for which there is no room keeps the others waiting."""
        waiting = self._waiting[queue]
        while waiting:
            group, since = waiting[0]
            if self.vcpus is not None and self._used[queue] + self._asks(group) > self.vcpus:
                return
            waiting.popleft()
            self._used[queue] += self._asks(group)
            late = max(0, since - self._now) / 1000
            self._run(group, Mark(group), late + (self.plan.start_seconds(group) or 0.0))

    def _queue(self, group: int) -> str:
        return str(self.plan.groups[group].resources["job_queue"])

    def _asks(self, group: int) -> float:
        """Return the vCPUs of a group's container: one if only its definition says, and never more than there are."""
        asks = float(self.plan.groups[group].resources.get("vcpus") or 1)
        return asks if self.vcpus is None else min(asks, self.vcpus)

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

    def _run(self, group: int, container: Mark, wait: float) -> None:
        """Have a group begin in so many seconds."""
        end = self._now + int(1000 * (wait + (self.plan.groups[group].seconds or 0.0)))
        heapq.heappush(self._running, (end, next(self._numbers), group, container))


def _freed(plan: Plan, group: int, missing: list[int]) -> list[int]:
    """Count a group as done, and return what has become ready."""
    for child in plan.children[group]:
        missing[child] -= 1
    return [child for child in plan.children[group] if not missing[child]]
