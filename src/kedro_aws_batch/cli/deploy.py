"""Does `kedro aws-batch deploy`."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag.document import read_document
from kedro_aws_batch.aws import client
from kedro_aws_batch.deploy.check_aws import check_aws, require_credentials
from kedro_aws_batch.deploy.deployment import (
    Target,
    batch_of,
    osls,
    read_given,
    refuse_unchecked,
    require_file,
    require_stage,
)
from kedro_aws_batch.deploy.fitting import misfits
from kedro_aws_batch.deploy.parameters import OWN
from kedro_aws_batch.package import service_and_stage, this_runtime

from .options import refuse
from .package import PackageOptions, stage_project
from .prepare import prepare_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kedro_aws_batch.graph.opening import Opening


@dataclass(frozen=True)
class DeployOptions:
    """What to deploy, and what of it the command line says."""

    opening: Opening
    stage: str | None
    region: str | None
    #: `NAME=VALUE`, which go before the params of serverless.yml.
    given: tuple[str, ...]
    osls_arguments: tuple[str, ...]


def deploy(wanted: DeployOptions) -> int:
    """Check, package and deploy the project, and return the exit code."""
    this_runtime()
    refuse_unchecked(wanted.osls_arguments)
    given = read_given(wanted.given) | ({} if wanted.region is None else {"region": wanted.region})
    prepared = prepare_whole(wanted.opening)
    project, service = prepared.project.path, prepared.compiled.configuration.service
    target = Target(project, service_and_stage(service)[1], given)
    require_stage(wanted.stage, service, target.stage, wanted.opening.environment)
    require_file(project)
    document = read_document(json.dumps(prepared.compiled.document))
    batch = batch_of(target, str(document.run["launch_type"]).lower())
    refuse(misfits(document, target.params(), batch))
    tool = osls(project)
    sts = client("sts", target.region())
    require_credentials(sts)
    made = () if batch == OWN else (document.run["job_queue"], document.run["job_definition"])
    refuse(check_aws(document, client("batch", target.region()), made))
    buckets = tuple(target.buckets()) if "buckets" in given else ()
    stage_project(PackageOptions(wanted.opening, buckets), prepared, None)
    # What was asked above and what is deployed has to be in one Region, whoever says which.
    told = [] if target.params().get("region") else [f"--region={sts.meta.region_name}"]
    return _deploy([*tool, "deploy", *told], target, wanted.osls_arguments)


def _deploy(tool: list[str], target: Target, more: Sequence[str]) -> int:
    params = [f"--param={name}={value}" for name, value in target.given.items()]
    environment = {"SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off", **os.environ}
    words = [*tool, f"--stage={target.stage}", *params, *more]
    return subprocess.run(words, cwd=target.project, env=environment, check=False).returncode
