"""`kedro aws-batch status`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from kedro_aws_batch.launch.execution import INTERRUPTED

from .service import Place, json_option, place_options, run_argument

if TYPE_CHECKING:
    from kedro_aws_batch.client import RunState
    from kedro_aws_batch.launch.runs import Runs

#: Lines of a terminal that the header and the prompt take.
HEADER = 7
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
    from kedro_aws_batch.launch.progress import stdout_console  # noqa: PLC0415
    from kedro_aws_batch.launch.runs import find_run  # noqa: PLC0415

    runs = place.runs()
    run_id = find_run(runs, run)
    if watch and not as_json:
        raise SystemExit(_watch(runs, run_id, place, everything))
    state = runs.describe_run(run_id)
    if as_json:
        click.echo(json.dumps(asdict(state), indent=2, ensure_ascii=False))
        return
    console = stdout_console()
    if console.is_terminal:
        from kedro_aws_batch.launch.table import run_table  # noqa: PLC0415

        console.print(run_table(state, None if everything else max(5, console.height - HEADER)))
    else:
        _print_plain(state)


def _print_plain(state: RunState) -> None:
    from kedro_aws_batch.launch.table import plain_lines  # noqa: PLC0415

    click.echo("\n".join(plain_lines(state)))


def _watch(runs: Runs, run_id: str, place: Place, everything: bool) -> int:
    """Show a run until it has ended and return the exit code."""
    from kedro_aws_batch.launch.progress import stdout_console  # noqa: PLC0415

    console = stdout_console()
    try:
        state = _live(runs, run_id, console, everything) if console.is_terminal else _lines(runs, run_id, console)
    except KeyboardInterrupt:
        click.echo(f"The run goes on.\n{place.commands.way_back(run_id)}", err=True)
        return INTERRUPTED
    if state.status != "SUCCEEDED":
        click.echo(
            f"Its logs: {place.commands.to('logs', run_id)}\nTo resume it: {place.commands.to('resume', run_id)}"
        )
    return 0 if state.status == "SUCCEEDED" else 1


def _live(runs: Runs, run_id: str, console: Any, everything: bool) -> RunState:
    from rich.live import Live  # noqa: PLC0415

    from kedro_aws_batch.launch.progress import Pace, View, follow, has_ended  # noqa: PLC0415
    from kedro_aws_batch.launch.table import run_table  # noqa: PLC0415

    class Screen(View):
        """Draws the whole table anew, instead of a line for each job that ended."""

        def show(self, state: RunState) -> None:
            room = None if everything else max(5, console.height - HEADER)
            live.update(run_table(state, room), refresh=True)

    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        return follow(runs, run_id, Screen(console), Pace(INTERVAL, patience=15 * 60), has_ended)


def _lines(runs: Runs, run_id: str, console: Any) -> RunState:
    from kedro_aws_batch.launch.progress import Pace, View, follow, has_ended  # noqa: PLC0415

    state = follow(runs, run_id, View(console), Pace(INTERVAL, patience=15 * 60), has_ended)
    click.echo(f"Run {run_id} {state.status}{f': {state.reason}' if state.reason else ''}")
    return state
