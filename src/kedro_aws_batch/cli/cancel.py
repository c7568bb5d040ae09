"""`kedro aws-batch cancel`."""

from __future__ import annotations

import json

import click

from .options import json_option
from .service import Place, place_options, run_argument


@click.command("cancel")
@run_argument()
@click.option("--reason", metavar="TEXT", help="For whoever looks at the run later.")
@json_option()
@place_options
def command(place: Place, run: str | None, reason: str | None, as_json: bool) -> None:
    """Cancel a run: nothing more is submitted, and its jobs are terminated.

    RUN is a run's id, or as much of its beginning as only one has; left out, the latest run that is RUNNING. A run
    that has ended stays what it is.

    \b
    Examples:
      kedro aws-batch cancel
      kedro aws-batch cancel 2026-11-22T13.11 --reason="wrong data"
    """
    from kedro_aws_batch.launch.runs import find_run  # noqa: PLC0415

    runs = place.runs()
    run_id = find_run(runs, run, status=("RUNNING",))
    status = runs.cancel_run(run_id, reason)
    if as_json:
        click.echo(json.dumps({"run_id": run_id, "status": status}))
    elif status == "CANCELLED":
        click.echo(f"Run {run_id} is CANCELLED. To resume it: {place.commands.to('resume', run_id)}")
    else:
        click.echo(f"Run {run_id} had ended before: it is {status}.")
