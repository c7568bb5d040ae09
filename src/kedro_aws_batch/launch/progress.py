"""A run as it goes: a line for each job that ends, and in a terminal a bar below them."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.wording import lasting, one_line, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import TaskID

    from kedro_aws_batch.client import GroupState, RunState

COLOURS = {"SUCCEEDED": "green", "FAILED": "red", "CANCELLED": "yellow", "SKIPPED": "dim"}


@dataclass
class View:
    """Shows a run's jobs as they end."""

    console: Console
    _shown: set[int] = field(default_factory=set)
    _progress: Progress | None = None
    _task: TaskID | None = None

    @contextmanager
    def live(self, groups: int) -> Iterator[View]:
        """Show a bar while this lasts, if there is a terminal to show it in."""
        if not self.console.is_terminal:
            yield self
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            self._progress, self._task = progress, progress.add_task("jobs", total=groups)
            try:
                yield self
            finally:
                self._progress = None

    def show(self, state: RunState) -> None:
        """Add what has ended since the last time."""
        ended = [group for group in state.groups if group.status in ("SUCCEEDED", "FAILED", "CANCELLED")]
        for group in sorted(ended, key=lambda group: (group.ended_at or float("inf"), group.index)):
            if group.index not in self._shown:
                self._shown.add(group.index)
                self._print(_line(group))
        if self._progress is not None and self._task is not None:
            running = state.counts.get("RUNNING", 0)
            self._progress.update(self._task, completed=len(ended), description=f"{running} running")

    def note(self, text: str, style: str = "") -> None:
        """Print a line of text."""
        self._print(Text(plain(text), style))

    def _print(self, text: Text) -> None:
        self.console.print(text, soft_wrap=True, highlight=False)


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
