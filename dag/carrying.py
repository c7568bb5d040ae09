"""Which group a container carries on with, and what its job's end means for the groups that it got.

A container that has done its group asks for the next (`next_group`). So a run takes its critical path and one start of
a container, not a start for each group.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatch

from .plan import Plan
from .records import KILLED, Outcome, Worker
from .resources import serves
from .shards import Mark, View

#: The exit code of a container that can't tell whether it got another group (EX_TEMPFAIL of sysexits.h).
UNSURE = 75
#: Its exit code when a group exceeded its own time-out.
TOO_LONG = 79
#: Its exit codes when a group has failed that may not be tried again, though Batch would try the container again.
FAILED_FOR_GOOD, KILLED_FOR_GOOD = 76, 77
#: All of them, and other codes of sysexits.h, in Batch's pattern for exit codes: Batch itself retries none of them.
OURS = "7*"
#: What they mean for the group.
_FOR_GOOD = {FAILED_FOR_GOOD: 1, KILLED_FOR_GOOD: KILLED}
#: Batch's words for a job that exceeded its time-out, for a group that exceeded its own.
TIMED_OUT = "Job attempt duration exceeded timeout"


def suits(plan: Plan, worker: Mark, mark: Mark) -> bool:
    """Return whether a job's container, known by its first attempt, may carry on with another attempt.

    A repetition runs in a container of its own: what failed beside other groups is tried alone.
    """
    if plan.as_before(mark.attempt) is None:
        return False
    return serves(plan.resources(worker.group, worker.attempt), plan.resources(mark.group, mark.attempt))


def best(plan: Plan, worker: Mark, frontier: Iterable[Mark]) -> Mark | None:
    """Return the ready attempt with which a container carries on; they come most urgent first."""
    return next((mark for mark in frontier if suits(plan, worker, mark)), None)


def sooner(plan: Plan, groups: Iterable[int]) -> list[int]:
    """Return the groups whose jobs Batch would start before one of these in its share, by a priority of their own.

    Of those without one Batch need not start the longest path first: containers that carry on save more than that.
    """
    if not plan.priorities:
        return []
    least: dict[tuple[str, str], float] = {}
    for group in groups:
        if (share := _share(plan, group)) is not None:
            least[share] = min(plan.urgency[group], least.get(share, plan.urgency[group]))
    given = ((group, priority, _share(plan, group)) for group, priority in plan.priorities.items())
    return [group for group, priority, share in given if share in least and priority > least[share]]


def _share(plan: Plan, group: int) -> tuple[str, str] | None:
    """Return the queue and the share of a group's job; None if its queue has no shares."""
    resources = plan.groups[group].resources
    share = resources.get("share_identifier")
    return (resources["job_queue"], share) if share else None


def ends(worker: Worker, end: Outcome, view: View) -> list[Outcome]:
    """Return what a job's end means for those of its groups that have no outcome yet.

    A group reported as done has succeeded, however the job ended; the rest ended as the job did. Close the worker
    before, and read the view after that.
    """
    found = []
    for place, mark in sorted(worker.marks.items()):
        if place <= worker.done:
            if not view.has("succeeded", mark):
                found.append(_done(end, mark, place))
        elif not view.ended(mark):
            begun = end.started_at if place == 0 else worker.answered_at
            reason = TIMED_OUT if end.exit_code == TOO_LONG else end.reason
            code = _FOR_GOOD.get(end.exit_code or 0, end.exit_code)
            found.append(replace(end, mark=mark, place=place, started_at=begun, reason=reason, exit_code=code))
    return found


def _done(end: Outcome, mark: Mark, place: int) -> Outcome:
    return Outcome(
        mark,
        succeeded=True,
        job_id=end.job_id,
        name=end.name,
        started_at=end.started_at,
        ended_at=end.ended_at,
        log_stream=end.log_stream,
        log_group=end.log_group,
        place=place,
    )


def repeats(plan: Plan, outcome: Outcome) -> bool:
    """Return whether an attempt is repeated unchanged, since its end is not its group's own fault.

    Either its container couldn't tell whether it got the group, or the attempt ran out of memory after others in the
    container, which may have left less.
    """
    if outcome.succeeded or outcome.cancelled or plan.as_before(outcome.mark.attempt) is None:
        return False
    return outcome.exit_code == UNSURE or (outcome.place > 0 and outcome.out_of_memory)


def passed_on(exit_code: int, *, is_last: bool = False) -> int:
    """Return the exit code with which a container passes on its group's: 1 instead of one that means a container's.

    `is_last` says that the group may not be tried again, though its container may: it has fewer attempts.
    """
    code = 1 if fnmatch(str(exit_code), OURS) else exit_code
    if code and is_last:
        return KILLED_FOR_GOOD if code == KILLED else FAILED_FOR_GOOD
    return code


def limit(plan: Plan, mark: Mark) -> int | None:
    """Return the time limit in seconds of a job whose container carries on; None if its group has no time-out."""
    if plan.resources(mark.group, mark.attempt).get("timeout") is None:
        return None
    return plan.settings.warm_seconds + plan.longest_timeout
