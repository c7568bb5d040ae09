"""Does `kedro aws-batch status`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from kedro_aws_batch.launch.execution import INTERRUPTED
from kedro_aws_batch.launch.follow import REMOTE, follow
from kedro_aws_batch.launch.runs import find_run
from kedro_aws_batch.show.display import Display, can_draw, stdout_console
from kedro_aws_batch.show.jobs_table import jobs_table, plain_lines

from .costs import prices_or_none
from .service import runs_of

if TYPE_CHECKING:
    from .options import Where

#: Lines that are always shown, however low a terminal is.
HEADER = 8


def print_status(where: Where, run: str | None, everything: bool, as_json: bool) -> None:
    """Print a run's state: to the size of a terminal, whole in a pipe, or as JSON."""
    runs = runs_of(where)
    state = runs.describe_run(find_run(runs, run))
    if as_json:
        click.echo(json.dumps(asdict(state), indent=2, ensure_ascii=False))
        return
    console, prices = stdout_console(), prices_or_none(where)
    if console.is_terminal:
        console.print(jobs_table(state, None if everything else max(HEADER, console.height - 1), prices))
    else:
        click.echo("\n".join(plain_lines(state, prices)))


def watch_status(where: Where, run: str | None, everything: bool) -> int:
    """Show a run until it has ended and return the exit code."""
    runs = runs_of(where)
    run_id = find_run(runs, run)
    display = Display(console=stdout_console(), prices=prices_or_none(where), everything=everything)
    try:
        with display.live():
            state = follow(runs, run_id, display, REMOTE)
    except KeyboardInterrupt:
        click.echo(f"The run goes on.\n{where.commands.way_back(run_id)}", err=True)
        return INTERRUPTED
    if not can_draw(display.console):
        display.note(f"Run {run_id} {state.status}{f': {state.reason}' if state.reason else ''}")
    if state.status != "SUCCEEDED":
        click.echo(
            f"Its logs: {where.commands.to('logs', run_id)}\nTo resume it: {where.commands.to('resume', run_id)}"
        )
    return 0 if state.status == "SUCCEEDED" else 1
