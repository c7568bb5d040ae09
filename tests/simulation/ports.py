"""An invocation's world in virtual time, besides its table: a clock, a job queue and a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from adapters.job_queue import BatchJobQueue
from adapters.ports import UnavailableError
from tests.silence import Silence
from tests.simulation.fibers import Life, Timeline
from tests.simulation.promises import BrokenPromiseError

#: Errors that an invocation may fail with: AWS had no answer, or not the right one.
AWS_ERRORS = (ClientError, BotoCoreError, UnavailableError)


@dataclass
class Invocation(Life):
    """A call of one of the functions."""

    name: str = ""
    began_over: bool = False  #: the run had ended before it began
    skew: int = 0  #: ms by which its clock is ahead


@dataclass(frozen=True)
class InvocationClock:
    timeline: Timeline
    invocation: Invocation

    def now(self) -> int:
        """Return the time by the invocation's clock, in ms."""
        return self.timeline.now + self.invocation.skew

    def left(self) -> float:
        """Return the seconds to the invocation's deadline."""
        return (self.invocation.deadline - self.timeline.now) / 1000


class FiberJobQueue(BatchJobQueue):
    """The real adapter, with fibers instead of threads for requests at the same time."""

    timeline: Timeline

    def _each(self, act: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        return self.timeline.map(act, items, self._at_once)


class Witness(Silence):
    """A log that lets no error pass but AWS's own."""

    def exception(self, msg: object, /, **fields: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, AWS_ERRORS):
            raise BrokenPromiseError(f"{msg}: {fields}") from error
