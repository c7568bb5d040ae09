"""Does `kedro aws-batch deploy`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kedro_aws_batch.aws import client
from kedro_aws_batch.client import Service
from kedro_aws_batch.deploy.changes import unwelcome, wanted
from kedro_aws_batch.deploy.check_aws import check_aws, require_credentials, taken
from kedro_aws_batch.deploy.deployment import (
    Target,
    batch_of,
    call_osls,
    osls,
    read_given,
    refuse_unchecked,
    require_file,
    require_stage,
)
from kedro_aws_batch.deploy.fitting import misfits
from kedro_aws_batch.deploy.parameters import OWN
from kedro_aws_batch.deploy.standing import in_use, standing
from kedro_aws_batch.package import service_and_stage, this_runtime

from .options import tell_problems
from .package import PackageOptions, stage_project
from .prepare import prepare_whole

if TYPE_CHECKING:
    from kedro_aws_batch._service.dag.document import GraphDocument
    from kedro_aws_batch._service.dag.problems import Problem
    from kedro_aws_batch.graph.opening import Opening


@dataclass(frozen=True)
class DeployOptions:
    """What to deploy, and the command line's settings."""

    opening: Opening
    stage: str | None
    region: str | None
    #: `NAME=VALUE`; they override the params of serverless.yml.
    given: tuple[str, ...]
    osls_arguments: tuple[str, ...]


def deploy(asked: DeployOptions) -> int:
    """Check, package and deploy the project, and return the exit code."""
    this_runtime()
    refuse_unchecked(asked.osls_arguments)
    given = read_given(asked.given) | ({} if asked.region is None else {"region": asked.region})
    prepared = prepare_whole(asked.opening)
    project, service = prepared.project.path, prepared.compiled.configuration.service
    target = Target(project, service_and_stage(service)[1], given)
    require_stage(asked.stage, service, target.stage, asked.opening.environment)
    require_file(project)
    document = prepared.compiled.read
    batch = batch_of(target, str(document.run["launch_type"]).lower())
    tell_problems(misfits(document, target.params(), batch))
    tool = osls(project)
    sts = client("sts", target.region())
    require_credentials(sts)
    tell_problems(_asked_of_aws(document, target, service, batch))
    buckets = tuple(target.buckets()) if "buckets" in given else ()
    options = PackageOptions(asked.opening, buckets, reuse_buckets=tuple(target.reuse_buckets()))
    stage_project(options, prepared, None)
    # The checks above and the deployment must use the same Region, whoever names it.
    told = [] if target.params().get("region") else [f"--region={sts.meta.region_name}"]
    return call_osls([*tool, "deploy", *told], target, asked.osls_arguments)


def _asked_of_aws(document: GraphDocument, target: Target, service: str, batch: str) -> list[Problem]:
    """Return why AWS wouldn't take the project's jobs, or the change that the deployment makes."""
    region, queue = target.region(), document.run["job_queue"]
    batch_client = client("batch", region)
    now = standing(service, client("cloudformation", region))

    def used() -> str | None:
        functions = Service(service, client("lambda", region))
        return None if now is None else in_use(now.queue, functions, batch_client)

    made = () if batch == OWN else (queue, document.run["job_definition"])
    problems = check_aws(document, batch_client, made)
    if batch != OWN and (now is None or now.queue != queue):
        problems += taken(queue, batch_client)
    return problems + unwelcome(now, wanted(document, target.params(), batch), used)
