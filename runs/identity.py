"""Finds out whether an event is of one of our jobs. A name proves nothing: whoever may submit jobs can repeat one.

The recorded id decides. If there is none yet, the job's submitter may still be at work, or be lost. Then the oldest
job of the name is ours, if we claimed its attempt, since a copy can only be made of an existing job.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from dag import limits
from dag.events import JobEnd
from dag.jobs import name_prefix
from dag.plan import Plan
from dag.records import Array, Job, Outcome
from dag.shards import Mark
from runs.advance import Dispatcher
from runs.submitting import record


@dataclass
class Identified:
    """The ends of jobs, sorted."""

    ours: list[Outcome] = field(default_factory=list)
    foreign: list[JobEnd] = field(default_factory=list)
    unsure: list[JobEnd] = field(default_factory=list)  #: of jobs that ListJobs does not show yet: ask again


def identify(dispatcher: Dispatcher, run_id: str, ends: Sequence[JobEnd]) -> Identified:
    """Return the ends of the run's own jobs, and record jobs found to be ours."""
    found = Identified()
    plan = dispatcher.plan(run_id)
    known = [end for end in ends if end.name.group < len(plan.groups)]
    found.foreign += [end for end in ends if end.name.group >= len(plan.groups)]
    recorded = _recorded(dispatcher, run_id, [end.outcome.mark for end in known if end.name.array is None])
    unrecorded: list[JobEnd] = []
    for end in known:
        array = None if end.name.array is None else dispatcher.array(run_id, _first(end))
        job_id = recorded.get(end.outcome.mark) if array is None else array.job_id
        if end.name.array is not None and array is None:
            found.foreign.append(end)
        elif job_id is None:
            unrecorded.append(end)
        else:
            _sort(end, job_id, array, found)
    _look(dispatcher, plan, unrecorded, found)
    return found


def _sort(end: JobEnd, job_id: str, array: Array | None, found: Identified) -> None:
    outcome = end.outcome if array is None else end.of_member(array.members)
    if outcome is None or _submitted_id(end) != job_id:
        found.foreign.append(end)
    else:
        found.ours.append(outcome)


def _submitted_id(end: JobEnd) -> str:
    """Return the id from SubmitJob: for an array's child its parent's."""
    return (end.outcome.job_id or "").partition(":")[0]


def _first(end: JobEnd) -> Mark:
    return Mark(end.name.group, end.name.attempt, end.name.array or 0)


def _recorded(dispatcher: Dispatcher, run_id: str, marks: Sequence[Mark]) -> dict[Mark, str]:
    most = limits.BATCH_GET.most
    unique = list(dict.fromkeys(marks))
    pieces = [unique[start : start + most] for start in range(0, len(unique), most)]
    jobs = [job for piece in pieces for job in dispatcher.ports.table.get_jobs(run_id, piece)]
    return {job.mark: job.job_id for job in jobs}


def _look(dispatcher: Dispatcher, plan: Plan, ends: Sequence[JobEnd], found: Identified) -> None:
    """Sort the ends of unrecorded jobs, and record those that are ours."""
    claimed = _claimed(dispatcher, plan.run_id, ends)
    there = _oldest(dispatcher, plan, [end for end in ends if _first(end) in claimed])
    jobs: dict[Mark, Job] = {}
    arrays: dict[Mark, Array] = {}
    now = dispatcher.ports.clock.now()
    for end in ends:
        job_id = there.get(_name(plan, end))
        if _first(end) not in claimed:
            found.foreign.append(end)
        elif job_id is None:
            found.unsure.append(end)
        else:
            array = None if end.name.array is None else dispatcher.array(plan.run_id, _first(end))
            _sort(end, job_id, array, found)
            if array is None:
                jobs[end.outcome.mark] = Job(
                    mark=end.outcome.mark, job_id=job_id, name=_name(plan, end), submitted_at=now
                )
            else:
                arrays[array.first] = replace(array, job_id=job_id, submitted_at=now)
    record(dispatcher.ports, plan.run_id, list(jobs.values()), list(arrays.values()))


def _claimed(dispatcher: Dispatcher, run_id: str, ends: Sequence[JobEnd]) -> set[Mark]:
    """Return the claims in the shards of the jobs' first attempts. A takeover adds one, and leaves the first."""
    shards = sorted({_first(end).shard for end in ends})
    most = limits.BATCH_GET.most
    pieces = [shards[start : start + most] for start in range(0, len(shards), most)]
    read = [shard for piece in pieces for shard in dispatcher.ports.table.get_shards(run_id, piece)]
    return {claim for shard in read for claim in shard.marks("claimed")}


def _oldest(dispatcher: Dispatcher, plan: Plan, ends: Sequence[JobEnd]) -> dict[str, str]:
    by_queue: dict[str, set[str]] = {}
    for end in ends:
        queue = plan.groups[end.name.group].resources["job_queue"]
        by_queue.setdefault(queue, set()).add(_name(plan, end))
    return dict(_pairs(dispatcher, plan, by_queue))


def _pairs(dispatcher: Dispatcher, plan: Plan, by_queue: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    for queue, names in by_queue.items():
        yield from dispatcher.ports.queue.find(queue, sorted(names), name_prefix(plan.project, plan.run_id)).items()


def _name(plan: Plan, end: JobEnd) -> str:
    first = _first(end)
    return plan.job_name(first.group, first.attempt) if end.name.array is None else plan.array_name(first)
