"""What reconcile does for a run: whatever a lost event, a lost submitter or a lost aborter would have done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.ports import Accepted, Rejected
from dag.events import read_job
from dag.plan import Plan
from dag.records import Job, Outcome, Run
from dag.shards import Mark
from dag.status import OnFailure
from dag.submission import submission
from handlers.advance import Dispatcher, announce, read_jobs, record

_DESCRIBE_AT_ONCE = 100  # DescribeJobs
#: ms after which a job that DescribeJobs leaves out is taken for forgotten, not for one too new to be listed.
_FORGOTTEN = 3_600_000


@dataclass
class Repairs:
    """What was put right in a run."""

    events: int = 0  #: ends of jobs that no event had told
    claims: int = 0  #: claims whose submitter was lost
    settled: bool = False


class Recovery:
    """Brings runs back on their way. `lifetime` is the longest that an invocation can live, in ms.

    A claim without a job that has been seen for longer belongs to nobody alive. ListJobs is relied on to show a job
    that was submitted longer ago than that.
    """

    def __init__(self, dispatcher: Dispatcher, lifetime: int) -> None:
        self._dispatcher = dispatcher
        self._ports = dispatcher.ports
        self._lifetime = lifetime

    def recover(self, run_id: str) -> Repairs:
        """Do what is missing in a run, and take it off the list once it is settled."""
        run = self._ports.table.get_run(run_id)
        repairs = Repairs()
        if run is None:
            self._forget_unfinished(run_id)
            return repairs
        plan = self._dispatcher.plan(run_id)
        outcomes = self._take_over(run, plan, repairs)
        outcomes += self._lost_ends(run_id, repairs)
        account = self._dispatcher.reconsider(run_id, outcomes)
        run = account.run or run
        view = self._dispatcher.view(run_id)
        if not run.over and "start" not in run.announced and self._ports.clock.now() - run.created_at > self._lifetime:
            announce(self._ports, plan, run, view)
        if run.over and view.accounted() and "end" in (self._ports.table.get_run(run_id) or run).announced:
            self._ports.table.delete_active(run_id)
            repairs.settled = True
        return repairs

    def _forget_unfinished(self, run_id: str) -> None:
        """Take a run off the list whose creation was never finished, once nobody can finish it but by a new start."""
        suspects = self._ports.table.get_suspects(run_id)
        now = self._ports.clock.now()
        if "creation" not in suspects:
            self._ports.table.put_suspects(run_id, {"creation": now})
        elif now - suspects["creation"] > self._lifetime:
            self._ports.table.delete_active(run_id)

    def _lost_ends(self, run_id: str, repairs: Repairs) -> list[Outcome]:
        """Return the ends of jobs that the shards do not know of."""
        in_flight = self._dispatcher.view(run_id).in_flight()
        jobs = read_jobs(self._ports.table, run_id, in_flight)
        now = self._ports.clock.now()
        lost: list[Outcome] = []
        for start in range(0, len(jobs), _DESCRIBE_AT_ONCE):
            asked = jobs[start : start + _DESCRIBE_AT_ONCE]
            described = {
                str(detail["jobId"]): detail for detail in self._ports.queue.describe([j.job_id for j in asked])
            }
            for job in asked:
                if job.job_id in described:
                    end = read_job(described[job.job_id])
                    lost += [end.outcome] if end else []
                elif now - job.submitted_at > _FORGOTTEN:
                    reason = "Batch no longer knows the job, and its end was never told"
                    lost.append(Outcome(job.mark, succeeded=False, reason=reason, job_id=job.job_id, name=job.name))
        repairs.events += len(lost)
        return lost

    def _take_over(self, run: Run, plan: Plan, repairs: Repairs) -> list[Outcome]:
        """Settle the claims of lost submitters; return those that come to an end by it."""
        outcomes: list[Outcome] = []
        for mark in self._abandoned(run.run_id):
            taken = Mark(mark.group, mark.attempt, mark.generation + 1)
            if self._ports.table.take_over(run.run_id, taken.shard, taken.number):
                repairs.claims += 1
                outcomes += self._settle_claim(plan, Mark(mark.group, mark.attempt))
        return outcomes

    def _abandoned(self, run_id: str) -> list[Mark]:
        """Return the claims without a job that have been seen for longer than an invocation can live.

        That a claim was seen at a time stays true for good, so two reconcilers may overwrite each other's list.
        """
        table, now = self._ports.table, self._ports.clock.now()
        claims = self._dispatcher.view(run_id).open_claims()
        if not claims:
            return []
        seen = table.get_suspects(run_id)
        suspects = {_name(mark): min(now, seen.get(_name(mark), now)) for mark in claims}
        if suspects != seen:
            table.put_suspects(run_id, suspects)
        return [mark for mark in claims if now - suspects[_name(mark)] > self._lifetime]

    def _settle_claim(self, plan: Plan, mark: Mark) -> list[Outcome]:
        """Adopt the job of a claim that we have taken over, submit it, or account for it as never submitted."""
        name = plan.job_name(mark.group, mark.attempt)
        found = self._ports.queue.find(plan.groups[mark.group].resources["job_queue"], name)
        run = self._ports.table.get_run(plan.run_id)
        if found:
            self._record(plan.run_id, Job(mark, found[0], name, self._ports.clock.now()))
            return []
        if run is None or run.over or (run.failure and plan.settings.on_failure is OnFailure.DRAIN):
            return [Outcome(mark, succeeded=False, reason="it was never submitted", never_submitted=True)]
        (answer,) = self._ports.queue.submit([submission(plan, mark)])
        if isinstance(answer, Accepted):
            self._record(plan.run_id, Job(mark, answer.job_id, name, self._ports.clock.now()))
        elif isinstance(answer, Rejected):
            return [Outcome(mark, succeeded=False, reason=f"Batch refused the job: {answer.reason}")]
        return []

    def _record(self, run_id: str, job: Job) -> None:
        """Write a job down. That the run was ended meanwhile is seen by the advance that follows, which reads after."""
        record(self._ports, run_id, [job], self._ports.clock.now() // 1000 + self._ports.retention)


def _name(mark: Mark) -> str:
    return f"{mark.group}-{mark.attempt}-{mark.generation}"


def in_turn(run_ids: Sequence[str], now: int) -> list[str]:
    """Return the runs beginning at another one each minute, so that none is starved when time runs short."""
    if not run_ids:
        return []
    start = now // 60_000 * 7919 % len(run_ids)
    return [*run_ids[start:], *run_ids[:start]]
