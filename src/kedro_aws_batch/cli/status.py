"""`kedro aws-batch status`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from kedro_aws_batch.launch.execution import INTERRUPTED

from .options import json_option
from .report import prices_or_none
from .service import Place, place_options, run_argument

if TYPE_CHECKING:
    from kedro_aws_batch.launch.runs import Runs

#: Lines that are shown however low a terminal is.
HEADER = 8
INTERVAL = 2


@click.command("status")
@run_argument()
@click.option("-w", "--watch", is_flag=True, help="Show it until it has ended; then exit as `run` does.")
@click.option("--all", "everything", is_flag=True, help="A line for each job, however many there are.")
@json_option()
@place_options
def command(place: Place, run: str | None, watch: bool, everything: bool, as_json: bool) -> None:
    """Show a run: its jobs, what they do, and why they failed.

    RUN is a run's id, or as much of its beginning as only one has; left out, the latest run. On a terminal, jobs that
    are over fold into a line when there are too many to show; in a pipe each job has its line.

    \b
    Examples:
      kedro aws-batch status
      kedro aws-batch status 2026-11-22T13 --watch
      python -m kedro_aws_batch status --json | jq .counts
    """
    from kedro_aws_batch.launch.runs import find_run  # noqa: PLC0415
    from kedro_aws_batch.show.progress import stdout_console  # noqa: PLC0415

    runs = place.runs()
    run_id = find_run(runs, run)
    if watch and not as_json:
        raise SystemExit(_watch(runs, run_id, place, everything))
    state = runs.describe_run(run_id)
    if as_json:
        click.echo(json.dumps(asdict(state), indent=2, ensure_ascii=False))
        return
    from kedro_aws_batch.show.table import plain_lines, run_table  # noqa: PLC0415

    console, prices = stdout_console(), prices_or_none(place)
    if console.is_terminal:
        console.print(run_table(state, None if everything else max(HEADER, console.height - 1), prices))
    else:
        click.echo("\n".join(plain_lines(state, prices)))


def _watch(runs: Runs, run_id: str, place: Place, everything: bool) -> int:
    """Show a run until it has ended and return the exit code."""
    from kedro_aws_batch.show.progress import Pace, View, can_draw, follow, has_ended, stdout_console  # noqa: PLC0415

    view = View(stdout_console(), prices_or_none(place), everything)
    try:
        with view.live():
            state = follow(runs, run_id, view, Pace(INTERVAL, patience=15 * 60), has_ended)
    except KeyboardInterrupt:
        click.echo(f"The run goes on.\n{place.commands.way_back(run_id)}", err=True)
        return INTERRUPTED
    if not can_draw(view.console):
        view.note(f"Run {run_id} {state.status}{f': {state.reason}' if state.reason else ''}")
    if state.status != "SUCCEEDED":
        click.echo(
            f"Its logs: {place.commands.to('logs', run_id)}\nTo resume it: {place.commands.to('resume', run_id)}"
        )
    return 0 if state.status == "SUCCEEDED" else 1
