"""SubmitJob's requests, and its refusals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag import limits
from kedro_aws_batch.local.batch.amounts import requirements
from kedro_aws_batch.local.batch.jobs import JobSpec
from kedro_aws_batch.local.errors import ClientException

if TYPE_CHECKING:
    from moto.batch.models import BatchBackend, JobDefinition, JobQueue

    from kedro_aws_batch.local.jsons import Json


@dataclass(frozen=True)
class JobRequest:
    """An accepted request."""

    spec: JobSpec
    #: The size of an array, or None.
    size: int | None


def read_submission(backend: BatchBackend, request: Json, minimum_timeout: int) -> JobRequest:
    """Return the job to run; ClientException says why it can't run."""
    name = request.get("jobName") or ""
    if not limits.JOB_NAME.allows(name):
        raise ClientException(limits.JOB_NAME.answer(name))
    queue = _queue(backend, request.get("jobQueue") or "")
    definition = _definition(backend, request.get("jobDefinition") or "")
    depends_on = request.get("dependsOn") or []
    _check(limits.DEPENDENCIES, len(depends_on))
    size = _size(request)
    retries = _retries(definition, request)
    _check_share(queue, request)
    parameters = {**definition.parameters, **(request.get("parameters") or {})}
    overrides = request.get("containerOverrides") or {}
    spec = JobSpec(
        name=name,
        queue=queue,
        definition_arn=definition.arn,
        definition_name=definition.name,
        container=_container(definition, overrides, parameters),
        overrides=overrides,
        attempts=int(retries.get("attempts") or 1),
        evaluate_on_exit=list(retries.get("evaluateOnExit") or []),
        timeout=_timeout(request.get("timeout") or definition.timeout, minimum_timeout),
        parameters=parameters,
        tags=_tags(request),
        depends_on=depends_on,
        platform_capabilities=_platforms(definition),
        share=request.get("shareIdentifier"),
        priority=int(request.get("schedulingPriorityOverride") or 0),
    )
    return JobRequest(spec, size)


def _check(limit: limits.Limit, given: float) -> None:
    if not limit.allows(given):
        raise ClientException(limit.answer(given))


def _queue(backend: BatchBackend, identifier: str) -> JobQueue:
    queue = backend.get_job_queue(identifier)
    if queue is None:
        raise ClientException(f"Job queue {identifier} does not exist")
    if queue.state != "ENABLED":
        raise ClientException(f"Job queue {identifier} is {queue.state}, not ENABLED")
    return queue


def _definition(backend: BatchBackend, identifier: str) -> JobDefinition:
    """Find a definition by its ARN, by name:revision, or by name: then the newest active one."""
    full_name = identifier.partition(":job-definition/")[2] or identifier
    name, _, revision = full_name.partition(":")
    found = [each for each in backend.describe_job_definitions(name, status="ACTIVE") if each.name == name]
    if revision:
        found = [each for each in found if str(each.revision) == revision]
    if not found:
        raise ClientException(f"Job definition {identifier} does not exist or is not ACTIVE")
    return max(found, key=lambda each: each.revision)


def _platforms(definition: JobDefinition) -> list[str]:
    return list(definition.platform_capabilities or ["EC2"])


def _retries(definition: JobDefinition, request: Json) -> Json:
    retries = {**(definition.retry_strategy or {}), **(request.get("retryStrategy") or {})}
    _check(limits.ATTEMPTS, int(retries.get("attempts") or 1))
    rules = retries.get("evaluateOnExit") or []
    _check(limits.EXIT_RULES, len(rules))
    for rule in rules:
        for condition, pattern in rule.items():
            if condition.startswith("on"):
                _check(limits.EXIT_PATTERN, len(pattern))
    return retries


def _check_share(queue: JobQueue, request: Json) -> None:
    """Refuse a job without a share in a fair-share queue, or with one elsewhere."""
    share, priority = request.get("shareIdentifier"), request.get("schedulingPriorityOverride")
    if priority is not None:
        _check(limits.PRIORITY, int(priority))
    if not queue.schedule_policy:
        if share is not None:
            raise ClientException(limits.SHARE_UNWANTED.answer)
        return
    if share is None:
        raise ClientException(limits.SHARE_MISSING.answer)
    if not limits.SHARE_IDENTIFIER.allows(share):
        raise ClientException(limits.SHARE_IDENTIFIER.answer(share))
    if priority is None:  # moto keeps no schedulingPriority of a definition
        raise ClientException(limits.PRIORITY_MISSING.answer)


def _tags(request: Json) -> dict[str, str]:
    tags = request.get("tags") or {}
    _check(limits.TAGS, len(tags))
    for name, value in tags.items():
        _check(limits.TAG_KEY, len(name))
        _check(limits.TAG_VALUE, len(value))
    return dict(tags)


def _size(request: Json) -> int | None:
    size = (request.get("arrayProperties") or {}).get("size")
    if size is None:
        return None
    _check(limits.ARRAY_SIZE, int(size))
    return int(size)


def _timeout(timeout: Json | None, minimum: int) -> int | None:
    seconds = (timeout or {}).get("attemptDurationSeconds")
    if seconds is not None and int(seconds) < minimum:
        raise ClientException(f"Job timeout must be at least {minimum} seconds: {seconds}")
    return None if seconds is None else int(seconds)


def _container(definition: JobDefinition, overrides: Json, parameters: dict[str, str]) -> Json:
    defined: Json = definition.container_properties or {}
    command = overrides.get("command") or defined.get("command") or []
    environment = {each["name"]: each.get("value", "") for each in defined.get("environment", [])}
    environment |= {each["name"]: each.get("value", "") for each in overrides.get("environment", [])}
    for name in environment:
        if not limits.VARIABLE_NAME.allows(name):
            raise ClientException(limits.VARIABLE_NAME.answer(name))
    kept = {key: value for key, value in defined.items() if key not in {"vcpus", "memory"}}
    return {
        **kept,
        "command": [_parameter(part, parameters) for part in command],
        "environment": [{"name": name, "value": value} for name, value in environment.items()],
        "resourceRequirements": requirements(_platforms(definition), defined, overrides),
    }


def _parameter(part: str, parameters: dict[str, str]) -> str:
    return parameters.get(part[5:], part) if part.startswith("Ref::") else part
