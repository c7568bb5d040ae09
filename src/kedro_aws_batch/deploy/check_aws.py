"""Whether AWS Batch has what runs are to use, and would take jobs: asked before anything is deployed or started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from kedro_aws_batch.aws_errors import Call, sentence
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.graph.problems import Problem
from kedro_aws_batch.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The statuses of queues and environments that take no jobs; those being created or updated do, or will.
_BROKEN = ("INVALID", "DELETING", "DELETED")


def check_aws(document: Mapping[str, Any], batch: Any) -> list[Problem]:
    """Return what is wrong with the queues and job definitions that a graph document names. Raises ServiceError."""
    found = [problem for name in _named(document, "job_queue") for problem in _queue(name, batch)]
    return found + [problem for name in _named(document, "job_definition") for problem in _definition(name, batch)]


def require_credentials(sts: Any) -> None:
    """Raise ServiceError if there are no credentials, or none that AWS knows."""
    try:
        sts.get_caller_identity()  # which everybody may
    except (ClientError, BotoCoreError) as error:
        raise ServiceError(sentence(error, Call("deploy", "sts:GetCallerIdentity")), "Refused") from error


def _named(document: Mapping[str, Any], key: str) -> list[str]:
    asked = {node["resources"].get(key) for node in document["nodes"]} | {document["run"].get(key)}
    return sorted(filter(None, asked))


def _queue(name: str, batch: Any) -> Iterator[Problem]:
    where = f"job queue '{name}'"
    found = _ask(batch, "describe_job_queues", "DescribeJobQueues", jobQueues=[name])["jobQueues"]
    if not found:
        known = [each["jobQueueName"] for each in _ask(batch, "describe_job_queues", "DescribeJobQueues")["jobQueues"]]
        yield Problem(where, f"is not in {batch.meta.region_name} in this account.", _absent(name, known, "job_queue"))
        return
    (queue,) = found
    if queue["state"] != "ENABLED":
        enable = f"aws batch update-job-queue --job-queue={name} --state=ENABLED"
        yield Problem(where, "is disabled, so it takes no jobs.", f"Enable it: {enable}")
    if queue["status"] in _BROKEN:
        what = f"is {queue['status']}{_reason(queue)}, so it takes no jobs."
        yield Problem(where, what, "Mend or replace it: `aws batch describe-job-queues` has the whole of it.")
    yield from _environments(where, [each["computeEnvironment"] for each in queue["computeEnvironmentOrder"]], batch)


def _environments(where: str, arns: list[str], batch: Any) -> Iterator[Problem]:
    """Yield a problem if none of a queue's compute environments would run a job."""
    asked = {"computeEnvironments": arns}
    described = (  # for none Batch would describe all that there are
        _ask(batch, "describe_compute_environments", "DescribeComputeEnvironments", **asked)["computeEnvironments"]
        if arns
        else []
    )
    if not any(each["state"] == "ENABLED" and each["status"] not in _BROKEN for each in described):
        names = [
            f"'{each['computeEnvironmentName']}' is {each['state']} and {each['status']}{_reason(each)}"
            for each in described
        ]
        what = f"has no compute environment that runs jobs: {', '.join(names) or 'there is none'}."
        enable = "aws batch update-compute-environment --compute-environment=<name> --state=ENABLED"
        yield Problem(where, what, f"Enable one, or mend it: {enable}")


def _reason(described: Mapping[str, Any]) -> str:
    if described["status"] not in _BROKEN:
        return ""
    return f" ({described['statusReason'].rstrip('.')})" if described.get("statusReason") else ""


def _definition(name: str, batch: Any) -> Iterator[Problem]:
    where = f"job definition '{name}'"
    action = "DescribeJobDefinitions"
    if not _ask(batch, "describe_job_definitions", action, jobDefinitionName=name, status="ACTIVE")["jobDefinitions"]:
        others = _ask(batch, "describe_job_definitions", action, status="ACTIVE")["jobDefinitions"]
        known = {each["jobDefinitionName"] for each in others}
        what = f"has no active revision in {batch.meta.region_name} in this account."
        yield Problem(where, what, _absent(name, known, "job_definition"))


def _absent(name: str, known: Any, key: str) -> str:
    near = did_you_mean(name, known).strip()
    region = "`region` in serverless.yml or else AWS_REGION"
    return f"{near} Deploy it, mend aws_batch.{key}, or say where it is: {region}, and AWS_PROFILE.".strip()


def _ask(batch: Any, method: str, action: str, **request: Any) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = getattr(batch, method)(**request)
    except (ClientError, BotoCoreError) as error:
        call = Call("ask AWS Batch for queues and definitions", f"batch:{action}")
        raise ServiceError(sentence(error, call), "Refused") from error
    return answer
