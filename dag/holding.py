"""Which ready groups wait a moment for a container that is soon free, rather than get a container of their own.

A container takes tens of seconds to start. Where another one is expected to be free much sooner, a group may as well
wait for that. It is a matter of time and money alone: a group that is held is ready, and whoever claims it gets it.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import insort
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from . import limits
from .carrying import suits
from .plan import Plan
from .records import Job, Worker
from .shards import Mark, View

#: A group is held for at most this part of a container's start…
_PART = 1 / 2
#: …of which more than so many seconds don't count.
_LONGEST_START = 60.0
#: …and comes first in the last part of that time.
_URGENT = 1 / 2
#: The urgency of what comes first.
_FIRST = float(limits.PRIORITY.most)
#: Where containers start in less than so many seconds, holding isn't worth its calls.
_SHORTEST_START = 4.0
#: A container is overdue if its group takes this much longer than it usually does, and at least so many ms.
_LATER, _AT_LEAST = 0.25, 1_000
#: ms for which it is remembered that a group was held: by then reconcile has seen it. A write is billed for all of it.
_REMEMBERED = 120_000
#: ms by which the clocks of two invocations may differ.
_CLOCKS = 1_000
#: Groups held at once, and containers looked at: more would make an invocation's work grow with the run.
MOST, _MOST_WORKERS = 256, 64


@dataclass(frozen=True)
class Held:
    """The held groups of a run, and until when (ms). A group that is not named is not held."""

    until: Mapping[int, int] = field(default_factory=dict)
    version: int = 0  #: grows with every change

    def holds(self, mark: Mark, now: int) -> bool:
        """Return whether an attempt still waits for a container."""
        return mark.attempt == 0 and self.until.get(mark.group, 0) > now + _CLOCKS

    def knows(self, mark: Mark) -> bool:
        """Return whether an attempt has been held, perhaps in vain: it is not held again."""
        return mark.attempt == 0 and mark.group in self.until

    def urgent_first(self, plan: Plan, ready: Sequence[Mark], now: int) -> list[Mark]:
        """Return ready attempts in their order, but first those that have waited for most of the time that they may.

        Otherwise whatever waits with a short path after it would get a container of its own in the end, late. A
        priority that was given comes before that.
        """

        def is_urgent(mark: Mark) -> bool:
            left = self.until.get(mark.group, 0) - now
            return mark.attempt == 0 and mark.group in self.until and left < longest_hold(plan, mark.group) * _URGENT

        def order(mark: Mark) -> tuple[float, bool, bool]:
            given, urgent = mark.group in plan.priorities, is_urgent(mark)
            return (-(_FIRST if urgent and not given else plan.urgency[mark.group]), not given, not urgent)

        return sorted(ready, key=order)

    def lately(self, now: int) -> set[int]:
        """Return the groups that a container may still have been left, if nobody else has taken them."""
        return {group for group, at in self.until.items() if at > now - _CLOCKS}

    def and_also(self, until: Mapping[int, int], now: int) -> Held:
        """Return it with more groups, without those that nobody can be waiting for any more."""
        recent = {group: at for group, at in self.until.items() if at > now - _REMEMBERED}
        return Held({**recent, **until}, self.version + 1)


def may_hold(plan: Plan) -> bool:
    """Return whether groups may be held at all: only if containers are known to take their time to start."""
    return plan.settings.warm_containers and max(plan.starts.values(), default=0.0) >= _SHORTEST_START


def longest_hold(plan: Plan, group: int) -> int:
    """Return for how many ms a ready group may be held; 0 if the start of its container isn't known."""
    return int(min(plan.start_seconds(group) or 0.0, _LONGEST_START) * _PART * 1000)


def to_hold(plan: Plan, ready: Iterable[Mark], workers: Iterable[Worker], held: Held, now: int) -> dict[int, int]:
    """Return the groups to hold from now on, and until when (ms); `ready` come most urgent first.

    Each worker is expected to take one group after the other. Only workers that have asked before count, and only
    while they aren't overdue: whoever has asked once can, and a known duration says when it will again.
    """
    free = _soon_free(plan, workers, now)
    room = MOST - sum(at > now for at in held.until.values())
    found: dict[int, int] = {}
    for mark in ready:
        if not free or len(found) >= room:
            break
        if mark.attempt or (held.knows(mark) and not held.holds(mark, now)):
            continue
        place = next((place for place, (_, first) in enumerate(free) if suits(plan, first, mark)), None)
        if place is None:
            continue
        at, first = free[place]
        if not held.knows(mark):
            longest = now + longest_hold(plan, mark.group)
            if at > longest:
                continue
            found[mark.group] = longest
        free.pop(place)
        if (seconds := plan.groups[mark.group].seconds) is not None:
            insort(free, (at + int(seconds * 1000), first))
    return found


def _soon_free(plan: Plan, workers: Iterable[Worker], now: int) -> list[tuple[int, Mark]]:
    """Return when workers are expected to ask, soonest first."""
    found = [(max(at, now), worker.first) for worker in workers if (at := _asks_at(plan, worker, now)) is not None]
    return heapq.nsmallest(_MOST_WORKERS, found)


def _asks_at(plan: Plan, worker: Worker, now: int) -> int | None:
    """Return when a worker is expected to ask for its next group; None if that isn't known, or it is overdue."""
    if waits(worker, now):
        return worker.waits_until
    return ends_at(plan, worker, now) if worker.answered else None


def waits(worker: Worker, now: int) -> bool:
    """Return whether a worker has been told to ask again, and still can be expected to."""
    if worker.closed or worker.done < worker.answered or worker.waits_until is None:
        return False
    return worker.waits_until + _AT_LEAST > now


def asks(worker: Worker, now: int) -> bool:
    """Return whether a worker is asking for its next group."""
    if worker.closed or worker.answer is None or worker.done < worker.answered:
        return False
    return worker.waits_until is None or worker.waits_until + _AT_LEAST <= now


def ends_at(plan: Plan, worker: Worker, now: int) -> int | None:
    """Return when a worker is expected to end its group (ms); None if that isn't known, or it is overdue."""
    if worker.closed or worker.answer is None or worker.done >= worker.answered or worker.answered_at is None:
        return None
    return _unless_overdue(worker.answered_at, plan.groups[worker.answer.group].seconds, now)


def first_ends_at(plan: Plan, job: Job, now: int) -> int | None:
    """Return when a container is expected to end its first group (ms); None if that isn't known, or it is overdue."""
    start = plan.start_seconds(job.mark.group)
    seconds = plan.groups[job.mark.group].seconds
    return None if start is None else _unless_overdue(job.submitted_at + int(start * 1000), seconds, now)


def _unless_overdue(began: int, seconds: float | None, now: int) -> int | None:
    if seconds is None:
        return None
    at = began + int(seconds * 1000)
    return at if at + max(_AT_LEAST, int(seconds * _LATER * 1000)) > now else None


@dataclass(frozen=True, kw_only=True)
class Prospect:
    """What a worker that gets no group may expect."""

    first: Mark  #: the attempt that its job was submitted for
    soon: Mapping[int, int]  #: the groups at work that will end soon, and when (ms)
    others: int  #: how many other workers will take a group soon
    children: Sequence[int]  #: the groups that may become ready then

    def pause(self, plan: Plan, view: View, now: int, waited: int) -> int:
        """Return after how many ms it should ask again; 0 if there will hardly be a group for it.

        The workers whose groups end get what that makes ready first, then those that wait. The view must hold the
        shards of the children and of their parents.
        """
        left = longest_hold(plan, self.first.group) - waited
        coming = self._coming(plan, view) if left > 0 else []
        if not coming or len(coming) < self.others:
            return 0
        return min(left, max(_AT_LEAST, waited, min(coming) - now))

    def _coming(self, plan: Plan, view: View) -> list[int]:
        """Return when groups that suit it will be ready (ms), as many as matter."""
        ready = (self._ready_at(plan, view, child) for child in self.children)
        return list(itertools.islice((at for at in ready if at is not None), max(1, self.others)))

    def _ready_at(self, plan: Plan, view: View, child: int) -> int | None:
        if view.newest_attempt(child) is not None or not suits(plan, self.first, Mark(child)):
            return None
        latest = 0
        for parent in plan.groups[child].parents:
            if not view.succeeded(parent):
                if parent not in self.soon:
                    return None
                latest = max(latest, self.soon[parent])
        return latest


def wake_after(until: Collection[int], now: int) -> int:
    """Return in how many whole seconds to look again at groups that are held until then."""
    return max(0, -(-(max(until) - now) // 1000))
