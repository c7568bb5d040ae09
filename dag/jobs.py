"""Jobs' names and what they tell.

The name is the only thing of ours that every event has, so it contains project, run, group and attempt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

from . import limits
from .shards import Mark

LONGEST_NAME = limits.JOB_NAME_LENGTH.most

_NAME = re.compile(
    r"(?P<project>[A-Za-z0-9][A-Za-z0-9_-]*?)--"
    r"(?P<run>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z)--"
    r"(?P<group>\d+)-(?P<attempt>\d+)(?:a(?P<array>\d+))?(?:--.*)?"
)
_KEY = re.compile(r"(?P<group>\d+)-(?P<attempt>\d+)(?:a(?P<array>\d+))?")
_RUN = re.compile(r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z")


@dataclass(frozen=True)
class JobName:
    """The parts of a job's name."""

    project: str
    run_id: str
    group: int  #: for an array job, its first member
    attempt: int
    array: int | None = (
        None  #: for an array job, the generation of the claim on its first member, so that the name is unique
    )

    def write(self, slug: str) -> str:
        """Return the name for Batch. The slug is for people, and is cut to fit the limit."""
        array = "" if self.array is None else f"a{self.array}"
        stem = f"{name_prefix(self.project, self.run_id)}{self.group}-{self.attempt}{array}--"
        return (stem + re.sub(r"[^A-Za-z0-9_]+", "-", slug).strip("-"))[:LONGEST_NAME].rstrip("-")


def name_prefix(project: str, run_id: str) -> str:
    """Return the prefix of all job names of a run; the group's index follows."""
    return f"{project}--{run_id.replace('.', '-').replace(':', '-')}--"


def read_job_name(name: str) -> JobName | None:
    """Return the parts of a job name, or None if it isn't one of ours."""
    match = _NAME.fullmatch(name)
    if not match:
        return None
    date, _, time = match["run"].partition("T")
    run_id = f"{date}T{time.replace('-', '.')}"
    array = None if match["array"] is None else int(match["array"])
    return JobName(
        project=match["project"], run_id=run_id, group=int(match["group"]), attempt=int(match["attempt"]), array=array
    )


def read_job_key(key: str) -> tuple[Mark, bool]:
    """Return the first attempt of the job with this key among the run's jobs, and whether the job is an array.

    For an array it is the claim on the first attempt, generation included. Raises ValueError for an invalid key.
    """
    match = _KEY.fullmatch(key)
    if not match:
        raise ValueError(f"'{key}' is not a job's key")
    return Mark(int(match["group"]), int(match["attempt"]), int(match["array"] or 0)), match["array"] is not None


def run_id_at(milliseconds: int, later: int = 0) -> str:
    """Return the run id for a moment, in Kedro's timestamp form; `later` ms after it, if another run has that id."""
    seconds, thousandths = divmod(milliseconds + later, 1000)
    return f"{datetime.fromtimestamp(seconds, tz=timezone.utc):%Y-%m-%dT%H.%M.%S}.{thousandths:03d}Z"


def run_moment(run_id: str) -> int:
    """Return the ms since the epoch in a run id."""
    moment = datetime.strptime(run_id, "%Y-%m-%dT%H.%M.%S.%fZ").replace(tzinfo=timezone.utc)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def is_run_id(text: str) -> bool:
    """Return whether a text has the form of a run id."""
    return _RUN.fullmatch(text) is not None


def run_id_in(text: str) -> str | None:
    """Return the first run id that stands in a text."""
    match = _RUN.search(text)
    return match[0] if match else None


def may_begin_run_id(text: str) -> bool:
    """Return whether a text may be the beginning of a run id, for people who don't write all of it: its year does."""
    return re.match(r"\d{4}-", text) is not None
