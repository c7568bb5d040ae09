"""`kedro aws-batch list`."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import click

from .options import json_option
from .service import Place, place_options


@click.command("list")
@click.option(
    "--status",
    type=click.Choice(["RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"], case_sensitive=False),
    help="Only runs of this status.",
)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many.")
@json_option()
@place_options
def command(place: Place, status: str | None, limit: int, as_json: bool) -> None:
    """List runs, newest first.

    \b
    Examples:
      kedro aws-batch list
      kedro aws-batch list --status=failed --limit=5
      kedro aws-batch list --local --json
    """
    runs = place.runs().list_runs(status.upper() if status else None, limit)
    if as_json:
        click.echo(json.dumps([asdict(run) for run in runs], indent=2, ensure_ascii=False))
        return
    if not runs:
        click.echo("There are no runs yet." if status is None else f"No run is {status.upper()}.")
        return
    from kedro_aws_batch.launch.progress import stdout_console  # noqa: PLC0415
    from kedro_aws_batch.launch.table import runs_table  # noqa: PLC0415

    console = stdout_console()
    width = console.width if console.is_terminal else 1000
    console.print(runs_table(runs, int(time.time() * 1000), width), width=width, soft_wrap=not console.is_terminal)
