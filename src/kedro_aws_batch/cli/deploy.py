"""`kedro aws-batch deploy`."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import click

from .check import ask_aws
from .options import conf_source_option, environment_option, refuse
from .package import Wanted, open_checked, stage_project

if TYPE_CHECKING:
    from kedro_aws_batch.deploy.deployment import Target


@click.command("deploy")
@environment_option()
@click.option("--stage", help="The stage to deploy: to be sure, since aws_batch.service has it in its name.")
@click.option("--region", help="The AWS Region; else `region` in the params of serverless.yml.")
@click.option(
    "--param",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="Goes before what `params` in serverless.yml says; may be given several times.",
)
@conf_source_option()
@click.argument("osls_arguments", nargs=-1, type=click.UNPROCESSED)
def command(environment: str, conf_source: str | None, given: tuple[str, ...], **to_osls: Any) -> None:
    """Deploy the project: check it, package it, and have osls make or change its stack on AWS.

    What the stack is made with is in the project's serverless.yml, which `kedro aws-batch init` writes. Nothing is
    deployed if the check finds anything wrong, or if a queue of your own isn't there. Arguments after -- are for
    `osls deploy`.

    \b
    Examples:
      kedro aws-batch deploy
      kedro aws-batch deploy --env=aws_batch_prod --param=image=123456789012.dkr.ecr.us-east-1.amazonaws.com/flights:7
      kedro aws-batch deploy -- --verbose
    """
    from kedro_aws_batch.aws import client  # noqa: PLC0415
    from kedro_aws_batch.deploy.check_aws import require_credentials  # noqa: PLC0415
    from kedro_aws_batch.deploy.deployment import (  # noqa: PLC0415
        Target,
        osls,
        read_given,
        require_file,
        require_params,
        require_stage,
    )
    from kedro_aws_batch.package import service_and_stage  # noqa: PLC0415

    params = read_given(given)
    project, compiled = open_checked(environment, conf_source)
    prefix = compiled.configuration.service
    target = Target(project.path, service_and_stage(prefix)[1], params)
    require_stage(to_osls["stage"], prefix, target.stage, environment)
    require_file(project.path)
    batch = require_params(target, str(compiled.configuration.run["launch_type"]).lower())
    tool = osls(project.path)
    region = target.region(to_osls["region"])
    require_credentials(client("sts", region))
    if batch == "own":
        refuse(ask_aws(compiled.document, region))
    buckets = tuple(target.buckets()) if "buckets" in params else ()
    stage_project(Wanted(environment, conf_source, buckets), project, compiled, None)
    raise SystemExit(_deploy([*tool, "deploy"], target, to_osls["region"], to_osls["osls_arguments"]))


def _deploy(tool: list[str], target: Target, region: str | None, more: tuple[str, ...]) -> int:
    where = [] if region is None else [f"--region={region}"]
    params = [f"--param={name}={value}" for name, value in target.given.items()]
    environment = {"SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off", **os.environ}
    words = [*tool, f"--stage={target.stage}", *where, *params, *more]
    return subprocess.run(words, cwd=target.project, env=environment, check=False).returncode
