"""How a run ended: totals, and for each failed job the reason and the end of its log."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from kedro_aws_batch._service.dag.events import OWN_LOG_GROUP
from kedro_aws_batch._service.dag.status import ENDED, GroupStatus
from kedro_aws_batch.aws_errors import Call, why_refused
from kedro_aws_batch.sizing import size
from kedro_aws_batch.wording import counted

from .display import can_draw
from .header import carrying_on
from .reused import told_spared

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kedro_aws_batch.client import GroupState, RunState

    from .display import Display

TAIL = 20
#: Lines to read at a log's end: a job writes last why it failed and what it used, and little can follow.
LAST_WORDS = 20
#: Lines to read: if a traceback begins in them, earlier ones need not be shown.
READ = 60
#: Lines to read where a container's log has those of several groups, before and after the group by this margin in ms.
MOST_SHARED, MARGIN = 1_000, 2_000
#: Python's error in an image without this package.
WITHOUT_PACKAGE = re.compile(r"No module named '?kedro_aws_batch")
#: Failed jobs whose logs are shown; for the others, only their names.
SHOWN = 3


@dataclass(frozen=True)
class Ending:
    """Where the logs of a run's jobs are, and what to call next."""

    logs: Any
    place: str
    #: Returns a command by its verb and words, as a user types it.
    command: Callable[..., str]


def report(display: Display, state: RunState, ending: Ending) -> None:
    """Show how the run ended."""
    if state.status != "SUCCEEDED":
        _report_failures(display, state, ending)
    counts = Counter(group.status for group in state.groups)
    parts = [f"{counts[status]} {status.lower()}" for status in (*ENDED, GroupStatus.SKIPPED) if counts[status]]
    took = (
        ""
        if state.created_at is None or state.ended_at is None
        else f" in {(state.ended_at - state.created_at) / 1000:.1f} s"
    )
    colour = "green" if state.status == "SUCCEEDED" else "red"
    ran = [f"{size(state)}, {', '.join(parts) or 'none ran'}"] if state.groups_total else []
    made_in = told_spared(state.resumed, display.prices) if ran else ""  # a run without jobs has just said so
    reused = [f"{counted(state.reused, 'node')} reused{made_in}"] if state.reused and not state.resumed_from else []
    display.note(f"Run {state.run_id} {state.status}{took}: {'; '.join([*ran, *reused]) or 'no node ran'}.", colour)
    if not can_draw(display.console) and (told := carrying_on(state, display.prices)):
        display.note(told)  # a drawn table has it already
    if ending.place and any(group.status in ENDED or group.earlier for group in state.groups):
        display.note(f"Logs: {ending.place}")
    if state.status != "SUCCEEDED":
        if (node := _to_replay(state)) is not None:
            display.note(f"To run that node here: {ending.command('replay', state.run_id, node)}")
        display.note(f"To resume it: {ending.command('resume', state.run_id)}")


def _to_replay(state: RunState) -> str | None:
    """Return the first node that failed by an exception of its own; a slice of one can't be replayed."""
    failed = (group for group in state.groups if group.status == "FAILED" and group.slice is None)
    return next((group.error_node for group in failed if group.error_node is not None), None)


def _report_failures(display: Display, state: RunState, ending: Ending) -> None:
    failed = [group for group in state.groups if group.status == "FAILED"]
    for group in failed[:SHOWN]:
        display.note(f"\n{', '.join(group.labels)} FAILED: {group.why or 'no reason given'}", "red")
        lines = tail(ending.logs, group)
        for line in whole_traceback(lines):
            display.note(f"  {line}")
        if any(WITHOUT_PACKAGE.search(line) for line in lines):
            display.note(_remedy(group), "yellow")
    if len(failed) > SHOWN:
        display.note(f"\nFAILED too: {', '.join(group.labels[0] for group in failed[SHOWN:])}", "red")
    if not failed and state.reason:
        display.note(f"\n{state.status}: {state.reason}", "yellow")
    display.note("")


def _remedy(group: GroupState) -> str:
    return (
        f"The image of the job definition '{group.job_definition}' has no kedro-aws-batch. Install it there (the "
        "Dockerfile that `kedro aws-batch init` writes does), push the image under a new tag, set that as `image` in "
        "serverless.yml, and deploy. For an image that can't have it: aws_batch.job_command: kedro-run."
    )


def tail(logs: Any, group: GroupState) -> list[str]:
    """Return the last lines of a job's log, or why they can't be read."""
    if not group.log_stream:
        return ["(no log: the job's container never started)"]
    lines, error = end_of_log(logs, group, READ)
    if error is None:
        return lines
    call = Call(f"read the logs in '{group.log_group or OWN_LOG_GROUP}'", "logs:GetLogEvents on it")
    return [f"(its log can't be read: {why_refused(error, call)})"]


def whole_traceback(lines: Sequence[str]) -> list[str]:
    """Return a log from its last traceback on, without the job's own remarks; without a traceback, its end.

    A long traceback loses its middle.
    """
    said = [line for line in lines if not line.startswith(("Used: ", "Failed in ", "Failed: "))]
    begins = [number for number, line in enumerate(said) if line.startswith("Traceback (most recent call last):")]
    if not begins:
        return said[-TAIL:]
    whole = said[begins[-1] :]
    return whole if len(whole) <= TAIL else [*whole[: TAIL // 2], "  …", *whole[-TAIL // 2 :]]


def end_of_log(logs: Any, group: GroupState, lines: int) -> tuple[list[str], ClientError | BotoCoreError | None]:
    """Return the last lines of a group in its job's log, or the error that prevents reading them."""
    place = {"logGroupName": group.log_group or OWN_LOG_GROUP, "logStreamName": group.log_stream}
    beginning = group.beginning(group.log_stream) if group.shares_container else None
    most, when = (MOST_SHARED, _around(group)) if beginning else (lines, {})
    try:
        page = logs.get_log_events(**place, **when, limit=most, startFromHead=False)
    except (ClientError, BotoCoreError) as error:
        return [], error
    said = [event["message"] for event in page["events"]]
    return (beginning.own_end(said, is_cut=len(said) >= most)[-lines:] if beginning else said), None


def _around(group: GroupState) -> dict[str, int]:
    """Return the times of a group's lines for GetLogEvents, with a margin, since clocks differ."""
    found = {}
    if group.started_at is not None:
        found["startTime"] = max(0, group.started_at - MARGIN)
    if group.ended_at is not None:
        found["endTime"] = group.ended_at + MARGIN
    return found
