"""Does `kedro aws-batch resume`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from kedro_aws_batch.launch.runs import find_resumable

from .run import run
from .service import runs_of

if TYPE_CHECKING:
    from kedro_aws_batch.launch.selection import RunOptions, Selection

    from .options import Way


def resume(way: Way, wanted: str | None, changed: Selection, asked: RunOptions) -> int:
    """Run the rest of a run that did not finish, with the given changes, and return the exit code."""
    run_id = find_resumable(runs_of(way.where), wanted)
    if run_id != wanted:
        click.echo(f"{'Rehearsing to resume' if way.dry_run else 'Resuming'} run {run_id}…", err=True)
    return run(way, changed, replace(asked, resume_from=run_id))
