"""`kedro aws-batch deploy`."""

from __future__ import annotations

import click

from kedro_aws_batch.cli.filters import opening_options
from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.graph.opening import Opening


@click.command("deploy", cls=LateCommand)
@opening_options
@click.option("--stage", help="The stage to deploy, as a safeguard: it must be the one in aws_batch.service.")
@click.option("--region", help="The AWS Region; else `region` in the params of serverless.yml.")
@click.option(
    "--param",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="Overrides `params` in serverless.yml; may be given several times.",
)
@click.argument("osls_arguments", nargs=-1, type=click.UNPROCESSED)
def command(
    opening: Opening,
    stage: str | None,
    region: str | None,
    given: tuple[str, ...],
    osls_arguments: tuple[str, ...],
) -> None:
    """Deploy the project: check it, package it, and have osls make or change its stack on AWS.

    The stack's settings are in the project's serverless.yml, which `kedro aws-batch init` writes. Nothing is deployed
    if the check finds anything wrong, or if a queue of your own doesn't exist. Arguments after -- go to `osls deploy`.

    \b
    Examples:
      kedro aws-batch deploy
      kedro aws-batch deploy --env=aws_batch_prod --param=image=123456789012.dkr.ecr.us-east-1.amazonaws.com/flights:7
      kedro aws-batch deploy -- --verbose
    """
    from kedro_aws_batch.cli.deploy import DeployOptions, deploy

    wanted = DeployOptions(
        opening=opening,
        stage=stage,
        region=region,
        given=given,
        osls_arguments=osls_arguments,
    )
    raise SystemExit(deploy(wanted))
