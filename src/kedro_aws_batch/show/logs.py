"""Jobs' logs from CloudWatch Logs: of each attempt and each child of an array, in order of time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from kedro_aws_batch._service.dag.events import OWN_LOG_GROUP
from kedro_aws_batch.aws_errors import Call, may_pass, why_refused
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.marks import is_mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kedro_aws_batch.client import GroupState
    from kedro_aws_batch.marks import Beginning

#: The most streams of a FilterLogEvents call.
AT_ONCE = 100


@dataclass(frozen=True, order=True)
class LogLine:
    """A line that a job printed."""

    #: Milliseconds since the epoch.
    timestamp: int
    index: int
    text: str = field(compare=False)
    id: str = field(compare=False)
    #: Batch's attempt that printed it, from 1; 0 if there was only one.
    attempt: int = field(default=0, compare=False)


class _Owner(NamedTuple):
    """A group whose job prints to a stream."""

    group: GroupState
    attempt: int
    #: How its lines begin there, if others may print there, too.
    beginning: Beginning | None

    def printed(self, timestamp: int, mark: str | None) -> bool:
        """Return whether a line of that moment is the group's.

        The mark is the last one above it in its stream: empty if there is none, and None if it isn't known.
        """
        group = self.group
        if self.beginning is not None and mark is not None:
            return self.beginning.is_at(mark) if mark else not self.beginning.carried
        if not group.shares_container:
            return True
        return (group.started_at or 0) <= timestamp and (group.ended_at is None or timestamp <= group.ended_at)


def streams_of(group: GroupState) -> list[str]:
    """Return the streams of all attempts of a group, Batch's and ours, oldest first."""
    earlier = [stream for job in group.earlier for stream in job.get("log_streams") or ()]
    latest = group.log_streams or ([group.log_stream] if group.log_stream else [])
    return list(dict.fromkeys([*earlier, *latest]))


@dataclass
class LogReader:
    """Reads the logs of a run's jobs, each line once."""

    logs: Any
    batch: Any
    #: How many lines of each group were read.
    read: Counter[int] = field(default_factory=Counter)
    _seen: dict[str, int] = field(default_factory=dict)
    _groups_of_definitions: dict[str, str] = field(default_factory=dict)

    def lines(self, groups: Sequence[GroupState], since: int = 0) -> list[LogLine]:
        """Return new lines, from a moment on (milliseconds), in order."""
        places: dict[str, dict[str, list[_Owner]]] = {}
        for group in groups:
            streams = streams_of(group)
            for number, stream in enumerate(streams, start=1):
                owners = places.setdefault(self._log_group(group), {}).setdefault(stream, [])
                attempt = number if len(streams) > 1 else 0
                owners.append(_Owner(group, attempt, group.beginning(stream)))
        return sorted(line for place, streams in places.items() for line in self._read(place, streams, since))

    def _read(self, log_group: str, streams: dict[str, list[_Owner]], since: int) -> Iterator[LogLine]:
        names = list(streams)
        marks: dict[str, str | None] = dict.fromkeys(names, None if since else "")
        for begin in range(0, len(names), AT_ONCE):
            for event in self._events(log_group, names[begin : begin + AT_ONCE], since):
                stream = event["logStreamName"]
                if is_mark(event["message"]):
                    marks[stream] = event["message"]
                told = (one for one in streams[stream] if one.printed(event["timestamp"], marks[stream]))
                owner = next(told, None)
                if owner is not None and event["eventId"] not in self._seen:
                    self._seen[event["eventId"]] = event["timestamp"]
                    index, attempt = owner.group.index, owner.attempt
                    self.read[index] += 1
                    yield LogLine(
                        timestamp=event["timestamp"],
                        index=index,
                        text=event["message"],
                        id=event["eventId"],
                        attempt=attempt,
                    )

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
                call = Call(f"read the logs in '{log_group}'", "logs:FilterLogEvents on it")
                raise ServiceError(why_refused(error, call), "Unreachable" if may_pass(error) else "Refused") from error
            if len(streams) > 1:  # one of them is not there yet: the others are
                for stream in streams:
                    yield from self._events(log_group, [stream], since)

    def _log_group(self, group: GroupState) -> str:
        """Return where a job writes: from Batch, else from its definition if we may ask, else Batch's own group."""
        definition = group.job_definition
        if group.log_group or definition is None or self.batch is None:
            return group.log_group or OWN_LOG_GROUP
        if definition not in self._groups_of_definitions:
            self._groups_of_definitions[definition] = self._named_group(definition) or OWN_LOG_GROUP
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
