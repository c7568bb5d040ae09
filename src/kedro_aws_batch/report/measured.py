"""What the jobs of a run have used, from their logs, as far as those can be read."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.events import OWN_LOG_GROUP
from kedro_aws_batch.aws_errors import Call, why_refused
from kedro_aws_batch.container.usage import read_used
from kedro_aws_batch.kept.logs import read_log
from kedro_aws_batch.show.outcome import LAST_WORDS, end_of_log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kedro_aws_batch.client import GroupState
    from kedro_aws_batch.container.usage import Used

#: Logs to read at the same time. GetLogEvents: 10 to 25 a second per account and Region.
AT_ONCE = 8
#: In larger runs, only the jobs that ran longest are read.
MOST = 400


@dataclass(frozen=True)
class Measured:
    """What jobs have used, by the index of their group."""

    used: Mapping[int, Used] = field(default_factory=dict)
    #: The number of jobs whose logs were read, if there were too many to read all.
    looked_at: int = 0
    left_out: int = 0
    #: Why logs could not be read; empty if they could.
    unread: str = ""


def read_streams(logs: Any, groups: Sequence[GroupState]) -> Measured:
    """Return the usage in jobs' logs in CloudWatch: one call of GetLogEvents for each job that has run."""
    ran = _ran(groups)
    refused: list[str] = []
    stop = threading.Event()

    def read(group: GroupState) -> tuple[int, Used | None]:
        if stop.is_set():
            return group.index, None
        found, error = end_of_log(logs, group, LAST_WORDS)
        if error is not None and not _missing(error):
            stop.set()  # a refusal of one holds for all
            place = group.log_group or OWN_LOG_GROUP
            refused.append(why_refused(error, Call(f"read the logs in '{place}'", "logs:GetLogEvents on it")))
        return group.index, read_used(found)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = dict(threads.map(read, ran[:MOST]))
    return _measured(found, ran, refused[0] if refused else "")


def read_files(folder: Path, groups: Sequence[GroupState]) -> Measured:
    """Return the usage in a local run's logs, which lie in a folder."""
    if not folder.is_dir():
        return Measured(unread="The logs of this run are gone.")
    ran = _ran(groups)
    found = {group.index: read_used(line.text for line in read_log(folder, group)) for group in ran[:MOST]}
    return _measured(found, ran)


def _ran(groups: Sequence[GroupState]) -> list[GroupState]:
    """Return the groups whose jobs ended by themselves, longest first: others can't have reported anything."""
    ended = [group for group in groups if group.log_stream and group.status in ("SUCCEEDED", "FAILED")]
    return sorted(ended, key=lambda group: -(group.seconds or 0))


def _measured(found: Mapping[int, Used | None], ran: Sequence[GroupState], unread: str = "") -> Measured:
    known = {index: used for index, used in found.items() if used is not None}
    return Measured(known, len(found), len(ran) - len(found), unread)


def _missing(error: Any) -> bool:
    """Whether a log doesn't exist (any more), which doesn't matter for the others."""
    return bool(getattr(error, "response", {}).get("Error", {}).get("Code") == "ResourceNotFoundException")
