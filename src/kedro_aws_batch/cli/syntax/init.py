"""`kedro aws-batch init`."""

from __future__ import annotations

import click

from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.graph.config import NO_BUCKET


@click.command("init", cls=LateCommand)
@click.option("-e", "--env", "environment", default="aws_batch", show_default=True, help="The environment to make.")
@click.option("--bucket", default=NO_BUCKET, show_default=True, help="The S3 bucket for the catalog's datasets.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@click.option(
    "--plugin-from",
    default="wheel",
    show_default=True,
    metavar="SOURCE",
    help="Where the image gets kedro-aws-batch: wheel (packaging puts it beside the Dockerfile), index (the image's "
    "package index), or git+URL@COMMIT. Always in the version that packages.",
)
@click.option("--github", is_flag=True, help="Add a GitHub workflow that deploys the project when main changes.")
def command(environment: str, bucket: str, force: bool, plugin_from: str, github: bool) -> None:
    """Add to a project what it needs to run on AWS Batch: an environment, a Dockerfile, a serverless.yml.

    The catalog of the new environment is that of the base, with the local files on S3. Without --force, existing files
    are kept. Each further environment is a stage of its own.

    \b
    Examples:
      kedro aws-batch init --bucket=my-bucket
      kedro aws-batch init --env=prod --bucket=its-bucket
      kedro aws-batch init --plugin-from=index --github
    """
    from kedro_aws_batch.cli.init import init
    from kedro_aws_batch.scaffold import Wanted

    init(Wanted(environment, bucket, plugin_from, github), force)
