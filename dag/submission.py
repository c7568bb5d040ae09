"""What SubmitJob is asked for an attempt of a group."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from . import limits
from .errors import InvalidRequestError
from .plan import Group, Plan
from .resources import written
from .shards import Mark

FORMAT = 1
#: The rest is left to what the client adds round the body.
LARGEST_REQUEST = limits.SUBMIT_BYTES.most - 256
#: Of each node's signature a job gets so many hex digits: a payload has to stay small, and one node in 16 million is
#: taken for another.
SIGNATURE_DIGITS = 6

#: A host that AWS reclaims is no fault of the program: try again elsewhere, and nothing but that, unless `attempts`
#: asks for more. The reasons are those that Batch documents for EC2 hosts and for Fargate Spot.
RETRY_RECLAIMED_HOSTS: Sequence[Mapping[str, str]] = (
    {"onStatusReason": "Host EC2*", "action": "RETRY"},
    {"onStatusReason": "Your Spot Task was interrupted*", "action": "RETRY"},
    {"onReason": "Your Spot Task was interrupted*", "action": "RETRY"},
    {"onReason": "*", "action": "EXIT"},
)
_TRIES_FOR_RECLAIMED_HOSTS = 3


#: From so many alike groups on they go as one array job; fewer keep jobs of their own, with names that people can read.
#: Few, because a function sees the ends of ten jobs at a time, after which hardly ever ten groups are ready: with 10, a
#: run of 200 jobs in 10 layers made 90 requests of Batch, with 3 it makes 33, and no other figure is worse.
ARRAY_FROM = 3
LARGEST_ARRAY = limits.ARRAY_SIZE.most


#: What `kedro run --params` takes for what it looks like.
_PLAIN_KEY = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_PLAIN_TEXT = re.compile(r"[A-Za-z_/](?:[\w./+=@%-]| (?=\S)|:(?=\S))*", re.ASCII)
_YAML_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


@dataclass(frozen=True)
class Submission:
    """A job to submit: of one attempt, or an array of several."""

    marks: tuple[Mark, ...]  #: claims, their generations included
    request: Mapping[str, Any]  #: the arguments of SubmitJob

    @property
    def is_array(self) -> bool:
        """Return whether each mark is a child of an array job."""
        return len(self.marks) > 1


def pack(plan: Plan, marks: Sequence[Mark]) -> list[Submission]:
    """Return the jobs that run the attempts: arrays of alike ones, in pieces that fit a request, and single jobs.

    Alike are attempts that ask the same of Batch. The order is that of the first attempt in each job.
    """
    if not plan.settings.array_jobs or plan.settings.job_command != "job" or len(marks) < ARRAY_FROM:
        return [submission(plan, mark) for mark in marks]
    alike: dict[str, list[Mark]] = {}
    for mark in marks:
        alike.setdefault(json.dumps(plan.resources(mark.group, mark.attempt), sort_keys=True), []).append(mark)
    order = {mark: place for place, mark in enumerate(marks)}
    packed: list[Submission] = []
    for members in alike.values():
        if len(members) < ARRAY_FROM:
            packed += [submission(plan, mark) for mark in members]
        else:
            packed += [array_submission(plan, piece) for piece in _pieces(plan, members)]
    return sorted(packed, key=lambda job: order[job.marks[0]])


def submission(plan: Plan, mark: Mark) -> Submission:
    """Return the single job that runs an attempt of a group."""
    group = plan.groups[mark.group]
    command = kedro_run(plan, group) if plan.settings.job_command == "kedro-run" else None
    request = _request(plan, [mark], plan.job_name(mark.group, mark.attempt), command)
    return Submission((mark,), request)


def array_submission(plan: Plan, marks: Sequence[Mark]) -> Submission:
    """Return the array job that runs alike attempts, one a child."""
    if len(marks) == 1:
        return submission(plan, marks[0])  # Batch's arrays have at least two children
    request = _request(plan, marks, plan.array_name(marks[0]), None)
    return Submission(tuple(marks), {**request, "arrayProperties": {"size": len(marks)}})


def urgency(plan: Plan, mark: Mark) -> int:
    """Return a group's place on the critical path as a priority in a fair-share queue: 9999 for its start."""
    return round(9999 * plan.remaining[mark.group] / plan.longest) if plan.longest else 0


def _pieces(plan: Plan, marks: Sequence[Mark]) -> Iterator[Sequence[Mark]]:
    """Yield the marks in pieces of which each fits a request."""
    base = _size(array_submission(plan, marks[:1]).request) + 64  # an array's own fields
    piece: list[Mark] = []
    size = base
    for mark in marks:
        weight = _size(payload_entry(plan.groups[mark.group], mark.attempt))
        if piece and (size + weight > LARGEST_REQUEST or len(piece) == LARGEST_ARRAY):
            yield piece
            piece, size = [], base
        piece.append(mark)
        size += weight
    yield piece


def _size(value: Any) -> int:
    """Return the bytes that a value takes in a request's body, as boto3 writes it."""
    return len(json.dumps(value).encode())


def _request(plan: Plan, marks: Sequence[Mark], name: str, command: Sequence[str] | None) -> dict[str, Any]:
    resources = plan.resources(marks[0].group, marks[0].attempt)
    asked = written(resources)
    request: dict[str, Any] = {
        "jobName": name,
        **asked,
        "containerOverrides": _container(plan, marks, asked.get("containerOverrides", {}), command),
        "retryStrategy": retry_strategy(resources.get("attempts", 1)),
        "tags": {"kedro-project": plan.project, "kedro-run-id": plan.run_id},
        "propagateTags": True,
    }
    if "shareIdentifier" in request:
        request.setdefault("schedulingPriorityOverride", urgency(plan, marks[0]))
    return request


def refuse_oversized(plan: Plan) -> None:
    """Raise InvalidRequestError when a group's job could not be submitted, so that nothing is started."""
    largest = max(range(len(plan.groups)), key=lambda index: _weight(plan.groups[index]))
    size = len(json.dumps(submission(plan, Mark(largest)).request).encode())
    if size > LARGEST_REQUEST:
        raise InvalidRequestError(
            f"The job of group '{plan.groups[largest].title}' would be a request of {size:,} bytes, "
            f"and SubmitJob accepts {LARGEST_REQUEST:,}. "
            f"The run's parameters take {len(json.dumps(plan.params)):,} of them: "
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


def payload(plan: Plan, marks: Sequence[Mark]) -> str:
    """Return what a job finds in KEDRO_AWS_BATCH_JOB, for one attempt or for an array of them."""
    shared = {
        "format": FORMAT,
        "run_id": plan.run_id,
        "environment": plan.environment,
        "pipelines": plan.pipelines,
        "params": plan.params,
    }
    entries = ",".join(payload_entry(plan.groups[mark.group], mark.attempt) for mark in marks)
    return f'{json.dumps(shared, ensure_ascii=False, separators=(",", ":"))[:-1]},"groups":[{entries}]}}'


def payload_entry(group: Group, attempt: int) -> str:
    """Return a group's part of the payload; from attempt 1 on the job overwrites what an earlier one saved."""
    entry: dict[str, Any] = {
        "nodes": group.nodes,
        "signatures": joined_signatures(group.signatures),
        "load_versions": group.load_versions,
        "pipelines": group.pipelines,
    }
    if attempt:
        entry["attempt"] = attempt
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))


def joined_signatures(signatures: Iterable[str]) -> str:
    """Return the beginnings of nodes' signatures in one text: a job tells by them whether its image has these nodes."""
    return "".join(one[:SIGNATURE_DIGITS] for one in signatures)


def _container(
    plan: Plan, marks: Sequence[Mark], asked: Mapping[str, Any], command: Sequence[str] | None
) -> Mapping[str, Any]:
    ours = {"KEDRO_DISABLE_TELEMETRY": "1"}
    if command is None:
        command = ["python", "-m", "kedro_aws_batch.job"]
        ours["KEDRO_AWS_BATCH_JOB"] = payload(plan, marks)
    environment = {**ours, **{one["name"]: one["value"] for one in asked.get("environment", ())}}
    return {
        **asked,
        "command": list(command),
        "environment": [{"name": name, "value": value} for name, value in sorted(environment.items())],
    }


def kedro_run(plan: Plan, group: Group) -> list[str]:
    """Return the plain command for images without this package.

    Raises InvalidRequestError for what the command line can't carry: commas in names, parameters that are not plain.
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
    command.append(f"--pipelines={','.join(plan.pipelines)}")
    params = {key: value for key, value in plan.params.items() if key != "aws_batch"}
    if params:
        command.append("--params=" + ",".join(_flat(params)))
    return command


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
    """Return whether Kedro's command line reads a value as what it is: there `007` is a number and `on` is true."""
    if isinstance(value, str):
        return bool(_PLAIN_TEXT.fullmatch(value)) and value.lower() not in _YAML_WORDS
    return isinstance(value, (bool, int)) or (isinstance(value, float) and isfinite(value))
