"""Virtual time: fibers that wait for each other and for moments, and the CPU time that they use."""

from __future__ import annotations

import heapq
import itertools
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from greenlet import getcurrent, greenlet

_T = TypeVar("_T")


class Gone(BaseException):
    """An invocation has exceeded its time, and is stopped where it waits."""


class Fiber(greenlet):
    """A thread of control in virtual time."""

    deadline: float = float("inf")
    slowness: float = 1.0  #: how much longer its CPU work takes than on a full vCPU
    mark: float = 0.0  #: the thread's CPU time when it last got control


class Timeline:
    """Virtual ms since the epoch, and the actions to come."""

    def __init__(self, seed: int) -> None:
        self.now: float = 1_700_000_000_000.0
        self.rng = random.Random(seed)
        self._hub = getcurrent()
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def later(self, milliseconds: float, action: Callable[[], None]) -> None:
        """Do something in so many ms."""
        heapq.heappush(self._heap, (self.now + milliseconds, next(self._order), action))

    def go(self, until: Callable[[], bool]) -> None:
        """Let everything happen, in order, until a condition holds."""
        while not until():
            self.now, _, action = heapq.heappop(self._heap)
            action()

    @property
    def slowness(self) -> float:
        """Return the calling fiber's slowness."""
        return _current().slowness

    def spawn(self, act: Callable[[], None], deadline: float = float("inf"), slowness: float = 1.0) -> None:
        """Start an action that may wait."""
        fiber = Fiber(act, self._hub)
        fiber.deadline, fiber.slowness = deadline, slowness
        self.later(0, lambda: self._enter(fiber))

    def pause(self, milliseconds: float) -> None:
        """Let so many ms pass for the calling fiber. Raises Gone when its time is over."""
        fiber = _current()
        self.later(milliseconds, lambda: self._enter(fiber))
        self._hub.switch()
        if self.now >= fiber.deadline:
            raise Gone

    def wait(self, start: Callable[[Callable[[_T], None]], None]) -> _T:
        """Start what will call back once, later, and return what it calls back with."""
        fiber, told = _current(), []

        def heard(what: _T) -> None:
            told.append(what)
            self.later(0, lambda: self._enter(fiber))

        start(heard)
        self._hub.switch()
        return told[0]

    def used(self) -> float:
        """Return the ms of CPU that the fiber has used since it last got control or this was last called."""
        fiber, now = _current(), time.thread_time()
        used, fiber.mark = (now - fiber.mark) * 1000, now
        return used

    def each(self, act: Callable[[], None], times: int) -> None:
        """Do something in several fibers at once and wait for all of them."""
        caller, left = _current(), [times]
        errors: list[BaseException] = []

        def run() -> None:
            try:
                act()
            except BaseException as error:  # noqa: BLE001 - raised again by the caller
                errors.append(error)
            left[0] -= 1
            if not left[0]:
                self.later(0, lambda: self._enter(caller))

        for _ in range(times):
            self.spawn(run, caller.deadline, caller.slowness)
        self._hub.switch()
        if errors:
            raise errors[0]

    def map(self, act: Callable[[_T], object], items: Sequence[_T], at_once: int) -> list[object]:
        """Return the results of an action for each item, some at a time."""
        results: list[object] = [None] * len(items)
        waiting = iter(range(len(items)))

        def work() -> None:
            for index in waiting:
                results[index] = act(items[index])

        if items:
            self.each(work, min(at_once, len(items)))
        return results

    @staticmethod
    def _enter(fiber: Fiber) -> None:
        fiber.mark = time.thread_time()
        fiber.switch()


def _current() -> Fiber:
    fiber = getcurrent()
    assert isinstance(fiber, Fiber), "only a fiber can wait"
    return fiber


class Bucket:
    """A quota: so many a second, and as many at once."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._left = rate
        self._at = 0.0

    def take(self, now: float, amount: float) -> bool:
        """Return whether anything is left, and take the amount, even if that is more."""
        self._left = min(self._rate, self._left + (now - self._at) / 1000 * self._rate)
        self._at = now
        if self._left <= 0:
            return False
        self._left -= amount
        return True


@dataclass(frozen=True)
class TimelineClock:
    """The clock of an invocation."""

    timeline: Timeline
    deadline: float

    def now(self) -> int:
        """Return virtual ms."""
        return int(self.timeline.now)

    def left(self) -> float:
        """Return the seconds to the invocation's deadline."""
        return (self.deadline - self.timeline.now) / 1000
