"""What SubmitJob is asked for an attempt of a group."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dag.document import Resources
from dag.errors import InvalidRequestError
from dag.plan import Group, Plan
from dag.shards import Mark

FORMAT = 1
#: SubmitJob accepts 30 KiB; the rest is left to what the client adds round the body.
LARGEST_REQUEST = 30 * 1024 - 256

#: A host that AWS reclaims is no fault of the program: try again elsewhere, and nothing but that, unless `attempts`
#: asks for more. The reasons are those that Batch documents for EC2 hosts and for Fargate Spot.
RETRY_RECLAIMED_HOSTS: Sequence[Mapping[str, str]] = (
    {"onStatusReason": "Host EC2*", "action": "RETRY"},
    {"onStatusReason": "Your Spot Task was interrupted*", "action": "RETRY"},
    {"onReason": "Your Spot Task was interrupted*", "action": "RETRY"},
    {"onReason": "*", "action": "EXIT"},
)
_TRIES_FOR_RECLAIMED_HOSTS = 3


@dataclass(frozen=True)
class Submission:
    """A job to submit."""

    marks: tuple[Mark, ...]
    request: Mapping[str, Any]  #: the arguments of SubmitJob


def submission(plan: Plan, mark: Mark) -> Submission:
    """Return the single job that runs an attempt of a group."""
    group = plan.groups[mark.group]
    resources = plan.resources(mark.group, mark.attempt)
    request: dict[str, Any] = {
        "jobName": plan.job_name(mark.group, mark.attempt),
        "jobQueue": resources["job_queue"],
        "jobDefinition": resources["job_definition"],
        "containerOverrides": _container(plan, group, resources),
        "retryStrategy": retry_strategy(resources.get("attempts", 1)),
        "tags": {"kedro-project": plan.project, "kedro-run-id": plan.run_id},
        "propagateTags": True,
    }
    if resources.get("timeout") is not None:
        request["timeout"] = {"attemptDurationSeconds": resources["timeout"]}
    if resources.get("share_identifier") is not None:
        request["shareIdentifier"] = resources["share_identifier"]
    if resources.get("priority") is not None:
        request["schedulingPriorityOverride"] = resources["priority"]
    return Submission((mark,), request)


def refuse_oversized(plan: Plan) -> None:
    """Raise InvalidRequestError when a group's job could not be submitted, so that nothing is started."""
    largest = max(range(len(plan.groups)), key=lambda index: _weight(plan.groups[index]))
    size = len(json.dumps(submission(plan, Mark(largest)).request).encode())
    if size > LARGEST_REQUEST:
        raise InvalidRequestError(
            f"The job of group '{plan.groups[largest].title}' would be a request of {size:,} bytes, "
            f"and SubmitJob accepts {LARGEST_REQUEST:,}. The run's parameters take {len(json.dumps(plan.params)):,} of them: "
            "put large values in conf/, or run fewer nodes in one group."
        )
    if plan.settings.job_command == "kedro-run":
        for group in plan.groups:
            kedro_run(plan, group)


def _weight(group: Group) -> int:
    """Return the size of what differs between the requests of two groups."""
    return len(json.dumps([json.dumps([group.nodes, group.load_versions]), group.resources]))


def retry_strategy(attempts: int) -> Mapping[str, Any]:
    """Return Batch's retry strategy: `attempts` for whatever fails; with 1, tries only for hosts that AWS reclaimed."""
    if attempts > 1:
        return {"attempts": attempts}
    return {"attempts": _TRIES_FOR_RECLAIMED_HOSTS, "evaluateOnExit": [dict(rule) for rule in RETRY_RECLAIMED_HOSTS]}


def payload(plan: Plan, groups: Sequence[Group]) -> str:
    """Return what a job finds in KEDRO_AWS_BATCH_JOB, for one group or for an array of them."""
    body = {
        "format": FORMAT,
        "run_id": plan.run_id,
        "environment": plan.environment,
        "pipelines": plan.pipelines,
        "params": plan.params,
        "groups": [{"nodes": group.nodes, "load_versions": group.load_versions} for group in groups],
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _container(plan: Plan, group: Group, resources: Resources) -> Mapping[str, Any]:
    asked = [("VCPU", "vcpus"), ("MEMORY", "memory"), ("GPU", "gpus")]
    environment = {**resources.get("environment", {}), "KEDRO_DISABLE_TELEMETRY": "1"}
    command = ["python", "-m", "kedro_aws_batch.job"]
    if plan.settings.job_command == "kedro-run":
        command = kedro_run(plan, group)
    else:
        environment["KEDRO_AWS_BATCH_JOB"] = payload(plan, [group])
    container: dict[str, Any] = {
        "command": command,
        "environment": [{"name": name, "value": str(value)} for name, value in sorted(environment.items())],
    }
    if needs := [{"type": kind, "value": f"{resources[key]:g}"} for kind, key in asked if resources.get(key)]:
        container["resourceRequirements"] = needs
    return container


def kedro_run(plan: Plan, group: Group) -> list[str]:
    """Return the plain command for images without this package.

    Raises InvalidRequestError for what the command line can't carry: commas in names, parameters that are not plain.
    """
    for name in group.nodes:
        if "," in name:
            raise InvalidRequestError(f"Node '{name}' has a comma in its name: job_command 'kedro-run' can't pass it.")
    if group.load_versions:
        pinned = min(group.load_versions)
        raise InvalidRequestError(
            f"Dataset '{pinned}' is versioned: job_command 'kedro-run' can't make all jobs of a run use one version. "
            "Install kedro-aws-batch in the image and use job_command 'job'."
        )
    command = ["kedro", "run", f"--nodes={','.join(group.nodes)}", f"--env={plan.environment}"]
    command.append(f"--pipelines={','.join(plan.pipelines)}")
    params = {key: value for key, value in plan.params.items() if key != "aws_batch"}
    if params:
        command.append("--params=" + ",".join(_flat(params)))
    return command


def _flat(params: Mapping[str, Any], prefix: str = "") -> list[str]:
    pairs = []
    for key, value in params.items():
        if isinstance(value, dict):
            pairs += _flat(value, f"{prefix}{key}.")
        elif isinstance(value, (list, type(None))) or (isinstance(value, str) and set(value) & set(",\n")):
            raise InvalidRequestError(
                f"Parameter '{prefix}{key}' can't be passed by job_command 'kedro-run': {value!r}."
            )
        else:
            pairs.append(f"{prefix}{key}={value}")
    return pairs
