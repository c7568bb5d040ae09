"""The statuses of runs and groups (contract C6), and the policies for a failure."""

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


class OnFailure(str, Enum):
    """What a failed group means for the rest of its run."""

    ABORT = "abort"  #: terminate everything in flight, submit nothing more
    DRAIN = "drain"  #: submit nothing more, let jobs end
    CONTINUE = "continue"  #: go on with what does not depend on the failure
