"""What reconcile does for a run: whatever a lost event, a lost submitter or a lost aborter would have done."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dag import limits
from dag.events import read_job
from dag.plan import Plan
from dag.records import Array, Job, Outcome, Run
from dag.shards import Mark, View, by_shard
from runs.advance import RESERVE, Dispatcher
from runs.announcing import announce
from runs.counting import Count
from runs.reading import read_arrays, read_jobs
from runs.submitting import record, submit

_DESCRIBE_AT_ONCE = limits.DESCRIBE_JOBS.most
_RUNS_AT_ONCE = limits.BATCH_GET.most
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
        view = self._dispatcher.view(run_id)
        outcomes = self._take_over(run, plan, view, repairs)
        if repairs.claims:
            view = self._dispatcher.view(run_id)
        outcomes += self._lost_ends(plan, view, repairs)
        run = self._dispatcher.reconsider(run_id, outcomes).run or run
        if not run.over and "start" not in run.announced and self._ports.clock.now() - run.created_at > self._lifetime:
            announce(self._ports, plan, run, self._dispatcher.view(run_id))
        if run.over and self._is_settled(run_id):
            self._ports.table.delete_active(run_id)
            repairs.settled = True
        return repairs

    def _is_settled(self, run_id: str) -> bool:
        """Return whether a run that is over has no job in flight, no open claim, and its end announced."""
        if not self._dispatcher.view(run_id).accounted():
            return False
        run = self._ports.table.get_run(run_id)
        return run is not None and "end" in run.announced

    def _forget_unfinished(self, run_id: str) -> None:
        """Take a run off the list whose creation was never finished, once nobody can finish it but by a new start."""
        suspects = self._ports.table.get_suspects(run_id)
        now = self._ports.clock.now()
        if "creation" not in suspects:
            self._ports.table.put_suspects(run_id, {"creation": now}, self._ports.expiry())
        elif now - suspects["creation"] > self._lifetime:
            self._ports.table.delete_active(run_id)

    def _lost_ends(self, plan: Plan, view: View, repairs: Repairs) -> list[Outcome]:
        """Return the ends of jobs that the shards do not know of."""
        jobs = read_jobs(self._ports.table, plan, view.in_flight())
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
                    lost += [replace(end.outcome, mark=job.mark)] if end else []
                elif now - job.submitted_at > _FORGOTTEN:
                    reason = "Batch no longer knows the job, and its end was never told"
                    lost.append(Outcome(job.mark, succeeded=False, reason=reason, job_id=job.job_id, name=job.name))
        repairs.events += len(lost)
        return lost

    def _take_over(self, run: Run, plan: Plan, view: View, repairs: Repairs) -> list[Outcome]:
        """Settle the claims of lost submitters; return the attempts that come to an end by it."""
        ours: list[Mark] = []
        for index, marks in by_shard(self._abandoned(run.run_id, view)).items():
            taken = [mark._replace(generation=mark.generation + 1) for mark in marks]
            before = self._ports.table.claim(run.run_id, index, [mark.number for mark in taken], self._ports.expiry())
            ours += [mark for mark in taken if mark.number not in before.claimed]
        if not ours:
            return []
        repairs.claims += len(ours)
        left = self._adopt(plan, ours)
        fresh = self._ports.table.get_run(run.run_id)
        if fresh is None or fresh.over or (fresh.failure and plan.settings.on_failure.stops_submitting):
            why = "it was never submitted"
            return [Outcome(Mark(*mark[:2]), succeeded=False, reason=why, never_submitted=True) for mark in left]
        return submit(self._ports, plan, left).refused if left else []

    def _adopt(self, plan: Plan, claims: Sequence[Mark]) -> list[Mark]:
        """Record the jobs that lost submitters had submitted after all; return the claims that have none."""
        table, run_id = self._ports.table, plan.run_id
        wanted = {Mark(*claim[:2]): claim for claim in claims}
        arrays: list[Array] = []
        for array in read_arrays(table, run_id) if plan.settings.array_jobs else ():
            if wanted.keys().isdisjoint(array.members):
                continue
            found = [array.job_id] if array.job_id else self._find(plan, array.members[0], plan.array_name(array.first))
            if found:
                arrays.append(
                    replace(array, job_id=found[0], submitted_at=array.submitted_at or self._ports.clock.now())
                )
                for member in array.members:
                    wanted.pop(member, None)
        jobs: list[Job] = []
        for attempt in list(wanted):
            name = plan.job_name(attempt.group, attempt.attempt)
            if found := self._find(plan, attempt, name):
                jobs.append(Job(attempt, found[0], name, self._ports.clock.now()))
                del wanted[attempt]
        # That the run was ended meanwhile is seen by the advance that follows, which reads after this.
        record(self._ports, run_id, jobs, arrays)
        return list(wanted.values())

    def _find(self, plan: Plan, attempt: Mark, name: str) -> list[str]:
        return self._ports.queue.find(plan.groups[attempt.group].resources["job_queue"], name)

    def _abandoned(self, run_id: str, view: View) -> list[Mark]:
        """Return the claims without a job that have been seen for longer than an invocation can live.

        That a claim was seen at a time stays true for good, so two reconcilers may overwrite each other's list.
        """
        table, now = self._ports.table, self._ports.clock.now()
        claims = view.open_claims()
        if not claims:
            return []
        seen = table.get_suspects(run_id)
        suspects = {_name(mark): min(now, seen.get(_name(mark), now)) for mark in claims}
        if suspects != seen:
            table.put_suspects(run_id, suspects, self._ports.expiry())
        return [mark for mark in claims if now - suspects[_name(mark)] > self._lifetime]


def _name(mark: Mark) -> str:
    return f"{mark.group}-{mark.attempt}-{mark.generation}"


def in_turn(run_ids: Sequence[str], now: int) -> list[str]:
    """Return the runs beginning at one that the time picks, so that none is starved when time runs short.

    Two calls begin far apart, as a rule, whether a minute lies between them or a second.
    """
    if not run_ids:
        return []
    start = random.Random(now).randrange(len(run_ids))  # noqa: S311 - to spread work
    return [*run_ids[start:], *run_ids[:start]]


def reconcile(dispatcher: Dispatcher, lifetime_ms: int) -> dict[str, int]:
    """Recover all open runs, as far as time allows; those left over come first another minute.

    A run that can't be recovered does not keep the others waiting; its error is raised at the end, for the alarm.
    What is counted doesn't wait for that: that runs are open at the beginning, what was put right as it is, and at the
    end that reconcile came so far, which an alarm misses when it stops.
    """
    recovery = Recovery(dispatcher, lifetime_ms)
    counts = dispatcher.ports.counts
    failed: Exception | None = None
    looked_at = repaired = 0
    on_list = _on_list(dispatcher)
    counts.add({Count.OPEN_RUNS.value: _open(dispatcher, on_list)})
    for run_id in in_turn(on_list, dispatcher.ports.clock.now()):
        if dispatcher.ports.clock.left() < RESERVE:
            break
        try:
            repairs = recovery.recover(run_id)
        except Exception as error:
            dispatcher.ports.log.exception("run not recovered", run_id=run_id)
            failed = error
            continue
        looked_at += 1
        repaired += repairs.events + repairs.claims
        if repairs.events or repairs.claims:
            counts.add({Count.LOST_EVENTS.value: repairs.events, Count.LOST_CLAIMS.value: repairs.claims})
            dispatcher.ports.log.warning(
                "run repaired", run_id=run_id, lost_events=repairs.events, lost_claims=repairs.claims
            )
    counts.add({Count.RECONCILED.value: looked_at})
    if failed is not None:
        raise failed
    return {"runs": looked_at, "repaired": repaired}


def _open(dispatcher: Dispatcher, run_ids: Sequence[str]) -> int:
    """Return how many of these runs are not over. One whose creation was never finished is none."""
    found = (
        dispatcher.ports.table.get_runs(run_ids[i : i + _RUNS_AT_ONCE]) for i in range(0, len(run_ids), _RUNS_AT_ONCE)
    )
    return sum(not run.over for runs in found for run in runs)


def _on_list(dispatcher: Dispatcher) -> list[str]:
    found: list[str] = []
    after: str | None = None
    while True:
        page = dispatcher.ports.table.active(after)
        found += page.run_ids
        after = page.next
        if after is None:
            return found
