"""`kedro aws-batch package`."""

from __future__ import annotations

from pathlib import Path

import click

from kedro_aws_batch.cli.filters import opening_options
from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.graph.opening import Opening


@click.command("package", cls=LateCommand)
@opening_options
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Make a directory that can be deployed without the project; else build/aws_batch/<stage> in the project.",
)
@click.option(
    "--bucket",
    "buckets",
    multiple=True,
    metavar="NAME[/PREFIX]",
    help="A bucket, or a part of one, that jobs may read and write; may be given several times. Else `buckets` in the "
    "params of serverless.yml, or else the catalog's buckets.",
)
@click.option(
    "--schedules",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A YAML list of runs that start by the clock; else schedules.yml in the environment's folder.",
)
def command(opening: Opening, output: Path | None, buckets: tuple[str, ...], schedules: Path | None) -> None:
    """Package the functions with the project's graph, and the templates of the stack, for deployment.

    Checks the project first. The same project gives the same bytes. The project's serverless.yml takes from the
    package what it doesn't set itself. `kedro aws-batch deploy` packages and deploys.

    \b
    Examples:
      kedro aws-batch package
      kedro aws-batch package --env=aws_batch_prod
      kedro aws-batch package --bucket=spaceflights --output=build/alone
    """
    from kedro_aws_batch.cli.package import PackageOptions, package

    package(PackageOptions(opening, buckets, schedules), output)
