"""Whether AWS Batch has what runs are to use, and would take jobs: asked before anything is deployed or started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from .aws_errors import Call, sentence
from .errors import ServiceError
from .problems import Problem
from .wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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
    if queue["status"] != "VALID":
        yield Problem(where, f"is {queue['status']}: {queue.get('statusReason', 'no reason given')}.", "Mend it.")
    yield from _environments(where, [each["computeEnvironment"] for each in queue["computeEnvironmentOrder"]], batch)


def _environments(where: str, arns: list[str], batch: Any) -> Iterator[Problem]:
    """Yield a problem if none of a queue's compute environments would run a job."""
    described = _ask(batch, "describe_compute_environments", "DescribeComputeEnvironments", computeEnvironments=arns)[
        "computeEnvironments"
    ]
    if not any(each["state"] == "ENABLED" and each.get("status", "VALID") == "VALID" for each in described):
        names = [
            f"'{each['computeEnvironmentName']}' is {each['state']} and {each.get('status')}"
            + (f" ({each['statusReason']})" if each.get("statusReason") else "")
            for each in described
        ]
        what = f"has no compute environment that runs jobs: {', '.join(names) or 'it has none'}."
        yield Problem(where, what, "Enable or mend one: `aws batch update-compute-environment`.")


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
    return f"{near} Deploy it, mend aws_batch.{key}, or set AWS_REGION or AWS_PROFILE to where it is.".strip()


def _ask(batch: Any, method: str, action: str, **request: Any) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = getattr(batch, method)(**request)
    except (ClientError, BotoCoreError) as error:
        call = Call("ask AWS Batch for queues and definitions", f"batch:{action}")
        raise ServiceError(sentence(error, call), "Refused") from error
    return answer
