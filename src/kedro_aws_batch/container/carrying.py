"""A container that carries on: it runs one group after the other, each in a process of its own.

Each group needs its own process, because a process remembers what it has seen of storage: fsspec keeps listings, so a
second group would not see what another container has written meanwhile. The processes are forked from one that has
imported Kedro, but neither the project nor any file system. Before the second group it forks once, into a process that
imports the libraries which the first group had imported, and carries on in its stead: the further groups are forked
from that. What a group has started and left behind ends with it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag.carrying import UNSURE

from .asking import Next, Said, ask_next
from .child import run_apart
from .door import Door
from .leftovers import adopt_orphans, end_leftovers
from .libraries import import_shared
from .payload import Payload, read_group

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


#: The exit code of a process that would carry on but may not be forked: one that no group's can be (`passed_on`).
_UNFIT = 78


@dataclass(frozen=True)
class GroupEnd:
    """How a group ended in a container."""

    exit_code: int  #: for the container, if that ends now
    libraries: Sequence[str] = ()  #: the shared ones that it had imported (`container.libraries`)


@dataclass
class Container:
    """One attempt of a job, and the groups that it runs."""

    environment: Mapping[str, str]
    door: Door
    #: Runs a group in a process of its own; calls its second argument when a signal comes meanwhile.
    run: Callable[[Payload, Callable[[], None]], GroupEnd]
    is_stopped: bool = False
    _until: float = field(init=False)

    def live(self, first: Payload) -> int:
        """Run groups until there is none for this container, and return the exit code."""
        self._until = time.monotonic() + self.door.seconds
        if self.door.epoch > 1:
            return self._restart(first)
        return self._carry_on(first, 0)

    def _carry_on(self, payload: Payload, place: int) -> int:
        adopt_orphans()
        while True:
            began = _now()
            end = self.run(payload, self._stop)
            if end.exit_code or self.is_stopped or time.monotonic() >= self._until or not end_leftovers():
                return end.exit_code
            told = ask_next(payload.run_id, self.door, place, (began, _now()), lambda: self.is_stopped)
            if not isinstance(told, Next):
                return _exit_code(told)
            payload, place = self._payload(told), told.place
            if place == 1 and not sys.modules.keys() >= {*end.libraries}:
                code = self._replaced(payload, place, end.libraries)
                if code != _UNFIT:
                    return code

    def _replaced(self, payload: Payload, place: int, libraries: Sequence[str]) -> int:
        """Carry on in a process that has imported libraries, and return its exit code."""

        def successor() -> int:
            # A signal before the group's own process exists ends this one, as it would end that.
            return self._carry_on(payload, place) if import_shared(libraries) else _UNFIT

        return run_apart(successor, on_signal=self._stop).verdict

    def _restart(self, first: Payload) -> int:
        """Run only the group that an earlier attempt of this job was running."""
        told = ask_next(first.run_id, self.door, None)
        return self.run(self._payload(told), self._stop).exit_code if isinstance(told, Next) else _exit_code(told)

    def _payload(self, told: Next) -> Payload:
        return read_group(self.environment, told.payload, told.payload["groups"][0])

    def _stop(self) -> None:
        """Ask for no more groups: whoever sent the signal wants the container to end."""
        self.is_stopped = True


def _exit_code(told: Said) -> int:
    return 0 if told is Said.NOTHING else UNSURE


def _now() -> int:
    return int(time.time() * 1000)
