"""`kedro aws-batch check`."""

from __future__ import annotations

import click

from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.cli.options import conf_source_option, environment_option, json_option


@click.command("check", cls=LateCommand)
@environment_option()
@conf_source_option()
@click.option(
    "--aws",
    is_flag=True,
    help="Ask AWS, too, in the `region` of serverless.yml or else yours: are the job queues and job definitions there, "
    "and would they take jobs?",
)
@json_option()
def command(environment: str, conf_source: str | None, aws: bool, as_json: bool) -> None:
    """Find every reason why a run would fail on AWS Batch, in one list. Exits with 1 if there is any.

    \b
    Examples:
      kedro aws-batch check
      kedro aws-batch check --env=aws_batch_large
      kedro aws-batch check --aws
      python -m kedro_aws_batch check --json | jq '.problems[].what'
    """
    from kedro_aws_batch.cli.check import print_check

    print_check(environment, conf_source, aws, as_json)
