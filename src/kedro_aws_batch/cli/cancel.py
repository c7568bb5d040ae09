"""Does `kedro aws-batch cancel`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from kedro_aws_batch.launch.runs import find_run

from .service import runs_of

if TYPE_CHECKING:
    from .options import Where


def cancel(where: Where, run: str | None, reason: str | None, as_json: bool) -> None:
    """Cancel a run, and say what it is now."""
    runs = runs_of(where)
    run_id = find_run(runs, run, status=("RUNNING",))
    status = runs.cancel_run(run_id, reason)
    if as_json:
        click.echo(json.dumps({"run_id": run_id, "status": status}))
    elif status == "CANCELLED":
        click.echo(f"Run {run_id} is CANCELLED. To resume it: {where.commands.to('resume', run_id)}")
    else:
        click.echo(f"Run {run_id} had ended before: it is {status}.")
