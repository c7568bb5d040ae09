"""`kedro aws-batch resume`."""

from __future__ import annotations

from typing import Any

import click

from .filters import parameter_options, read_params
from .options import on_failure_option
from .service import Place, place_options, run_argument


@click.command("resume")
@run_argument()
@parameter_options
@click.option("--max-workers", type=click.IntRange(min=1), help="The most jobs in flight at once.")
@on_failure_option()
@click.option("--description", help="A note that is shown with the run.")
@click.option("--detach/--wait", " /--no-wait", "detach", help="Start the run on AWS, and don't show it until it ends.")
@place_options
def command(place: Place, run: str | None, params_file: Any, detach: bool, **given: Any) -> None:
    """Run again what a run did not finish, on what it did.

    RUN is a run's id, or as much of its beginning as only one has; left out, the latest that FAILED or was CANCELLED.
    It keeps that run's filters and parameters; nodes whose inputs, outputs or parameters are others now run again.

    \b
    Examples:
      kedro aws-batch resume
      kedro aws-batch resume 2026-11-22T13.11 --params=model.rate=0.01
      kedro aws-batch resume --local
    """
    from kedro_aws_batch.launch.runs import find_run  # noqa: PLC0415
    from kedro_aws_batch.launch.selection import Selection  # noqa: PLC0415

    from .run import Way, launch  # noqa: PLC0415

    if place.local and detach:
        raise click.UsageError("--detach is for runs on AWS: a local run ends with the command that runs it.")
    run_id = find_run(place.runs(), run, status=("FAILED", "CANCELLED"))
    way = Way(
        local=place.local,
        fresh=False,
        wait=not detach,
        environment=place.environment,
        conf_source=place.conf_source,
        service=place.service,
        only_missing=False,
    )
    params, load_versions = read_params(params_file, given.pop("params")), given.pop("load_versions")
    asked = {key: value for key, value in given.items() if value is not None}
    raise SystemExit(
        launch(way, Selection(params=params, load_versions=load_versions), {**asked, "resume_from": run_id})
    )
