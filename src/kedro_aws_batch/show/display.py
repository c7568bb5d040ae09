"""A run's progress: a live table on a terminal, and elsewhere a line for each job that ends."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from kedro_aws_batch._service.dag.status import ENDED
from kedro_aws_batch.sizing import noun
from kedro_aws_batch.wording import counted, one_line, plain

from .colours import COLOURS
from .jobs_table import jobs_table
from .screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kedro_aws_batch.client import GroupState, RunState
    from kedro_aws_batch.prices import Prices


@dataclass
class Display:
    """Shows a run's progress: on a terminal the table of `status`; elsewhere a line for each job that ends."""

    console: Console
    #: The prices for the costs so far; None to leave them out.
    prices: Prices | None = None
    #: Whether each job has its line, even if the terminal has fewer lines.
    everything: bool = False
    _shown: set[int] = field(default_factory=set)
    _screen: Screen | None = None

    @contextmanager
    def live(self) -> Iterator[Display]:
        """Keep the table drawn during this context, if the terminal can; the last drawing stays."""
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
        """Show the state, or add what has ended since the last time."""
        if self._screen is not None:
            self._screen.draw(lambda height: jobs_table(state, None if self.everything else height, self.prices))
            return
        ended = [group for group in state.groups if group.status in ENDED]
        new = [group for group in ended if group.index not in self._shown]
        for group in sorted(new, key=lambda group: (group.ended_at or float("inf"), group.index)):
            self._shown.add(group.index)
            self._print(_line(group))
        if new and not state.over:
            self._print(Text(f"Completed {len(ended)} of {counted(len(state.groups), noun(state))}", "dim"))

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
    """Whether a console is a terminal that can redraw lines."""
    return console.is_terminal and not console.is_dumb_terminal and not console.legacy_windows


def _line(group: GroupState) -> Text:
    line = Text(f"{group.status:<9} ", COLOURS.get(group.status, ""))
    again = f" (attempt {group.attempt + 1})" if group.attempt else ""
    took = "" if group.seconds is None else f"{group.seconds:7.1f} s  "
    return line.append(f"{took:<11}", "default").append(f"{one_line(', '.join(group.labels))}{again}", "default")


def stderr_console() -> Console:
    """Return the console for what isn't a command's output."""
    return Console(file=sys.stderr, highlight=False)


def stdout_console() -> Console:
    """Return the console that commands print to."""
    return Console(file=sys.stdout, highlight=False)
