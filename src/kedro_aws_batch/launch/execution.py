"""Starts a run, shows it until it has ended, and cancels it when interrupted: the same locally and on AWS."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.wording import counted

from .outcome import report
from .progress import follow, has_ended

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kedro_aws_batch.client import RunState, Service, Started

    from .outcome import Ending
    from .progress import View

#: Seconds that an interrupted run has to settle: jobs have 30 from SIGTERM to SIGKILL.
SETTLING = 45
INTERRUPTED = 130


@dataclass(frozen=True)
class Execution:
    """What running something takes."""

    service: Service
    view: View
    interval: float
    #: Told how a run ended, returns where its logs are and how to resume it.
    ending: Callable[[RunState], Ending]


def start(execution: Execution, request: Mapping[str, Any]) -> Started:
    """Start a run, once, whatever is retried, and say what it is."""
    started = execution.service.start_run({"idempotency_key": uuid.uuid4().hex, **request})
    size = f"{counted(started.nodes, 'node')} in {counted(started.groups, 'job')}"
    execution.view.note(f"Run {started.run_id}: {size}")
    for node, why in ((started.resumed or {}).get("again") or {}).items():
        execution.view.note(f"  again: {node} ({why})", "dim")
    return started


def watch(execution: Execution, started: Started) -> int:
    """Show a run until it has ended and return the exit code; an interruption cancels it."""
    try:
        with execution.view.live(started.groups):
            state = follow(execution.service, started.run_id, execution.view, execution.interval, has_ended)
    except KeyboardInterrupt:
        return _cancel(execution, started.run_id)
    report(execution.view, state, execution.ending(state))
    return 0 if state.status == "SUCCEEDED" else 1


def _cancel(execution: Execution, run_id: str) -> int:
    """Cancel a run and wait until its jobs have ended, for as long as those may take."""
    execution.view.note("Interrupted: cancelling the run…", "yellow")
    execution.service.cancel_run(run_id, "interrupted at the command line")
    deadline = time.monotonic() + SETTLING

    def until(state: RunState) -> bool:
        return has_ended(state) or time.monotonic() > deadline

    state = follow(execution.service, run_id, execution.view, execution.interval, until)
    report(execution.view, state, execution.ending(state))
    return INTERRUPTED
