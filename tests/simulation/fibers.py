"""Virtual time, and in it invocations' threads, which wait for moments and for each other."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

_T = TypeVar("_T")
_R = TypeVar("_R")
START = 1_700_000_000_000


class Gone(BaseException):
    """An invocation was ended between two of its calls: it crashed, or exceeded its time."""


@dataclass
class Life:
    """The life of an invocation, which all its threads share."""

    deadline: int  #: ms
    over: bool = False


class Fiber(greenlet):
    """A thread of an invocation."""

    life: Life


class Timeline:
    """Virtual ms since the epoch, and the actions to come; one seed drives all of it."""

    def __init__(self, seed: int) -> None:
        self.now = START
        self.rng = random.Random(seed)
        self._hub = getcurrent()
        self._heap: list[tuple[int, int, Callable[[], object]]] = []
        self._order = itertools.count()

    def later(self, milliseconds: int, action: Callable[[], object]) -> None:
        """Do something in so many ms."""
        heapq.heappush(self._heap, (self.now + milliseconds, next(self._order), action))

    def step(self) -> bool:
        """Let the next thing happen; return whether there was one."""
        if not self._heap:
            return False
        self.now, _, action = heapq.heappop(self._heap)
        action()
        return True

    def spawn(self, act: Callable[[], object], life: Life) -> None:
        """Begin to do something that may wait."""
        fiber = Fiber(act, self._hub)
        fiber.life = life
        self.later(0, fiber.switch)

    def pause(self, milliseconds: int) -> None:
        """Let so many ms pass for the calling fiber. Raises Gone if its invocation has ended by then."""
        fiber = current()
        assert fiber is not None, "only a fiber can wait"
        self.later(milliseconds, fiber.switch)
        self._hub.switch()
        if fiber.life.over or self.now >= fiber.life.deadline:
            fiber.life.over = True
            raise Gone

    def crash(self) -> None:
        """End the calling fiber's invocation, with all its threads. Raises Gone."""
        fiber = current()
        assert fiber is not None, "only an invocation can crash"
        fiber.life.over = True
        raise Gone

    def map(self, act: Callable[[_T], _R], items: Sequence[_T], at_once: int) -> list[_R]:
        """Return an action's result for each item, some at a time; the first error is raised when all are done."""
        caller = current()
        if caller is None or len(items) <= 1:
            return [act(item) for item in items]
        results: list[Any] = [None] * len(items)
        errors: list[BaseException] = []
        waiting = iter(range(len(items)))
        left = min(at_once, len(items))

        def work() -> None:
            nonlocal left
            for index in waiting:
                try:
                    results[index] = act(items[index])
                except BaseException as error:
                    errors.append(error)
                    if not isinstance(error, Exception):
                        break
            left -= 1
            if not left:
                self.later(0, caller.switch)

        for _ in range(left):
            self.spawn(work, caller.life)
        self._hub.switch()
        if errors:
            raise next((error for error in errors if not isinstance(error, Exception)), errors[0])
        return results


def current() -> Fiber | None:
    """Return the running fiber, if there is one."""
    fiber = getcurrent()
    return fiber if isinstance(fiber, Fiber) else None
