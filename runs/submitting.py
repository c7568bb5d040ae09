"""Submits claimed attempts and records their jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from adapters.ports import Accepted, Ports, Postponed, Rejected
from dag import limits
from dag.plan import Plan
from dag.records import Array, Job, Outcome
from dag.shards import Mark, Shard, by_shard
from dag.submission import pack
from runs.counting import add_marks

WRITE_AT_ONCE = limits.BATCH_WRITE.most
#: A refusal that might pass counts after a claim was taken over so often, minutes apart.
MOST_TAKEOVERS = 4


@dataclass
class Submitted:
    """The results of submitted claims; for the others the result is unknown."""

    job_ids: list[str] = field(default_factory=list)
    accepted: int = 0
    refused: list[Outcome] = field(default_factory=list)
    shards: list[Shard] = field(default_factory=list)


def submit(ports: Ports, plan: Plan, marks: Sequence[Mark]) -> Submitted:
    """Submit claimed attempts and record their jobs.

    An array's members are recorded before it is submitted, so that whoever takes a claim over can find it by name.
    """
    submissions = pack(plan, marks)
    expires_at = ports.expiry()
    for job in submissions:
        if job.is_array:
            ports.table.put_array(plan.run_id, Array(job.marks[0], _attempts(job.marks)), expires_at)
    done = Submitted()
    jobs: list[Job] = []
    arrays: list[Array] = []
    for job, answer in zip(submissions, ports.queue.submit(submissions), strict=True):
        members = _attempts(job.marks)
        if isinstance(answer, Postponed) and job.marks[0].generation < MOST_TAKEOVERS:
            ports.log.warning("job not taken for now", run_id=plan.run_id, reason=answer.reason)
        elif isinstance(answer, (Postponed, Rejected)):
            why = f"Batch refused the job: {answer.reason}"
            done.refused += [Outcome(mark, succeeded=False, reason=why) for mark in members]
        elif isinstance(answer, Accepted):
            done.job_ids.append(answer.job_id)
            done.accepted += len(members)
            if job.is_array:
                arrays.append(Array(job.marks[0], members, answer.job_id, ports.clock.now()))
            else:
                jobs.append(
                    Job(
                        mark=members[0],
                        job_id=answer.job_id,
                        name=job.request["jobName"],
                        submitted_at=ports.clock.now(),
                    )
                )
    done.shards = record(ports, plan.run_id, jobs, arrays)
    return done


def record(ports: Ports, run_id: str, jobs: Sequence[Job], arrays: Sequence[Array]) -> list[Shard]:
    """Record jobs, then mark their attempts submitted; return the shards as they are then."""
    expires_at = ports.expiry()
    for start in range(0, len(jobs), WRITE_AT_ONCE):
        ports.table.put_jobs(run_id, jobs[start : start + WRITE_AT_ONCE], expires_at)
    for array in arrays:
        ports.table.put_array(run_id, array, expires_at)
    marks = [*(job.mark for job in jobs), *(mark for array in arrays for mark in array.members)]
    return [
        add_marks(ports, run_id, shard, {"submitted": [mark.number for mark in members]})
        for shard, members in by_shard(marks).items()
    ]


def _attempts(claims: Iterable[Mark]) -> tuple[Mark, ...]:
    return tuple(Mark(claim.group, claim.attempt) for claim in claims)
