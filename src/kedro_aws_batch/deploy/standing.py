"""A stack's current resources of Batch: as CloudFormation knows them, and whether they are in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from kedro_aws_batch._service.dag.status import JobStatus, RunStatus
from kedro_aws_batch.aws_errors import Call, why_refused
from kedro_aws_batch.errors import ServiceError

from .parameters import EC2, FARGATE, PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kedro_aws_batch.client import Service


@dataclass(frozen=True)
class Standing:
    """The queue of a stack, and its settings, now or after a deployment.

    Settings are texts as CloudFormation has them; None if osls will fill one in.
    """

    batch: str  #: `fargate` or `ec2`
    queue: str
    definition: str
    #: By the names of their params.
    made_with: Mapping[str, str | None]


#: The params that can't change, or only by replacing something, and the templates' Parameters for them.
KEPT = {
    "subnets": "Subnets",
    "security_groups": "SecurityGroups",
    "spot": "Spot",
    "fair_share": "FairShare",
    "compute_environment_name": "ComputeEnvironmentName",
    "job_role_name": "JobRoleName",
}


def standing(stack: str, cloudformation: Any) -> Standing | None:
    """Return a stack's queue; None if there is no such stack, or it has none. Raises ServiceError."""
    try:
        (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise _refused(error, stack) from error
    except BotoCoreError as error:
        raise _refused(error, stack) from error
    names = {each.get("LogicalResourceId"): _name(each.get("PhysicalResourceId", "")) for each in resources}
    if not names.get("JobQueue"):
        return None
    declared = {each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", [])}
    made_with = {name: declared.get(parameter, PARAMETERS[name].default) for name, parameter in KEPT.items()}
    batch = EC2 if "InstanceRole" in names else FARGATE
    return Standing(batch, names["JobQueue"], names.get("JobDefinition", ""), made_with)


def in_use(queue: str, service: Service, batch: Any) -> str | None:
    """Return what uses a stack's queue, in words. Raises ServiceError if it can't be found out."""
    if runs := open_runs(service, limit=1):
        return f"run {runs[0]} is RUNNING"
    return next((f"the job '{name}' is {status}" for name, status in _jobs(queue, batch)), None)


def open_runs(service: Service, limit: int) -> list[str]:
    """Return the ids of up to so many runs that are RUNNING. Raises ServiceError if it can't be found out."""
    try:
        return [run.run_id for run in service.list_runs(status=RunStatus.RUNNING.value, limit=limit)]
    except ServiceError as error:
        if "There is no function" not in str(error):
            raise
        return []  # of a half-made stack


def _jobs(queue: str, batch: Any) -> Iterator[tuple[str, str]]:
    for status in (status.value for status in reversed(JobStatus) if not status.ended):
        try:
            found = batch.list_jobs(jobQueue=queue, jobStatus=status, maxResults=1)["jobSummaryList"]
        except (ClientError, BotoCoreError) as error:
            call = Call(f"ask for the jobs in the queue '{queue}'", "batch:ListJobs")
            raise ServiceError(why_refused(error, call), "Refused") from error
        yield from ((job["jobName"], status) for job in found)


def _refused(error: ClientError | BotoCoreError, stack: str) -> ServiceError:
    action = "cloudformation:DescribeStacks and cloudformation:DescribeStackResources"
    return ServiceError(why_refused(error, Call(f"look at the stack '{stack}'", action)), "Refused")


def _name(physical: str) -> str:
    """Return the name in an ARN of Batch, without a revision."""
    return physical.rpartition("/")[2].partition(":")[0] if physical.startswith("arn:") else physical
