"""A container that carries on: it runs one group after the other, each in a process of its own.

Each group needs its own process, because a process remembers what it has seen of storage: fsspec keeps listings, so a
second group would not see what another container has written meanwhile. The processes are forked from one that has
imported Kedro, but neither the project nor any file system. What a group has started and left behind ends with it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag.carrying import UNSURE

from .asking import Next, Said, ask_next
from .door import Door
from .leftovers import adopt_orphans, end_leftovers
from .payload import Payload, read_group

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass
class Container:
    """One attempt of a job, and the groups that it runs."""

    environment: Mapping[str, str]
    door: Door
    #: Runs a group in a process of its own; calls its second argument when a signal comes meanwhile.
    run: Callable[[Payload, Callable[[], None]], int]
    is_stopped: bool = False

    def live(self, first: Payload) -> int:
        """Run groups until there is none for this container, and return the exit code."""
        until = time.monotonic() + self.door.seconds
        if self.door.epoch > 1:
            return self._restart(first)
        adopt_orphans()
        payload, place = first, 0
        while True:
            began = _now()
            code = self.run(payload, self._stop)
            if code or self.is_stopped or time.monotonic() >= until or not end_leftovers():
                return code
            told = ask_next(first.run_id, self.door, place, (began, _now()), lambda: self.is_stopped)
            if not isinstance(told, Next):
                return _exit_code(told)
            payload, place = self._payload(told), told.place

    def _restart(self, first: Payload) -> int:
        """Run only the group that an earlier attempt of this job was running."""
        told = ask_next(first.run_id, self.door, None)
        return self.run(self._payload(told), self._stop) if isinstance(told, Next) else _exit_code(told)

    def _payload(self, told: Next) -> Payload:
        return read_group(self.environment, told.payload, told.payload["groups"][0])

    def _stop(self) -> None:
        """Ask for no more groups: whoever sent the signal wants the container to end."""
        self.is_stopped = True


def _exit_code(told: Said) -> int:
    return 0 if told is Said.NOTHING else UNSURE


def _now() -> int:
    return int(time.time() * 1000)
