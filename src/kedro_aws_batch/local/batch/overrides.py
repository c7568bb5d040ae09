"""Batch's overrides of an ECS task, and whether ECS would accept them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag import limits, variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.batch.models import ComputeEnvironment

    from kedro_aws_batch.local.batch.jobs import BatchJob, JobSpec
    from kedro_aws_batch.local.jsons import Json


def batch_variables(job: BatchJob, attempt: int, environment: ComputeEnvironment) -> dict[str, str]:
    """Return the variables that Batch itself gives to an attempt of a job."""
    given = {
        variables.BATCH_JOB: job.job_id,
        variables.BATCH_ATTEMPT: str(attempt),
        "AWS_BATCH_JQ_NAME": job.spec.queue.name,
        "AWS_BATCH_CE_NAME": environment.name,
    }
    if job.parent is not None:
        given[variables.BATCH_INDEX] = str(job.index)
        given["AWS_BATCH_JOB_ARRAY_SIZE"] = str(len(job.parent.children))
    return given


def refusal(job: BatchJob, attempt: int, environment: ComputeEnvironment) -> str | None:
    """Return why ECS would not run the task of an attempt; None if it would."""
    overrides = _overrides(job.spec, batch_variables(job, attempt, environment))
    length = len(json.dumps(overrides, separators=(",", ":")))
    return None if limits.OVERRIDES.allows(length) else limits.OVERRIDES.answer(length)


def _overrides(spec: JobSpec, variables: Mapping[str, str]) -> Json:
    """Return the `overrides` of RunTask, without the definition's own settings, which are in the task's definition."""
    needs = {each["type"]: each["value"] for each in spec.container["resourceRequirements"]}
    added = [{"name": name, "value": value} for name, value in variables.items()]
    container: Json = {
        "name": "default",
        "environment": [*spec.overrides.get("environment", []), *added],
        "cpu": int(float(needs.get("VCPU", 1)) * 1024),
        "memory": int(needs.get("MEMORY", 0)),
        "resourceRequirements": [{"type": "GPU", "value": needs["GPU"]}] if "GPU" in needs else [],
    }
    if spec.overrides.get("command"):
        container["command"] = spec.container["command"]
    return {"containerOverrides": [container]}
