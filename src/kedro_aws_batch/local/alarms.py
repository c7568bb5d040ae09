"""Calls at a later time, all made by one thread."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class Alarm:
    """A scheduled call; `cancel` is idempotent, and too late once the call has begun."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Don't make the call."""
        self._call = None

    def ring(self) -> None:
        """Make the call, unless it was cancelled."""
        if (call := self._call) is not None:
            call()


class Alarms:
    """Makes calls when they are due; a call must be short, since the next one waits for it."""

    def __init__(self) -> None:
        self._order = itertools.count()
        self._due: list[tuple[float, int, Alarm]] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)
        self._thread.start()

    def after(self, seconds: float, call: Callable[[], None]) -> Alarm:
        """Make `call` in so many seconds."""
        alarm = Alarm(call)
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), alarm))
            self._changed.notify()
        return alarm

    def stop(self) -> None:
        """Make no further calls, and wait for the one under way."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (alarm := self._next()) is not None:
            alarm.ring()

    def _next(self) -> Alarm | None:
        with self._changed:
            while not self._stopping:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
            return None
