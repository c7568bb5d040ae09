"""A run as it goes: in a terminal its table, drawn anew, and elsewhere a line for each job that ends."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.text import Text

from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.wording import lasting, one_line, plain

from .screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kedro_aws_batch.client import GroupState, RunState
    from kedro_aws_batch.prices import Prices

COLOURS = {"SUCCEEDED": "green", "FAILED": "red", "CANCELLED": "yellow", "SKIPPED": "dim"}


@dataclass
class View:
    """Shows a run as it goes: on a terminal the table of `status`; elsewhere a line for each job that ends."""

    console: Console
    #: What the costs so far are counted by; None to leave them out.
    prices: Prices | None = None
    #: Whether each job has its line, also where they are more than a terminal has.
    everything: bool = False
    _shown: set[int] = field(default_factory=set)
    _screen: Screen | None = None

    @contextmanager
    def live(self) -> Iterator[View]:
        """Draw the table while this lasts, if there is a terminal that can; it stays as it was drawn last."""
        if not can_draw(self.console):
            yield self
            return
        with Screen(self.console).open() as screen:
            self._screen = screen
            try:
                yield self
            finally:
                self._screen = None

    def show(self, state: RunState) -> None:
        """Show what is, or add what has ended since the last time."""
        if self._screen is not None:
            from .table import run_table  # noqa: PLC0415

            self._screen.draw(lambda height: run_table(state, None if self.everything else height, self.prices))
            return
        ended = [group for group in state.groups if group.status in ("SUCCEEDED", "FAILED", "CANCELLED")]
        for group in sorted(ended, key=lambda group: (group.ended_at or float("inf"), group.index)):
            if group.index not in self._shown:
                self._shown.add(group.index)
                self._print(_line(group))

    def note(self, text: str, style: str = "") -> None:
        """Print a line of text that stays."""
        line = Text(plain(text), style)
        if self._screen is None:
            self._print(line)
        else:
            self._screen.above(line)

    def _print(self, text: Text) -> None:
        self.console.print(text, soft_wrap=True, highlight=False)


def can_draw(console: Console) -> bool:
    """Whether a console is a terminal whose lines can be drawn over."""
    return console.is_terminal and not console.is_dumb_terminal and not console.legacy_windows


def _line(group: GroupState) -> Text:
    line = Text(f"{group.status:<9} ", COLOURS.get(group.status, ""))
    again = f" (attempt {group.attempt + 1})" if group.attempt else ""
    took = "" if group.seconds is None else f"{group.seconds:7.1f} s  "
    return line.append(f"{took:<11}", "default").append(f"{one_line(', '.join(group.nodes))}{again}", "default")


def stdout_console() -> Console:
    """Return the console that commands print to."""
    return Console(file=sys.stdout, highlight=False)


class Describing(Protocol):
    """What tells the state of a run."""

    def describe_run(self, run_id: str) -> RunState:
        """Return the state of a run."""
        ...


@dataclass(frozen=True)
class Pace:
    """How often to ask, and for how long to put up with no answer. Seconds."""

    interval: float
    #: A laptop's network comes and goes, and the run goes on without it.
    patience: float = 10
    longest_pause: float = 30


def follow(service: Describing, run_id: str, view: View, pace: Pace, until: Callable[[RunState], bool]) -> RunState:
    """Show a run until it is as wanted, asking once in an interval, or more rarely if answers take long.

    Raises ServiceError for what will not pass, and when there was no answer for longer than the pace's patience.
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
                view.note(f"No answer, trying again; the run itself goes on. ({error})", "yellow")
            pause = min(pace.longest_pause, max(1.0, 2 * pause)) if pace.interval else 0.01
        else:
            if lost is not None:
                view.note(f"Answers are back after {lasting(time.monotonic() - lost)}.", "yellow")
            lost, pause = None, pace.interval
            view.show(state)
            if until(state):
                return state
        time.sleep(max(pause, min(30, 3 * (time.monotonic() - began))))


def has_ended(state: RunState) -> bool:
    """Whether nothing of a run will change any more: with a final status, its jobs may still be winding down."""
    return state.ended and (
        state.settled or not any(group.status in ("SUBMITTED", "RUNNING") for group in state.groups)
    )
