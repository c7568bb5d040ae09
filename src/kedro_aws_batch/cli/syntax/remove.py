"""`kedro aws-batch remove`."""

from __future__ import annotations

import click

from kedro_aws_batch.cli.late import LateCommand


@click.command("remove", cls=LateCommand)
@click.option(
    "-e", "--env", "environment", default="aws_batch", show_default=True, help="The environment, and so the stage."
)
@click.option("--region", help="The AWS Region; else `region` in the params of serverless.yml.")
@click.option("--force", is_flag=True, help="Remove it although runs are open: their jobs end with the queue.")
@click.argument("osls_arguments", nargs=-1, type=click.UNPROCESSED)
def command(environment: str, region: str | None, force: bool, osls_arguments: tuple[str, ...]) -> None:
    """Remove the project's stack from AWS, once no run is open.

    Has osls delete the functions, the queue and, in the stage dev, the run table. Data on S3, the image and its
    repository stay. Arguments after -- go to `osls remove`.

    \b
    Examples:
      kedro aws-batch remove
      kedro aws-batch remove --env=aws_batch_prod
    """
    from kedro_aws_batch.cli.remove import remove

    raise SystemExit(remove(environment, region, force, osls_arguments))
