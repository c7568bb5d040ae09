"""`kedro aws-batch resume`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kedro_aws_batch.cli.filters import parameter_options, read_params
from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.cli.options import (
    Way,
    Where,
    description_option,
    detach_option,
    gathered,
    max_workers_option,
    on_failure_option,
    run_argument,
    where_options,
)
from kedro_aws_batch.launch.selection import RunOptions, Selection


@click.command("resume", cls=LateCommand)
@run_argument()
@parameter_options
@max_workers_option()
@on_failure_option()
@description_option()
@detach_option()
@gathered("asked", RunOptions)
@click.option("--dry-run", is_flag=True, help="Print what would run again, why, and what is taken over; start nothing.")
@where_options
def command(
    where: Where,
    run: str | None,
    params: dict[str, Any],
    params_file: Path | None,
    load_versions: dict[str, str],
    asked: RunOptions,
    detach: bool,
    dry_run: bool,
) -> None:
    """Run the rest of a run that did not finish, on what it has made.

    RUN is a run's id or a unique beginning of it. Default: the latest that FAILED or was CANCELLED, and that no
    run has resumed which SUCCEEDED. It keeps that run's filters and parameters. What succeeded runs again
    if its code, parameters, inputs, outputs, catalog entries, or the versions of packages that it imports have
    changed, if that can't be told, or if storage says that an input which no node makes is newer; so does what
    follows it. The reason is shown. What it doesn't notice: files that code opens by itself. Inputs that don't tell
    when they were written are named. On AWS deploy first what you changed.

    \b
    Examples:
      kedro aws-batch resume
      kedro aws-batch resume --dry-run
      kedro aws-batch resume 2026-11-22T13.11 --params=model.rate=0.01
      kedro aws-batch resume --local
    """
    from kedro_aws_batch.cli.resume import resume

    if where.local and detach:
        raise click.UsageError("--detach is for runs on AWS: a local run ends with the command that runs it.")
    changed = Selection(params=read_params(params_file, params), load_versions=load_versions)
    raise SystemExit(resume(Way(where, wait=not detach, dry_run=dry_run), run, changed, asked))
