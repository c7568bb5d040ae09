"""`kedro aws-batch run`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from kedro_aws_batch.cli.filters import filter_options, parameter_options, read_params
from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.cli.options import (
    Way,
    Where,
    conf_source_option,
    description_option,
    detach_option,
    environment_option,
    gathered,
    json_option,
    max_workers_option,
    on_failure_option,
    reuse_option,
    service_option,
)
from kedro_aws_batch.launch.selection import RunOptions, Selection


@click.command("run", cls=LateCommand)
@click.option("--local", is_flag=True, help="On this machine, on an embedded AWS: no account, no Docker.")
@click.option("--fresh", is_flag=True, help="With --local: forget what earlier runs left on the embedded S3.")
@click.option(
    "--start-seconds",
    type=click.FloatRange(min=0),
    default=0,
    metavar="N",
    help="With --local: let each job take N seconds to start, as on AWS; 45 is usual on Fargate.",
)
@filter_options
@parameter_options
@environment_option()
@conf_source_option()
@service_option()
@max_workers_option()
@on_failure_option()
@reuse_option()
@click.option("--resume-from", metavar="RUN_ID", help="Run the rest of that run, on what it has made.")
@description_option()
@detach_option()
@click.option("--dry-run", is_flag=True, help="Print what would run, in which jobs and order, and submit nothing.")
@json_option("With --dry-run: as JSON.")
@gathered("where", Where)
@gathered("selection", Selection)
@gathered("asked", RunOptions)
def command(
    where: Where,
    selection: Selection,
    params_file: Path | None,
    only_missing_outputs: bool,
    asked: RunOptions,
    fresh: bool,
    start_seconds: float,
    detach: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run pipelines, one job for each node or group of nodes.

    Checks the project first. Exits with 0 if all jobs succeeded, 1 if not, 130 if interrupted. Ctrl-C cancels a local
    run; a run on AWS goes on.

    \b
    Examples:
      kedro aws-batch run --local
      kedro aws-batch run --local --tags=training --params=model.rate=0.1
      kedro aws-batch run --pipelines=data_science --detach
      kedro aws-batch run --from-nodes=train_model_node --dry-run
      kedro aws-batch run --reuse
      kedro aws-batch run --params-file=experiment.yml --only-missing-outputs
    """
    from kedro_aws_batch.cli.dry_run import show
    from kedro_aws_batch.cli.run import run

    way = Way(
        where,
        wait=not detach,
        fresh=fresh,
        only_missing=only_missing_outputs,
        start_seconds=start_seconds,
        dry_run=dry_run,
    )
    _refuse_contradictions(way, asked, as_json)
    selection = replace(selection, params=read_params(params_file, selection.params))
    if dry_run and not asked.reuse:
        show(way, selection, asked, as_json)
        return
    raise SystemExit(run(way, selection, asked))


def _refuse_contradictions(way: Way, asked: RunOptions, as_json: bool) -> None:
    resume_from, dry_run = asked.resume_from, way.dry_run
    if way.fresh and (not way.where.local or resume_from):
        raise click.UsageError("--fresh forgets earlier local runs: it goes with --local, and not with --resume-from.")
    if way.start_seconds and not way.where.local:
        raise click.UsageError("--start-seconds goes with --local: on AWS it can't be set.")
    if way.where.local and not way.wait:
        raise click.UsageError("--detach is for runs on AWS: a local run ends with the command that runs it.")
    if dry_run and (resume_from or way.only_missing):
        raise click.UsageError(
            "--dry-run doesn't ask what is done: it goes without --resume-from and --only-missing-outputs."
        )
    if asked.reuse is not None and resume_from:
        raise click.UsageError("--reuse goes without --resume-from, which reuses what that one run has made.")
    if as_json and asked.reuse:
        raise click.UsageError("--json lists all jobs: it goes without --reuse.")
    if as_json and not dry_run:
        raise click.UsageError("--json goes with --dry-run; `kedro aws-batch status --json` reports a run.")
