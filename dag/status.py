"""The statuses of runs and groups, and the policies for a failure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class RunStatus(str, Enum):
    """RUNNING, then exactly one of the others, for good."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class GroupStatus(str, Enum):
    """What has become of a group."""

    WAITING = "WAITING"
    SUBMITTED = "SUBMITTED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"  #: submitted, and terminated by us
    SKIPPED = "SKIPPED"  #: never submitted, and never will be


@dataclass(frozen=True, kw_only=True)
class _Policy:
    word: str  #: in the configuration and in requests
    terminates: bool
    stops_submitting: bool


class OnFailure(str, Enum):
    """What a failed group means for the rest of its run. To add a policy, add its row here and its word to the docs."""

    _value_: str
    terminates: bool  #: whether the run is over at once, and what is in flight is terminated
    stops_submitting: bool  #: whether nothing more is submitted

    def __new__(cls, policy: _Policy) -> OnFailure:
        """Return the policy as its word, with its properties."""
        made = str.__new__(cls, policy.word)
        made._value_ = policy.word
        made.terminates, made.stops_submitting = policy.terminates, policy.stops_submitting
        return made

    ABORT = _Policy(word="abort", terminates=True, stops_submitting=True)
    DRAIN = _Policy(word="drain", terminates=False, stops_submitting=True)
    #: What does not depend on the failure goes on.
    CONTINUE = _Policy(word="continue", terminates=False, stops_submitting=False)
