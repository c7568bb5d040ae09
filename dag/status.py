"""The statuses of runs, groups and jobs, and the policies for a failure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class RunStatus(str, Enum):
    """RUNNING, then exactly one of the others, for good."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


#: Of a run that is over.
FINAL = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)
#: Of a run that is over and left something to do, which another run may resume.
RESUMABLE = tuple(status for status in FINAL if status is not RunStatus.SUCCEEDED)


class JobStatus(str, Enum):
    """Batch's statuses, in the order in which a job passes through them."""

    SUBMITTED = "SUBMITTED"
    PENDING = "PENDING"
    RUNNABLE = "RUNNABLE"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def ended(self) -> bool:
        """Whether it is final."""
        return self in {JobStatus.SUCCEEDED, JobStatus.FAILED}

    @property
    def started(self) -> bool:
        """Whether there is a process, or about to be one."""
        return self in {JobStatus.STARTING, JobStatus.RUNNING}


class GroupStatus(str, Enum):
    """A group's status."""

    WAITING = "WAITING"
    SUBMITTED = "SUBMITTED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"  #: submitted, and terminated by us
    SKIPPED = "SKIPPED"  #: never submitted, and never will be


#: Of a group whose job Batch has, and which has not ended.
IN_FLIGHT = (GroupStatus.SUBMITTED, GroupStatus.RUNNING)
#: Of a group whose job has ended.
ENDED = (GroupStatus.SUCCEEDED, GroupStatus.FAILED, GroupStatus.CANCELLED)


@dataclass(frozen=True, kw_only=True)
class _Policy:
    word: str  #: in the configuration and in requests
    terminates: bool
    stops_submitting: bool


class OnFailure(str, Enum):
    """What a failed group means for its run. To add a policy, add its row here and its word to the docs."""

    _value_: str
    terminates: bool  #: whether the run is over at once and its jobs in flight are terminated
    stops_submitting: bool  #: whether nothing more is submitted

    def __new__(cls, policy: _Policy) -> OnFailure:
        """Return the policy as its word, with its properties."""
        made = str.__new__(cls, policy.word)
        made._value_ = policy.word
        made.terminates, made.stops_submitting = policy.terminates, policy.stops_submitting
        return made

    ABORT = _Policy(word="abort", terminates=True, stops_submitting=True)
    DRAIN = _Policy(word="drain", terminates=False, stops_submitting=True)
    #: Groups that don't depend on the failure go on.
    CONTINUE = _Policy(word="continue", terminates=False, stops_submitting=False)


def known_policy(word: str | None) -> OnFailure | None:
    """Return the policy of a word; None where a run has none, or one of a later release, of which nothing is known."""
    return next((policy for policy in OnFailure if policy.value == word), None)
