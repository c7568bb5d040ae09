"""What jobs print, from CloudWatch Logs: of each attempt, of each child of an array, in the order in which it came."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from kedro_aws_batch.errors import ServiceError

from .outcome import LOG_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kedro_aws_batch.client import GroupState

#: FilterLogEvents takes no more streams; DescribeJobs no more jobs.
AT_ONCE = 100


@dataclass(frozen=True, order=True)
class Line:
    """A line that a job printed."""

    #: Milliseconds since the epoch.
    timestamp: int
    index: int
    text: str = field(compare=False)
    id: str = field(compare=False)
    #: Which of Batch's attempts printed it, from 1; 0 where there was but one.
    attempt: int = field(default=0, compare=False)


@dataclass
class LogReader:
    """Reads the logs of a run's jobs, each line once."""

    logs: Any
    batch: Any
    _seen: dict[str, int] = field(default_factory=dict)
    _groups_of_definitions: dict[str, str] = field(default_factory=dict)
    _streams: dict[str, list[str]] = field(default_factory=dict)

    def lines(self, groups: Sequence[GroupState], since: int = 0) -> list[Line]:
        """Return what is new, from a moment on (milliseconds), in order."""
        places: dict[str, dict[str, tuple[int, int]]] = {}
        for group in groups:
            streams = self._streams_of(group)
            for number, stream in enumerate(streams, start=1):
                place = places.setdefault(self._log_group(group.job_definition), {})
                place[stream] = (group.index, number if len(streams) > 1 else 0)
        return sorted(line for place, streams in places.items() for line in self._read(place, streams, since))

    def _read(self, log_group: str, streams: dict[str, tuple[int, int]], since: int) -> Iterator[Line]:
        names = list(streams)
        for begin in range(0, len(names), AT_ONCE):
            for event in self._events(log_group, names[begin : begin + AT_ONCE], since):
                if event["eventId"] not in self._seen:
                    self._seen[event["eventId"]] = event["timestamp"]
                    index, attempt = streams[event["logStreamName"]]
                    yield Line(event["timestamp"], index, event["message"], event["eventId"], attempt)

    def _events(self, log_group: str, streams: Sequence[str], since: int) -> Iterator[dict[str, Any]]:
        request: dict[str, Any] = {"logGroupName": log_group, "logStreamNames": list(streams), "startTime": since}
        try:
            while True:
                page = self.logs.filter_log_events(**request)
                yield from page["events"]
                if not page.get("nextToken"):
                    return
                request["nextToken"] = page["nextToken"]
        except (ClientError, BotoCoreError) as error:
            code = error.response["Error"].get("Code") if isinstance(error, ClientError) else None
            if code != "ResourceNotFoundException":
                raise ServiceError(f"Logs of group '{log_group}' can't be read: {error}", "Refused") from error
            if len(streams) > 1:  # one of them is not there yet: the others are
                for stream in streams:
                    yield from self._events(log_group, [stream], since)

    def _streams_of(self, group: GroupState) -> list[str]:
        """Return the streams of a job's attempts, oldest first; of a finished one they stay what they are."""
        known = self._streams.get(group.job_id or "")
        if known is not None:
            return known
        found = self._attempts(group) or ([group.log_stream] if group.log_stream else [])
        if group.job_id and group.ended_at is not None:
            self._streams[group.job_id] = found
        return found

    def _attempts(self, group: GroupState) -> list[str]:
        if self.batch is None or not group.job_id:
            return []
        try:
            jobs = self.batch.describe_jobs(jobs=[group.job_id])["jobs"]
        except (ClientError, BotoCoreError):  # not allowed, or forgotten: the stream that the service knows must do
            return []
        containers = [attempt.get("container", {}) for job in jobs for attempt in job.get("attempts", [])]
        containers += [job.get("container") or {} for job in jobs]
        return list(dict.fromkeys(one["logStreamName"] for one in containers if one.get("logStreamName")))

    def _log_group(self, definition: str | None) -> str:
        """Return the log group that a job definition names, or Batch's own."""
        if definition is None or self.batch is None:
            return LOG_GROUP
        if definition not in self._groups_of_definitions:
            self._groups_of_definitions[definition] = self._named_group(definition) or LOG_GROUP
        return self._groups_of_definitions[definition]

    def _named_group(self, definition: str) -> str | None:
        try:
            found = self.batch.describe_job_definitions(jobDefinitionName=definition, status="ACTIVE")["jobDefinitions"]
        except (ClientError, BotoCoreError):
            return None
        newest: Mapping[str, Any] = max(found, key=lambda one: one.get("revision", 0), default={})
        options = ((newest.get("containerProperties") or {}).get("logConfiguration") or {}).get("options") or {}
        name = options.get("awslogs-group")
        return None if name is None else str(name)
