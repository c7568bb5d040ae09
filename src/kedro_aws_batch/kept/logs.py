"""The logs of a local run: a file for each job, each line with its time, read back like CloudWatch's."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from kedro_aws_batch._service.dag.events import OWN_LOG_GROUP
from kedro_aws_batch._service.dag.status import IN_FLIGHT
from kedro_aws_batch.files import file_name, write_atomically
from kedro_aws_batch.marks import OwnLines
from kedro_aws_batch.show.causes import Causes
from kedro_aws_batch.show.logs import LogLine, streams_of
from kedro_aws_batch.show.outcome import LAST_WORDS

from .place import folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kedro_aws_batch.client import GroupState, RunState
    from kedro_aws_batch.marks import Beginning
    from kedro_aws_batch.show.causes import Read

#: Runs whose logs are kept.
KEPT_LOGS = 20
#: A line's time and, if there were several attempts, the attempt.
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z ")
_ATTEMPT = re.compile(r"#(\d+) ")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def log_name(group: GroupState) -> str:
    """Return the name of the file of a group's log: its index and its first node."""
    return f"{group.index:04d}-{file_name(group.nodes[0], 80)}.log"


def log_file(project: Path, run_id: str, group: GroupState) -> Path:
    """Return a local run's log file of a group's jobs."""
    return folder(project) / "logs" / run_id / log_name(group)


def local_causes(project: Path, read: Read) -> Causes:
    """Return a reader of why the jobs of a project's local runs failed, and of where their logs are."""

    def link(run_id: str, group: GroupState) -> str | None:
        return log_file(project.resolve(), run_id, group).as_uri() if group.log_stream else None

    return Causes(read, link)


def kept_causes(project: Path, run_id: str) -> Causes:
    """Return the same for an ended local run, from the files that it left."""
    place = folder(project) / "logs" / run_id
    return local_causes(project, lambda group: [line.text for line in read_log(place, group)[-LAST_WORDS:]])


@dataclass
class KeptLogs:
    """The logs of a run's jobs: lines are added as jobs print, and a log is rewritten whole when its job has ended."""

    #: The folder of all runs' log folders.
    place: Path
    logs: Any
    _written: dict[str, str] = field(default_factory=dict)
    _read: dict[str, _Stream] = field(default_factory=dict)

    def keep(self, run: RunState) -> None:
        """Write new lines."""
        for group in run.groups:
            if group.log_stream and self._written.get(log_name(group)) != group.log_stream:
                self._keep(self.place / run.run_id, group)

    def _keep(self, folder: Path, group: GroupState) -> None:
        if group.status in IN_FLIGHT:
            self._add(folder / log_name(group), group)
        else:
            save_log(folder, self.logs, group)
            self._written[log_name(group)] = str(group.log_stream)
            _forget_oldest(self.place)

    def _add(self, file: Path, group: GroupState) -> None:
        text = "".join(f"{_stamp(line)}{line.text}\n" for line in _lines(self.logs, group, self._read))
        if text:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8") as lines:
                lines.write(text)


def _forget_oldest(place: Path) -> None:
    for old in sorted(place.iterdir())[:-KEPT_LOGS]:
        shutil.rmtree(old, ignore_errors=True)


def save_log(folder: Path, logs: Any, group: GroupState) -> None:
    """Write the CloudWatch logs of all attempts of a group into its file."""
    text = "".join(f"{_stamp(line)}{line.text}\n" for line in _lines(logs, group, {}))
    write_atomically(folder / log_name(group), text.encode())


def read_log(folder: Path, group: GroupState) -> list[LogLine]:
    """Return the output of a group's jobs, in order; nothing if there is no file."""
    file = folder / log_name(group)
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    several = len(streams_of(group)) > 1
    found: list[LogLine] = []
    for number, line in enumerate(text.split("\n")[:-1]):
        at, said = _read(line)
        attempt = 0
        if at is None and found:  # a printed line contained a line break
            at, attempt = found[-1].timestamp, found[-1].attempt
        elif at is not None and several and (match := _ATTEMPT.match(said)):
            attempt, said = int(match[1]), said[match.end() :]
        found.append(
            LogLine(timestamp=at or 0, index=group.index, text=said, id=f"{group.index}-{number}", attempt=attempt)
        )
    return found


def _stamp(line: LogLine) -> str:
    moment = (_EPOCH + timedelta(milliseconds=line.timestamp)).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='milliseconds')}Z {f'#{line.attempt} ' if line.attempt else ''}"


def _read(line: str) -> tuple[int | None, str]:
    """Return a line's time, if it has one, and its text."""
    match = _TIME.match(line)
    if match is None:
        return None, line
    moment = datetime.fromisoformat(match[1]).replace(tzinfo=timezone.utc)
    return round((moment - _EPOCH) / timedelta(milliseconds=1)), line[match.end() :]


@dataclass
class _Stream:
    """How far a group's stream has been read."""

    #: Knows the group's own lines, if there may be others'.
    following: OwnLines | None
    token: str | None = None

    @classmethod
    def of(cls, beginning: Beginning | None) -> _Stream:
        """Return one that has not been read."""
        return cls(None if beginning is None else OwnLines.from_the_top(beginning))


def _lines(logs: Any, group: GroupState, read: dict[str, _Stream]) -> Iterator[LogLine]:
    """Return a group's own output since its streams were read last, and note how far they have been read now."""
    streams = streams_of(group)
    for number, name in enumerate(streams, start=1):
        attempt = number if len(streams) > 1 else 0
        stream = read.setdefault(f"{group.index} {name}", _Stream.of(group.beginning(name)))
        for event in _events(logs, group.log_group or OWN_LOG_GROUP, name, stream):
            if stream.following is None or stream.following.is_own(event["message"]):
                yield LogLine(
                    timestamp=event["timestamp"], index=group.index, text=event["message"], id="", attempt=attempt
                )


def _events(logs: Any, log_group: str, name: str, stream: _Stream) -> Iterator[dict[str, Any]]:
    request = {"logGroupName": log_group, "logStreamName": name, "startFromHead": True}
    while True:
        token = stream.token
        try:
            page = logs.get_log_events(**request, **({"nextToken": token} if token else {}))
        except ClientError as error:
            if error.response["Error"].get("Code") == "ResourceNotFoundException":
                return  # the job's container hasn't started yet, or never did
            raise
        yield from page["events"]
        stream.token = page["nextForwardToken"]
        if page["nextForwardToken"] == token or not page["events"]:
            return
