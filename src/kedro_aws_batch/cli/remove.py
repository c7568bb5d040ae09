"""Does `kedro aws-batch remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kedro_aws_batch._service.dag.problems import listed
from kedro_aws_batch.aws import client
from kedro_aws_batch.client import Service
from kedro_aws_batch.deploy.check_aws import require_credentials
from kedro_aws_batch.deploy.deployment import (
    DeploymentError,
    Target,
    call_osls,
    osls,
    refuse_unchecked,
    require_file,
    require_packaged,
)
from kedro_aws_batch.deploy.standing import open_runs
from kedro_aws_batch.package import service_and_stage
from kedro_aws_batch.wording import counted

from .options import Where
from .service import prefix_of, this_project

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Open runs that are looked for: enough to say that there are many.
_MOST = 100


def remove(environment: str, region: str | None, force: bool, more: Sequence[str]) -> int:
    """Remove the stack of an environment, and return the exit code. Raises DeploymentError while runs are open."""
    refuse_unchecked(more)
    project = this_project()
    service = prefix_of(Where(local=False, environment=environment, conf_source=None, service=None))
    target = Target(project, service_and_stage(service)[1], {} if region is None else {"region": region})
    require_file(project)
    require_packaged(target, environment)
    tool = osls(project)
    sts = client("sts", target.region())
    require_credentials(sts)
    refuse_open(open_runs(Service(service, client("lambda", target.region())), _MOST), environment, force)
    told = [] if target.params().get("region") else [f"--region={sts.meta.region_name}"]
    return call_osls([*tool, "remove", *told], target, more)


def refuse_open(runs: Sequence[str], environment: str, force: bool) -> None:
    """Raise DeploymentError that names open runs; with `force`, only warn of them."""
    if not runs:
        return
    number = f"{_MOST} runs or more" if len(runs) >= _MOST else counted(len(runs), "run")
    verb, their = ("is", "its") if len(runs) == 1 else ("are", "their")
    what = f"{number} {verb} open: {listed(runs, limit=3)}."
    if force:
        click.echo(
            f"Warning: {what} {their.capitalize()} jobs end with the queue, and nothing tells of that.", err=True
        )
        return
    other = "" if environment == "aws_batch" else f" --env={environment}"
    raise DeploymentError(
        f"{what} Removing the stack would end {their} jobs. Wait for the end, or cancel with `kedro aws-batch "
        f"cancel{other} RUN`; or remove it all the same, with --force."
    )
