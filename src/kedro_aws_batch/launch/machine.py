"""What the jobs of a local run ask of this machine."""

from __future__ import annotations

import os
from math import ceil
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.configuration import read_overrides

if TYPE_CHECKING:
    from collections.abc import Mapping


def asked_of_jobs(document: Mapping[str, Any], params: Mapping[str, Any], key: str) -> set[Any]:
    """Return all values of a key that jobs may ask for, from the project and from a run's parameters."""
    of_nodes = {node["resources"][key] for node in document["nodes"] if key in node["resources"]}
    return of_nodes | read_overrides(params)[0].named(key)


def workers_here(document: Mapping[str, Any], request: Mapping[str, Any]) -> int | None:
    """Return how many containers of a run may be in flight here; None if the project or the request says it already.

    Where containers carry on, no more are submitted than can be at work. Others would have to wait for their vCPUs, and
    would then start for groups that a container at work could have carried on with. Each queue has vCPUs of its own,
    and no container of one carries on with a group of another.
    """
    params = request.get("params", {})
    told = {**document["run"], **read_overrides(params)[0].settings, **request}
    if not told["warm_containers"] or told.get("max_workers") is not None:
        return None
    of_a_queue = max(1, int(vcpus_here(document, params) / min([1, *asked_of_jobs(document, params, "vcpus")])))
    usual = {document["run"]["job_queue"] for node in document["nodes"] if "job_queue" not in node["resources"]}
    return of_a_queue * len(usual | asked_of_jobs(document, params, "job_queue"))


def vcpus_here(document: Mapping[str, Any], params: Mapping[str, Any]) -> int:
    """Return the vCPUs that jobs share: this machine's, or the largest job's if that needs more."""
    largest = max(asked_of_jobs(document, params, "vcpus"), default=1)
    return max(os.cpu_count() or 1, ceil(float(largest)))
