"""What jobs' ends mean for their groups, where containers carry on: a job has more than one.

A job's end is the end of whichever of its groups has not ended. Whoever merges it first closes the job's item, so
that it gets no more answers, and follows what the item says then.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from adapters.ports import Ports
from dag import carrying, limits
from dag.plan import Plan
from dag.records import Outcome, Worker, read_slot, slot
from dag.shards import View
from runs.reading import read_jobs


@dataclass
class Ends:
    """Ended attempts, and ended containers, each of which frees its place among `max_workers`."""

    outcomes: list[Outcome] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


def conclude(ports: Ports, plan: Plan, ends: Sequence[Outcome]) -> Ends:
    """Return what jobs' ends mean for all their groups, without groups that have an outcome already.

    The mark of an end is the attempt that the job was submitted for, or any other that it got. An attempt that ended
    without a job, because Batch refused it, ended alone.
    """
    ended = Ends()
    by_job = {end.job_id: end for end in ends if end.job_id is not None}
    for end in ends:
        if end.job_id is None:
            ended.outcomes.append(end)
            ended.places.append(slot(end.mark))
    expires_at = ports.expiry()
    closed = [(ports.table.close_worker(plan.run_id, end.mark, end, expires_at), end) for end in by_job.values()]
    view = _view(ports, plan.run_id, [worker for worker, _ in closed])
    for worker, end in closed:
        outcomes = carrying.ends(worker, end, view)
        ended.outcomes += outcomes
        ended.places.append(slot(worker.first))
        # Others may have taken one for a group when it was this container's already.
        ended.places += [slot(outcome.mark) for outcome in outcomes]
    return ended


def _view(ports: Ports, run_id: str, workers: Sequence[Worker]) -> View:
    """Return the shards of the workers' last groups, read after the workers were closed."""
    shards = sorted({mark.shard for worker in workers for mark in worker.marks.values()})
    view = View()
    for start in range(0, len(shards), limits.BATCH_GET.most):
        for shard in ports.table.get_shards(run_id, shards[start : start + limits.BATCH_GET.most]):
            view.add(shard)
    return view


def idle(ports: Ports, plan: Plan, places: Collection[int], view: View) -> list[int]:
    """Return the places whose containers have ended though nobody has freed the places.

    A place belongs to a job, known by the attempt that it was submitted for; that may have ended long before the job.
    """
    ended = [mark for mark in map(read_slot, places) if view.ended(mark)][: limits.BATCH_GET.most]
    jobs = sorted({job.job_id for job in read_jobs(ports.table, plan, ended)})
    at_work = {worker.first for worker in ports.table.get_workers(plan.run_id, jobs) if not worker.closed}
    return [slot(mark) for mark in ended if mark not in at_work]
