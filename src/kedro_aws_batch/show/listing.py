"""Lists of runs. `list_runs` doesn't know time left and cost; `describe_run` does, for one run at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag.records import EXITED
from kedro_aws_batch.client import RunSummary
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.wording import lasting

if TYPE_CHECKING:
    from collections.abc import Callable

    from kedro_aws_batch.client import Runs, RunState

#: Seconds between two calls of describe_run, for any runs.
BETWEEN = 1.0
#: A watched list is itself read again once in so many turns.
TURNS = 5


@dataclass(frozen=True)
class Listed:
    """A run in a list, and its state if it was described."""

    run: RunSummary
    state: RunState | None = None


@dataclass
class Listing:
    """The newest runs, and the states of running or failed ones. The state of an ended run is asked for once."""

    runs: Runs
    status: str | None
    limit: int
    #: Whether to describe also runs that had ended before the list was first read.
    everything: bool = False
    _runs: list[RunSummary] = field(default_factory=list)
    _states: dict[str, RunState] = field(default_factory=dict)
    _turns: dict[str, int] = field(default_factory=dict)

    def read(self) -> None:
        """Read the list."""
        self._runs = self.runs.list_runs(self.status, self.limit)

    @property
    def rows(self) -> list[Listed]:
        """Return the runs, newest first, with their last known states."""
        return [_newer(run, self._states.get(run.run_id)) for run in self._runs]

    @property
    def wanted(self) -> list[str]:
        """Return the runs whose state is unknown or may have changed, the longest unasked first."""
        found = sorted((run for run in self._runs if self._wants(run)), key=lambda run: run.status != "RUNNING")
        return sorted((run.run_id for run in found), key=lambda run_id: self._turns.get(run_id, 0))

    def describe(self, run_id: str) -> None:
        """Describe a run. If the table no longer has it, it stays as it was."""
        self._turns[run_id] = 1 + max(self._turns.values(), default=0)
        try:
            self._states[run_id] = self.runs.describe_run(run_id)
        except ServiceError as error:
            if error.type != "UnknownRun":
                raise

    def _wants(self, run: RunSummary) -> bool:
        state = self._states.get(run.run_id)
        if state is not None:
            return not state.over
        fresh = run.run_id not in self._turns
        return run.status == "RUNNING" or (fresh and (self.everything or self._says_little(run)))

    @staticmethod
    def _says_little(run: RunSummary) -> bool:
        """Whether only the logs of a run's jobs say why it failed; they are read with its state."""
        return EXITED in (run.reason or "")


def _newer(run: RunSummary, state: RunState | None) -> Listed:
    """Return a run by its state, unless only the list has its end."""
    if state is None or (run.ended_at is not None and not state.ended):
        return Listed(run, state)
    return Listed(RunSummary(**{one.name: getattr(state, one.name) for one in fields(RunSummary)}), state)


@dataclass(frozen=True)
class Timer:
    """The time, and how to wait."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def look(listing: Listing, most: int | None, clock: Timer | None = None) -> None:
    """Read a list once, and then at most so many wanted states, one a second."""
    clock = clock or Timer()
    listing.read()
    for number, run_id in enumerate(listing.wanted[:most]):
        if number:
            clock.sleep(BETWEEN)
        listing.describe(run_id)


def keep_showing(
    listing: Listing, show: Callable[[], None], note: Callable[[str], None], patience: float, clock: Timer | None = None
) -> None:
    """Show a list again and again, one state a second, for as long as there are answers.

    Raises ServiceError for an error that will not pass, and after longer without an answer than `patience` (seconds).
    """
    clock = clock or Timer()
    turn, lost = 0, None
    while True:
        began = clock.now()
        try:
            if turn % TURNS == 0:
                listing.read()
            for run_id in listing.wanted[:1]:
                listing.describe(run_id)
        except ServiceError as error:
            if error.type != "Unreachable" or (lost is not None and began - lost > patience):
                raise
            if lost is None:
                lost = began
                note(f"No answer, trying again; runs go on. ({error})")
            turn = 0
        else:
            if lost is not None:
                note(f"Answers are back after {lasting(clock.now() - lost)}.")
            turn, lost = turn + 1, None
            show()
        clock.sleep(BETWEEN if lost is None else 2 * BETWEEN)
