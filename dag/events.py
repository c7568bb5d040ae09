"""Batch's descriptions of jobs, in events' details and in DescribeJobs' answers: they have the same shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .jobs import JobName, read_job_name
from .records import LONGEST_REASON, NO_REASON, Outcome
from .shards import Mark
from .status import JobStatus

#: The default log group of Batch's jobs.
OWN_LOG_GROUP = "/aws/batch/job"
_ENDED = {JobStatus.SUCCEEDED.value: True, JobStatus.FAILED.value: False}


@dataclass(frozen=True)
class JobEnd:
    """The end of one of our jobs."""

    name: JobName
    outcome: Outcome  #: for an array's child, its mark is the first member's until `of_member` finds its own
    index: int | None = None  #: for an array's child

    def of_member(self, members: Sequence[Mark]) -> Outcome | None:
        """Return the outcome of an array's child, given the array's members; None for an index beyond them."""
        if self.index is None or not 0 <= self.index < len(members):
            return None
        return replace(self.outcome, mark=members[self.index])


def read_end(detail: Mapping[str, Any]) -> JobEnd | None:
    """Return how one of our jobs ended, or None for a foreign job, one that has not ended, or an array's parent.

    Unknown fields are ignored, and `container` may be empty: only name, id and status are always there. A field of the
    wrong kind counts as absent, and the job's end still counts.
    """
    name = read_job_name(str(detail.get("jobName", "")))
    if name is None or detail.get("status") not in _ENDED:
        return None
    index = (detail.get("arrayProperties") or {}).get("index")
    if (index is None) != (name.array is None):
        return None  # the children of an array have all of it
    succeeded = _ENDED[detail["status"]]
    attempts = detail.get("attempts") or []
    container = detail.get("container") or (attempts[-1].get("container") if attempts else None) or {}
    outcome = Outcome(
        mark=Mark(name.group, name.attempt),
        succeeded=succeeded,
        reason=None if succeeded else _reason(detail, container),
        job_id=_text(detail.get("jobId")),
        name=detail["jobName"],
        created_at=_whole(detail.get("createdAt")),
        started_at=_whole(attempts[-1].get("startedAt") if len(attempts) > 1 else detail.get("startedAt")),
        ended_at=_whole(detail.get("stoppedAt")),
        exit_code=_whole(container.get("exitCode")),
        log_stream=_text(container.get("logStreamName")),
        log_group=log_group(container),
        earlier_streams=log_streams(detail)[:-1] or None,
        tries=max(1, len(attempts)),
        earlier_times=earlier_times(detail) or None,
    )
    return JobEnd(name, outcome, _whole(index))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    """Return a whole number in the run table's form."""
    return value if type(value) is int and abs(value) < 10**18 else None


def log_group(container: Mapping[str, Any]) -> str | None:
    """Return the log group in a job's definition; None for Batch's own."""
    options = (container.get("logConfiguration") or {}).get("options") or {}
    group = options.get("awslogs-group")
    return None if group in (None, OWN_LOG_GROUP) else str(group)


def log_streams(detail: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the log streams of Batch's attempts, oldest first."""
    containers = [attempt.get("container") or {} for attempt in detail.get("attempts") or []]
    containers.append(detail.get("container") or {})
    names = (_text(one.get("logStreamName")) for one in containers)
    return tuple(dict.fromkeys(name for name in names if name))


def earlier_times(detail: Mapping[str, Any]) -> tuple[int, ...]:
    """Return when Batch's earlier attempts began and ended, in turn, oldest first.

    Attempts whose container never began are left out, and so is the one that the job's own times are of.
    """
    attempts = list(detail.get("attempts") or [])
    if detail.get("status") in _ENDED:
        attempts = attempts[:-1]
    times = [(_whole(one.get("startedAt")), _whole(one.get("stoppedAt"))) for one in attempts]
    return tuple(at for begun, ended in times if begun is not None and ended is not None for at in (begun, ended))


def _reason(detail: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    parts = [part for part in (_text(detail.get("statusReason")), _text(container.get("reason"))) if part]
    return "; ".join(dict.fromkeys(parts))[:LONGEST_REASON] or NO_REASON
