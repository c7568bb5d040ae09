"""What a job has to run, in `KEDRO_AWS_BATCH_JOB`: its payload, or where to ask for it.

Batch starts each job, and each child of an array, by ECS RunTask, whose overrides may have 8,192 characters of JSON.
SubmitJob accepts more, and then the job fails. So a payload goes with the request if it fits, compressed if necessary.
A job whose payload doesn't fit asks the function next_group for it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import variables
from .plan import Group, Plan
from .shards import Mark

FORMAT = 1
#: The format of a payload with slices: an image that doesn't know them would run the whole node in each job.
SLICED_FORMAT = 2
#: The characters of the overrides that we fill. ECS takes 8,192; Batch adds its own variables, and 7,680 were refused.
MOST_CHARACTERS = 7_000
#: The hex digits of each node's signature that a job gets. A payload has to stay small; one node in 16 million is taken
#: for another.
SIGNATURE_DIGITS = 6
#: With more children, we don't try whether an array's payload fits compressed.
_NEVER_FITS = 2_000


def payload(plan: Plan, marks: Sequence[Mark], whom: str | None = None) -> dict[str, Any]:
    """Return the payload of a job of one attempt, or of an array of several.

    `whom` is the key of the job, which may carry on if the run's containers do.
    """
    groups = [plan.groups[mark.group] for mark in marks]
    next_ = {}
    if whom is not None and plan.settings.warm_containers:
        next_ = {"next": {**whom_to_ask(plan, whom), "seconds": plan.settings.warm_seconds}}
    return {
        "format": format_of(groups),
        "run_id": plan.run_id,
        "environment": plan.environment,
        "pipelines": plan.pipelines,
        "params": plan.params,
        "groups": [_entry(plan, mark) for mark in marks],
        **next_,
    }


def next_payload(plan: Plan, container: Mark, mark: Mark) -> dict[str, Any]:
    """Return the payload of a group with which a container, known by its first attempt, carries on.

    If Batch would try the container more often than the group may be tried, it says how often that is.
    """
    told = payload(plan, [mark])
    own, others = (plan.resources(one.group, one.attempt).get("attempts", 1) for one in (mark, container))
    if own < others:
        told["groups"][0]["attempts"] = own
    return told


def _entry(plan: Plan, mark: Mark) -> dict[str, Any]:
    """Return a group's part; from attempt 1 on the job overwrites what an earlier one saved."""
    group = plan.groups[mark.group]
    entry: dict[str, Any] = {
        "nodes": group.nodes,
        "signatures": joined_signatures(group.signatures),
        "load_versions": group.load_versions,
        "pipelines": group.pipelines,
    }
    if mark.attempt:
        entry["attempt"] = mark.attempt
    timeout = group.resources.get("timeout")
    if plan.settings.warm_containers and timeout is not None:
        entry["timeout"] = timeout  # Batch's own is for all groups of the container
    if group.part:
        entry["slice"] = group.part.as_json()
    return entry


def format_of(groups: Iterable[Group]) -> int:
    """Return the format of a payload for these groups."""
    return SLICED_FORMAT if any(group.part for group in groups) else FORMAT


def joined_signatures(signatures: Iterable[str]) -> str:
    """Return the beginnings of nodes' signatures in one text: a job compares its image's nodes with them."""
    return "".join(one[:SIGNATURE_DIGITS] for one in signatures)


def carried(plan: Plan, marks: Sequence[Mark], overrides: Mapping[str, Any]) -> str:
    """Return the variable's value: the payload, else the compressed payload, else where to ask for it.

    `overrides` are the request's other overrides of the container.
    """
    format_ = format_of(plan.groups[mark.group] for mark in marks)
    job = job_key(marks[0], is_array=len(marks) > 1)
    if len(marks) <= _NEVER_FITS:
        text = _dumped(payload(plan, marks, whom=job))
        if fits(overrides, text):
            return text
        packed = _dumped({"format": format_, "packed": base64.b64encode(zlib.compress(text.encode(), 9)).decode()})
        if fits(overrides, packed):
            return packed
    return _dumped({"format": format_, "run_id": plan.run_id, "ask": whom_to_ask(plan, job)})


def unpacked(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload in the variable's JSON, compressed or not."""
    if "packed" not in told:
        return dict(told)
    return dict(json.loads(zlib.decompress(base64.b64decode(told["packed"]))))


def whom_to_ask(plan: Plan, job: str) -> dict[str, str]:
    """Return the function that has the payload, and the job's key and token for it."""
    return {"function": plan.home.next_group, "job": job, "token": token(plan, job)}


def job_key(first: Mark, *, is_array: bool) -> str:
    """Return the key of a job among its run's jobs: `12-0`, or for an array its first claim, like `12-0a1`."""
    return f"{first.group}-{first.attempt}" + (f"a{first.generation}" if is_array else "")


def token(plan: Plan, job: str) -> str:
    """Return the proof for next_group that this job of this run is asking."""
    return hmac.new(plan.home.key.encode(), f"{plan.run_id} {job}".encode(), hashlib.sha256).hexdigest()[:32]


def fits(overrides: Mapping[str, Any], value: str) -> bool:
    """Return whether ECS accepts the overrides with this value of the variable."""
    return characters(overrides, [(variables.JOB, value)]) <= MOST_CHARACTERS


def characters(overrides: Mapping[str, Any], more: Iterable[tuple[str, str]] = ()) -> int:
    """Return how many characters a container's overrides have, as ECS counts: as JSON, escapes included."""
    environment = [*overrides.get("environment", ()), *({"name": name, "value": value} for name, value in more)]
    container = {**overrides, "name": "default", "environment": environment}
    return len(json.dumps({"containerOverrides": [container]}, separators=(",", ":")))


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
