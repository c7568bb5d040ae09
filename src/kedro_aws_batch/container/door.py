"""Where a container asks for its next group."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Door:
    """Whom a container asks for its next group, and its own identity."""

    function: str
    job: str  #: its key among the run's jobs
    token: str
    index: int | None  #: of an array's child
    job_id: str  #: Batch's
    epoch: int  #: which of Batch's attempts this is, from 1
    seconds: int  #: for which the container may carry on
