"""What Batch says of a job, in an event's detail or in an answer of DescribeJobs: they are of one shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dag.jobs import JobName, read_job_name
from dag.records import LONGEST_REASON, Outcome
from dag.shards import Mark

_ENDED = {"SUCCEEDED": True, "FAILED": False}


@dataclass(frozen=True)
class JobEnd:
    """The end of one of our jobs."""

    name: JobName
    outcome: Outcome


def read_job(detail: Mapping[str, Any]) -> JobEnd | None:
    """Return how one of our jobs ended, or None for a foreign job or one that has not ended.

    Unknown fields are passed by, and `container` may be empty: only name, id and status are sure to be there.
    """
    name = read_job_name(str(detail.get("jobName", "")))
    if name is None or detail.get("status") not in _ENDED:
        return None
    succeeded = _ENDED[detail["status"]]
    attempts = detail.get("attempts") or []
    container = detail.get("container") or (attempts[-1].get("container") if attempts else None) or {}
    outcome = Outcome(
        Mark(name.group, name.attempt),
        succeeded,
        None if succeeded else _reason(detail, container),
        detail.get("jobId"),
        detail["jobName"],
        detail.get("createdAt"),
        detail.get("startedAt"),
        detail.get("stoppedAt"),
        container.get("exitCode"),
        container.get("logStreamName"),
        max(1, len(attempts)),
    )
    return JobEnd(name, outcome)


def _reason(detail: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    parts = [part for part in (detail.get("statusReason"), container.get("reason")) if part]
    return "; ".join(dict.fromkeys(parts))[:LONGEST_REASON] or "Batch gives no reason"
