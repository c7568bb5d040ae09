"""Starts a run, and shows it until it has ended: the same locally, on AWS, and from Kedro's runner.

A run on AWS goes on without its starter, so an interruption only stops showing it. A local run can't, and is
cancelled.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from kedro_aws_batch._service.dag.expected import Expected
from kedro_aws_batch._service.dag.reuse import UNKNOWN
from kedro_aws_batch.client import Runs
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.estimate import words_expected
from kedro_aws_batch.show.outcome import report
from kedro_aws_batch.show.reused import told_reused
from kedro_aws_batch.sizing import to_run
from kedro_aws_batch.wording import counted

from .follow import Pace, follow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kedro_aws_batch.client import RunState, Service, Started
    from kedro_aws_batch.show.display import Display
    from kedro_aws_batch.show.outcome import Ending

    from .commands import Commands

#: Seconds that an interrupted run has to settle: jobs have 30 from SIGTERM to SIGKILL.
SETTLING = 45
INTERRUPTED = 130


class Starting(Runs, Protocol):
    """A service that starts and describes runs."""

    def start_run(self, request: Mapping[str, Any]) -> Started:
        """Start a run. An ambiguous failure may have started it: give an idempotency_key to be sure."""
        ...


@dataclass(frozen=True)
class Execution:
    """What running something needs."""

    service: Starting
    display: Display
    pace: Pace
    #: Takes how a run ended, returns where its logs are and how to resume it.
    ending: Callable[[RunState], Ending]
    #: How to return to a run that goes on without this process; None if it ends with it.
    commands: Commands | None = None
    #: The commands for a run that ends with this process: how to resume it.
    again: Commands | None = None
    #: Whether the run's containers may carry on.
    carrying: bool = False


@dataclass(frozen=True)
class Watched:
    """How watching a run ended."""

    exit_code: int
    #: The state in which the run ended; None if the user left it before.
    state: RunState | None = None


def start(execution: Execution, request: Mapping[str, Any]) -> Started:
    """Start a run once, despite retries, and print what it is."""
    started = _persistently(execution, {"idempotency_key": uuid.uuid4().hex, **request})
    resumed = started.resumed or {}
    reused = told_reused(resumed, execution.display.prices)
    if not started.groups and reused:
        execution.display.note(f"Run {started.run_id} has nothing to do: it reuses {reused}.")
        return started
    size = to_run(started.nodes, started.groups, carrying=execution.carrying)
    execution.display.note(f"Run {started.run_id}: {size}")
    if reused:
        execution.display.note(f"  reused: {reused}")
    for line in _again(resumed):
        execution.display.note(line, "dim")
    return started


def show_rehearsal(service: Service, display: Display, request: Mapping[str, Any], *, carrying: bool = False) -> int:
    """Print what a request would run, and what it would reuse, and return the exit code; nothing is started."""
    would = service.rehearse(request)
    resumed = would.resumed or {}
    reused = told_reused(resumed, display.prices)
    if not would.groups and reused:
        display.note(f"Would have nothing to do: it would reuse {reused}.")
    else:
        size = to_run(would.nodes, would.groups, carrying=carrying)
        display.note(f"Would run {size}; nothing is started.")
        if would.expected:
            display.note(words_expected(Expected(**would.expected), carrying=carrying))
        if reused:
            display.note(f"  reused: {reused}")
    for line in _again(resumed):
        display.note(line)
    named = resumed.get("reused", ())
    for node in named:
        display.note(f"  taken over: {node}", "dim")
    if (more := resumed.get("reused_total", 0) - len(named)) > 0:
        display.note(f"  … and {counted(more, 'other')} taken over", "dim")
    return 0


def _again(resumed: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a resumed run does again, and why; the answer may leave some out."""
    again = resumed.get("again", {})
    if resumed.get("again_total", 0) > 1 and set(again.values()) == {UNKNOWN}:
        yield "  nothing to reuse yet: no run that is known has made any of them"
        return
    for node, why in again.items():
        yield f"  again: {node} ({why})"
    if (more := resumed.get("again_total", 0) - len(again)) > 0:
        yield f"  … and {counted(more, 'other')} again"


def watch(execution: Execution, started: Started) -> Watched:
    """Show a run until it has ended, or until an interruption leaves or cancels it."""
    try:
        with execution.display.live():
            state = follow(execution.service, started.run_id, execution.display, execution.pace)
    except KeyboardInterrupt:
        if execution.commands is None:
            return _cancel(execution, started.run_id)
        execution.display.note(f"Detached: the run goes on.\n{execution.commands.way_back(started.run_id)}", "yellow")
        return Watched(INTERRUPTED)
    except ServiceError as error:
        if execution.commands is None or error.type != "Unreachable":
            raise
        raise ServiceError(f"{error}\n{execution.commands.way_back(started.run_id)}", error.type) from error
    report(execution.display, state, execution.ending(state))
    return Watched(0 if state.status == "SUCCEEDED" else 1, state)


def _persistently(execution: Execution, request: Mapping[str, Any]) -> Started:
    """Start a run with as many tries as that takes: the key in the request makes it one run."""
    deadline = time.monotonic() + execution.pace.patience
    while True:
        try:
            return execution.service.start_run(request)
        except ServiceError as error:
            if error.type != "Unreachable" or time.monotonic() > deadline:
                raise
            execution.display.note(f"No answer, trying again. ({error})", "yellow")
            time.sleep(max(1.0, execution.pace.interval) if execution.pace.interval else 0)


def _cancel(execution: Execution, run_id: str) -> Watched:
    """Cancel a run and wait until its jobs have ended."""
    execution.display.note("Interrupted: cancelling the run…", "yellow")
    execution.service.cancel_run(run_id, "interrupted at the command line")
    deadline = time.monotonic() + SETTLING

    def until(state: RunState) -> bool:
        return state.over or time.monotonic() > deadline

    try:
        state = follow(execution.service, run_id, execution.display, execution.pace, until)
    except KeyboardInterrupt:
        if execution.again is not None:
            how = execution.again.to("resume", run_id)
            execution.display.note(f"Interrupted again: the run is cut off. To resume it: {how}", "yellow")
        raise
    report(execution.display, state, execution.ending(state))
    return Watched(INTERRUPTED, state)
