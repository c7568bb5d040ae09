"""`kedro aws-batch check`."""

from __future__ import annotations

import click

from kedro_aws_batch.cli.filters import opening_options
from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.cli.options import json_option
from kedro_aws_batch.graph.opening import Opening


@click.command("check", cls=LateCommand)
@opening_options
@click.option(
    "--aws",
    is_flag=True,
    help="Also ask AWS, in the `region` of serverless.yml or else yours, whether the job queues and job definitions "
    "exist and would take jobs.",
)
@json_option()
def command(opening: Opening, aws: bool, as_json: bool) -> None:
    """Find every reason why a run would fail on AWS Batch, in one list. Exits with 1 if there is any.

    \b
    Examples:
      kedro aws-batch check
      kedro aws-batch check --env=aws_batch_large
      kedro aws-batch check --aws
      python -m kedro_aws_batch check --json | jq '.problems[].what'
    """
    from kedro_aws_batch.cli.check import print_check

    print_check(opening, aws, as_json)
