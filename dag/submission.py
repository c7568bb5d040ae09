"""SubmitJob's arguments for attempts of groups."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from . import carrying, limits, variables
from .errors import InvalidRequestError
from .payload import MOST_CHARACTERS, carried, characters
from .plan import Group, Plan
from .records import KILLED
from .resources import written
from .shards import Mark

#: What a job's container runs, of an image that has the plugin.
COMMAND = ("python", "-m", "kedro_aws_batch.job")
#: Ends of an attempt that are not the program's fault, so that another may work: AWS reclaimed the host, in words
#: that Batch documents for EC2 and for Fargate Spot; or the container never began (image not pulled, Docker timed out).
_NO_FAULT: Sequence[Mapping[str, str]] = (
    {"onStatusReason": "Host EC2*", "action": "RETRY"},
    {"onStatusReason": "Your Spot Task was interrupted*", "action": "RETRY"},
    {"onReason": "Your Spot Task was interrupted*", "action": "RETRY"},
    {"onStatusReason": "Task failed to start*", "action": "RETRY"},
)
#: With one attempt for the program, the other attempts are only for such ends.
_TRIES_WITHOUT_FAULT = 3
_NOTHING_ELSE: Mapping[str, str] = {"onReason": "*", "action": "EXIT"}
#: If `memory_retry` gives the next attempt more, an attempt that ran out of memory isn't repeated. Ends of hosts, and
#: containers that never began, come first; if no rule matches, Batch makes another attempt. Batch takes five rules.
_MORE_MEMORY_INSTEAD: Sequence[Mapping[str, str]] = (
    *(rule for rule in _NO_FAULT[:3]),
    {"onReason": "OutOfMemory*", "action": "EXIT"},
    {"onExitCode": str(KILLED), "action": "EXIT"},
)


#: The exit codes of a container that ends itself while it may carry on.
_BY_ITSELF: Mapping[str, str] = {"onExitCode": carrying.OURS, "action": "EXIT"}


#: From so many similar groups on they go as one array job; fewer stay single jobs, whose names people can read. It is a
#: small number, because a function sees the ends of ten jobs at a time, which hardly ever make ten groups ready. With
#: 10, a run of 200 jobs in 10 layers made 90 requests of Batch, with 3 it makes 33, and no other figure is worse.
ARRAY_FROM = 3
LARGEST_ARRAY = limits.ARRAY_SIZE.most


#: `kedro run --params` takes these for something else than text.
_PLAIN_KEY = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_PLAIN_TEXT = re.compile(r"[A-Za-z_/](?:[\w./+=@%-]| (?=\S)|:(?=\S))*", re.ASCII)
_YAML_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


@dataclass(frozen=True)
class Submission:
    """A job to submit: one attempt, or an array of several."""

    marks: tuple[Mark, ...]  #: claims, their generations included
    request: Mapping[str, Any]  #: the arguments of SubmitJob

    @property
    def is_array(self) -> bool:
        """Return whether each mark is a child of an array job."""
        return len(self.marks) > 1


def pack(plan: Plan, marks: Sequence[Mark]) -> list[Submission]:
    """Return the jobs for these attempts: arrays of similar ones, and single jobs.

    Attempts are similar if they ask the same of Batch. The order is that of each job's first attempt.
    """
    return [array_submission(plan, members) for members in _bundles(plan, marks)]


def first_jobs(plan: Plan, marks: Sequence[Mark], most: int) -> list[Mark]:
    """Return the first attempts, as many as fill so many jobs."""
    return [mark for members in _bundles(plan, marks[:LARGEST_ARRAY])[:most] for mark in members]


def _bundles(plan: Plan, marks: Sequence[Mark]) -> list[Sequence[Mark]]:
    """Return the attempts of each job."""
    if not plan.settings.array_jobs or plan.settings.job_command != "job" or len(marks) < ARRAY_FROM:
        return [[mark] for mark in marks]
    alike: dict[str, list[Mark]] = {}
    for mark in marks:
        alike.setdefault(json.dumps(plan.resources(mark.group, mark.attempt), sort_keys=True), []).append(mark)
    bundles: list[Sequence[Mark]] = []
    for members in alike.values():
        bundles += [[mark] for mark in members] if len(members) < ARRAY_FROM else _pieces(members)
    order = {mark: place for place, mark in enumerate(marks)}
    return sorted(bundles, key=lambda members: order[members[0]])


def submission(plan: Plan, mark: Mark) -> Submission:
    """Return the single job for an attempt of a group."""
    group = plan.groups[mark.group]
    command = kedro_run(plan, group) if plan.settings.job_command == "kedro-run" else None
    request = _request(plan, [mark], plan.job_name(mark.group, mark.attempt), command)
    return Submission((mark,), request)


def array_submission(plan: Plan, marks: Sequence[Mark]) -> Submission:
    """Return the array job for similar attempts, one a child."""
    if len(marks) == 1:
        return submission(plan, marks[0])  # Batch's arrays have at least two children
    request = _request(plan, marks, plan.array_name(marks[0]), None)
    return Submission(tuple(marks), {**request, "arrayProperties": {"size": len(marks)}})


def _pieces(marks: Sequence[Mark]) -> Iterator[Sequence[Mark]]:
    """Yield the marks in pieces, each of which Batch takes as an array."""
    for start in range(0, len(marks), LARGEST_ARRAY):
        yield marks[start : start + LARGEST_ARRAY]


def _request(plan: Plan, marks: Sequence[Mark], name: str, command: Sequence[str] | None) -> dict[str, Any]:
    resources = plan.resources(marks[0].group, marks[0].attempt)
    if plan.settings.warm_containers and (seconds := carrying.limit(plan, marks[0])) is not None:
        resources = {**resources, "timeout": min(seconds, limits.TIMEOUT_SECONDS.most)}
    asked = written(resources)
    request: dict[str, Any] = {
        "jobName": name,
        **asked,
        "containerOverrides": _container(plan, marks, asked.get("containerOverrides", {}), command),
        "retryStrategy": retry_strategy(
            resources.get("attempts", 1),
            more_memory=plan.settings.memory_retry is not None,
            carries_on=plan.settings.warm_containers,
        ),
        "tags": {"kedro-project": plan.project, "kedro-run-id": plan.run_id},
        "propagateTags": True,
    }
    if "shareIdentifier" in request:
        request.setdefault("schedulingPriorityOverride", round(plan.urgency[marks[0].group]))
    return request


def refuse_oversized(plan: Plan) -> None:
    """Raise InvalidRequestError if a group's job could not be started, before anything is.

    The payload is never the reason: a job asks for one that doesn't fit.
    """
    if not plan.groups:
        return
    for index in dict.fromkeys((_largest(plan), *(range(len(plan.groups)) if _is_kedro_run(plan) else ()))):
        group = plan.groups[index]
        size = characters(submission(plan, Mark(index)).request["containerOverrides"])
        if size > MOST_CHARACTERS:
            what = "the command that names them and the parameters" if _is_kedro_run(plan) else "its environment"
            raise InvalidRequestError(
                f"The job of group '{group.title}' has {len(group.nodes)} nodes, and {what} would take {size:,} "
                f"characters. ECS takes 8,192 in all, of which we fill {MOST_CHARACTERS:,}. "
                + ("Use job_command 'job'." if _is_kedro_run(plan) else "Set fewer or shorter variables.")
            )


def _largest(plan: Plan) -> int:
    """Return the group with the largest environment."""
    sizes = [len(json.dumps(group.resources.get("environment", {}))) for group in plan.groups]
    return sizes.index(max(sizes))


def _is_kedro_run(plan: Plan) -> bool:
    return plan.settings.job_command == "kedro-run"


def retry_strategy(attempts: int, *, more_memory: bool = False, carries_on: bool = False) -> Mapping[str, Any]:
    """Return Batch's retry strategy: `attempts` for any failure, and some for ends that are not the program's fault.

    With `more_memory` an attempt that ran out of memory is not repeated: the service submits the next with more. With
    `carries_on` an attempt that ended itself is not repeated: the service knows what that means.
    """
    if attempts == 1:
        return {"attempts": _TRIES_WITHOUT_FAULT, "evaluateOnExit": [dict(one) for one in (*_NO_FAULT, _NOTHING_ELSE)]}
    if carries_on:
        # A container that ran out of memory exits with 137, whichever of its processes was killed.
        out_of_memory = _MORE_MEMORY_INSTEAD[-1:] if more_memory else ()
        rules = (*_NO_FAULT[:3], *out_of_memory, _BY_ITSELF)
        return {"attempts": attempts, "evaluateOnExit": [dict(rule) for rule in rules]}
    if more_memory:
        return {"attempts": attempts, "evaluateOnExit": [dict(rule) for rule in _MORE_MEMORY_INSTEAD]}
    return {"attempts": attempts}


def _container(
    plan: Plan, marks: Sequence[Mark], asked: Mapping[str, Any], command: Sequence[str] | None
) -> Mapping[str, Any]:
    environment = {variables.NO_TELEMETRY: "1"}
    if plan.home.region:
        environment[variables.DEFAULT_REGION] = plan.home.region  # ECS tells only Fargate jobs, by AWS_REGION
    environment |= {one["name"]: one["value"] for one in asked.get("environment", ())}
    container: dict[str, Any] = {
        **asked,
        "command": list(command or COMMAND),
        "environment": [{"name": name, "value": value} for name, value in sorted(environment.items())],
    }
    if command is None:
        container["environment"].insert(0, {"name": variables.JOB, "value": carried(plan, marks, container)})
    return container


def kedro_run(plan: Plan, group: Group) -> list[str]:
    """Return the plain command for images without this package.

    Raises InvalidRequestError for what the command line can't pass: commas in names, parameters that are not plain.
    """
    for name in group.nodes:
        if "," in name:
            raise InvalidRequestError(f"Node '{name}' has a comma in its name: job_command 'kedro-run' can't pass it.")
    for name in plan.pipelines:
        if "," in name:
            raise InvalidRequestError(
                f"Pipeline '{name}' has a comma in its name: job_command 'kedro-run' can't pass it."
            )
    if group.load_versions:
        pinned = min(group.load_versions)
        raise InvalidRequestError(
            f"Dataset '{pinned}' is versioned: job_command 'kedro-run' can't make all jobs of a run use one version. "
            "Install kedro-aws-batch in the image and use job_command 'job'."
        )
    command = ["kedro", "run", f"--nodes={','.join(group.nodes)}", f"--env={plan.environment}"]
    command.append(_pipelines_option(plan, group))
    if source := group.resources.get("environment", {}).get(variables.CONF_SOURCE):
        command.append(f"--conf-source={source}")
    params = {key: value for key, value in plan.params.items() if key != "aws_batch"}
    if params:
        command.append("--params=" + ",".join(_flat(params)))
    return command


def _pipelines_option(plan: Plan, group: Group) -> str:
    """Return the option for the pipelines: before Kedro 1.2 `kedro run` takes only one."""
    if not re.match(r"1\.[01]\b", plan.kedro_version):
        return f"--pipelines={','.join(plan.pipelines)}"
    alone = plan.pipelines if len(plan.pipelines) == 1 else group.pipelines
    if len(alone) > 1:
        raise InvalidRequestError(
            f"Group '{group.title}' has nodes of several pipelines ({', '.join(alone)}), and `kedro run` of Kedro "
            f"{plan.kedro_version} takes only one: register one that has them all, or use job_command 'job'."
        )
    return f"--pipeline={alone[0]}"


def _flat(params: Mapping[str, Any], prefix: str = "") -> list[str]:
    pairs = []
    for key, value in params.items():
        if not _PLAIN_KEY.fullmatch(key) or not (_is_plain(value) or (isinstance(value, dict) and value)):
            raise InvalidRequestError(
                f"Parameter '{prefix}{key}' can't be passed by job_command 'kedro-run': {value!r}."
            )
        if isinstance(value, dict):
            pairs += _flat(value, f"{prefix}{key}.")
        else:
            pairs.append(f"{prefix}{key}={value}")
    return pairs


def _is_plain(value: Any) -> bool:
    """Return whether Kedro's command line reads a value as it is: it takes `007` for a number and `on` for true."""
    if isinstance(value, str):
        return bool(_PLAIN_TEXT.fullmatch(value)) and value.lower() not in _YAML_WORDS
    return isinstance(value, (bool, int)) or (isinstance(value, float) and isfinite(value))
