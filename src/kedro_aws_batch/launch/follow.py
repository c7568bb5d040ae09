"""Asks for a run's state again and again, until it is as wanted."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.wording import lasting

if TYPE_CHECKING:
    from collections.abc import Callable

    from kedro_aws_batch.client import RunState
    from kedro_aws_batch.show.display import Display


class Describing(Protocol):
    """A service that describes runs."""

    def describe_run(self, run_id: str) -> RunState:
        """Return the state of a run."""
        ...


@dataclass(frozen=True)
class Pace:
    """How often to ask, and how long to go on without an answer. Seconds."""

    interval: float
    #: A laptop's network comes and goes, and the run goes on without it.
    patience: float = 10
    longest_pause: float = 30


#: Of a run on AWS. Networks come and go: fifteen minutes are put up with.
REMOTE = Pace(interval=2, patience=15 * 60)


def is_over(state: RunState) -> bool:
    """Whether the run will not change any more."""
    return state.over


def follow(
    service: Describing,
    run_id: str,
    display: Display,
    pace: Pace,
    until: Callable[[RunState], bool] = is_over,
) -> RunState:
    """Show a run until it is as wanted, asking once in an interval, or less often if answers take long.

    Raises ServiceError for an error that will not pass, and after longer without an answer than the pace allows.
    """
    lost: float | None = None
    pause = pace.interval
    while True:
        began = time.monotonic()
        try:
            state = service.describe_run(run_id)
        except ServiceError as error:
            lost = lost or began
            if error.type != "Unreachable" or time.monotonic() - lost > pace.patience:
                raise
            if pause == pace.interval:
                display.note(f"No answer, trying again; the run itself goes on. ({error})", "yellow")
            pause = min(pace.longest_pause, max(1.0, 2 * pause)) if pace.interval else 0.01
        else:
            if lost is not None:
                display.note(f"Answers are back after {lasting(time.monotonic() - lost)}.", "yellow")
            lost, pause = None, pace.interval
            display.show(state)
            if until(state):
                return state
        time.sleep(max(pause, min(30, 3 * (time.monotonic() - began))))
