"""Does `kedro aws-batch deploy`."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kedro_aws_batch.aws import client
from kedro_aws_batch.deploy.check_aws import require_credentials
from kedro_aws_batch.deploy.deployment import Target, osls, read_given, require_file, require_params, require_stage
from kedro_aws_batch.package import service_and_stage

from .check import ask_aws
from .options import refuse
from .package import Wanted, stage_project
from .prepare import prepare_whole

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Deployment:
    """What to deploy, and what of it the command line says."""

    environment: str
    conf_source: str | None
    stage: str | None
    region: str | None
    #: `NAME=VALUE`, which go before the params of serverless.yml.
    given: tuple[str, ...]
    osls_arguments: tuple[str, ...]


def deploy(wanted: Deployment) -> int:
    """Check, package and deploy the project, and return the exit code."""
    params = read_given(wanted.given)
    prepared = prepare_whole(wanted.environment, wanted.conf_source)
    project, compiled = prepared.project, prepared.compiled
    prefix = compiled.configuration.service
    target = Target(project.path, service_and_stage(prefix)[1], params)
    require_stage(wanted.stage, prefix, target.stage, wanted.environment)
    require_file(project.path)
    batch = require_params(target, str(compiled.configuration.run["launch_type"]).lower())
    tool = osls(project.path)
    region = target.region(wanted.region)
    require_credentials(client("sts", region))
    if batch == "own":
        refuse(ask_aws(compiled.document, region))
    buckets = tuple(target.buckets()) if "buckets" in params else ()
    stage_project(Wanted(wanted.environment, wanted.conf_source, buckets), prepared, None)
    return _deploy([*tool, "deploy"], target, wanted.region, wanted.osls_arguments)


def _deploy(tool: list[str], target: Target, region: str | None, more: Sequence[str]) -> int:
    where = [] if region is None else [f"--region={region}"]
    params = [f"--param={name}={value}" for name, value in target.given.items()]
    environment = {"SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off", **os.environ}
    words = [*tool, f"--stage={target.stage}", *where, *params, *more]
    return subprocess.run(words, cwd=target.project, env=environment, check=False).returncode
