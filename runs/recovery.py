"""What reconcile does for a run: it makes up for lost events, lost submitters and lost aborters.

It works in slices that an invocation can finish: each is recorded before the next begins, and none begins
when time runs short. So the damage, however large, shrinks every minute.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from dag import limits
from dag.events import read_end
from dag.jobs import name_prefix, run_moment
from dag.plan import Plan
from dag.records import Array, Job, Outcome, Run, Worker, slot
from dag.shards import Mark, View, by_shard
from dag.submission import first_jobs
from runs.advance import RESERVE, Dispatcher
from runs.announcing import announce
from runs.claiming import SLICE
from runs.concluding import idle
from runs.counting import Count, add_marks
from runs.reading import in_turn, read_active, read_arrays, read_jobs, read_workers
from runs.submitting import record, submit

#: Jobs to describe, and whose ends to merge, at once: ten requests.
_DESCRIBED = 10 * limits.DESCRIBE_JOBS.most
#: Claims to settle at once in a run that submits nothing more.
_ACCOUNTED = 5_000
#: ms after which a job that DescribeJobs leaves out counts as forgotten, not as too new to be listed.
_FORGOTTEN = 3_600_000
_T = TypeVar("_T")


@dataclass
class Repairs:
    """The repairs of a run."""

    events: int = 0  #: ends of jobs that no event had reported
    claims: int = 0  #: claims whose submitter was lost
    settled: bool = False


class Recovery:
    """Repairs runs. `lifetime` is the longest life of an invocation, in ms.

    A claim without a job that was seen longer ago belongs to nobody alive. We rely on ListJobs to show a job
    that was submitted longer ago than that.
    """

    def __init__(self, dispatcher: Dispatcher, lifetime: int) -> None:
        self._dispatcher = dispatcher
        self._ports = dispatcher.ports
        self._lifetime = lifetime

    def recover(self, run_id: str) -> Repairs:
        """Do what is missing in a run, as far as time permits, and remove it from the list once it is settled."""
        run = self._ports.table.get_run(run_id)
        repairs = Repairs()
        if run is None:
            self._forget_unfinished(run_id)
            return repairs
        plan = self._dispatcher.plan(run_id)
        view = self._dispatcher.view(run_id)
        self._settle_claims(plan, view, repairs)
        self._merge_lost_ends(plan, self._dispatcher.view(run_id) if repairs.claims else view, repairs)
        run = self._dispatcher.advance(run_id).run or run
        if not run.over and "start" not in run.announced and self._ports.clock.now() - run.created_at > self._lifetime:
            announce(self._ports, plan, run, self._dispatcher.view(run_id))
        if run.over and self._is_settled(run_id):
            self._forget_in_time(run)
            self._ports.table.delete_active(run_id)
            repairs.settled = True
        return repairs

    def _has_time(self) -> bool:
        return self._ports.clock.left() > RESERVE

    def _is_settled(self, run_id: str) -> bool:
        """Return whether a run that is over has no job in flight, no open claim, and its end announced.

        And no living invocation may have begun before its end: if it still claimed or submitted something and died,
        nobody would handle that.
        """
        run = self._ports.table.get_run(run_id)
        if run is None or run.ended_at is None or "end" not in run.announced:
            return False
        if self._ports.clock.now() - run.ended_at <= self._lifetime:
            return False
        return self._dispatcher.view(run_id).accounted()

    def _forget_in_time(self, run: Run) -> None:
        """Let the table forget a run after its retention; before its end nothing of it may be forgotten."""
        expires_at = (run.ended_at or self._ports.clock.now()) // 1000 + self._ports.retention
        self._ports.table.expire_run(run.run_id, expires_at)
        self._ports.table.put_listing(run.run_id, expires_at)

    def _forget_unfinished(self, run_id: str) -> None:
        """Remove a run from the list whose creation was never finished, once nobody alive can finish it.

        First it is recorded that no run can be made of it any more, so that a repeated start makes another run.
        """
        if self._ports.clock.now() - run_moment(run_id) <= self._lifetime:
            return
        if self._ports.table.void_run(run_id, self._ports.expiry()):
            self._ports.table.delete_active(run_id)

    # ends that no event has reported -------------------------------------------------------------------------------

    def _merge_lost_ends(self, plan: Plan, view: View, repairs: Repairs) -> None:
        """Merge the ends of jobs that the shards don't have."""
        jobs = read_jobs(self._ports.table, plan, view.in_flight())
        jobs = self._shuffled([*jobs, *self._place_holders(plan, {job.job_id for job in jobs})])
        for asked in _slices(jobs, _DESCRIBED):
            if not self._has_time():
                return
            if lost := self._ended(asked):
                repairs.events += len(lost)
                self._dispatcher.advance(plan.run_id, lost)

    def _place_holders(self, plan: Plan, known: Collection[str]) -> list[Job]:
        """Return the jobs that may have ended after all their groups had: they still hold their places."""
        if plan.settings.max_workers is None or not plan.settings.warm_containers:
            return []
        return [
            Job(mark=worker.first, job_id=worker.job_id, name="", submitted_at=worker.answered_at or 0)
            for worker in read_workers(self._ports.table, plan.run_id)
            if not worker.closed and worker.job_id not in known
        ]

    def _ended(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Return how those jobs ended that have ended."""
        described = {str(detail["jobId"]): detail for detail in self._ports.queue.describe([j.job_id for j in jobs])}
        ended: list[Outcome] = []
        for job in jobs:
            if job.job_id in described:
                end = read_end(described[job.job_id])
                ended += [replace(end.outcome, mark=job.mark)] if end else []
            elif self._ports.clock.now() - job.submitted_at > _FORGOTTEN:
                reason = "Batch no longer knows the job, and no event reported its end"
                ended.append(Outcome(job.mark, succeeded=False, reason=reason, job_id=job.job_id, name=job.name))
        return ended

    def _shuffled(self, items: Sequence[_T]) -> list[_T]:
        """Return the items from another one on each time, so that all have their turn if time runs short."""
        return in_turn(items, self._ports.clock.now())

    # claims whose submitter was lost -------------------------------------------------------------------------------

    def _settle_claims(self, plan: Plan, view: View, repairs: Repairs) -> None:
        """Take over lost submitters' claims: adopt their jobs, submit claims without one, or record them."""
        abandoned = self._shuffled(self._abandoned(plan.run_id, view))
        if not abandoned:
            return
        traces = _Traces(self._dispatcher, plan, abandoned)
        while abandoned and self._has_time():
            run = self._ports.table.get_run(plan.run_id)
            if run is None:
                return
            over = run.over or (run.failure is not None and plan.settings.on_failure.stops_submitting)
            slice_ = abandoned[:_ACCOUNTED] if over else first_jobs(plan, abandoned, SLICE)
            chosen = set(slice_)
            abandoned = [claim for claim in abandoned if claim not in chosen]
            taken = slice_ if over else self._with_places(plan, run, slice_, traces, view)
            ours = self._claimed(plan.run_id, sorted(taken))
            repairs.claims += len(ours)
            left = traces.adopt(ours)
            # The advance that follows reads after this, so it sees if the run has ended meanwhile.
            self._account(plan, left) if over else self._submit(plan, left)

    def _with_places(self, plan: Plan, run: Run, claims: Sequence[Mark], traces: _Traces, view: View) -> list[Mark]:
        """Return the claims that need no place among `max_workers`, or have one.

        A claim for a container that carries on has none: a place belongs to a container. Places of containers that
        have ended are freed, if they are wanted.
        """
        if run.max_workers is None or not plan.settings.warm_containers:
            return list(claims)
        most = run.max_workers
        without = [claim for claim in claims if slot(claim) not in run.slots and not traces.know(claim)]
        if len(run.slots) + len(without) > most and (stale := idle(self._ports, plan, run.slots, view)):
            run = self._ports.table.free_slots(run.run_id, stale) or run
        room = max(0, most - len(run.slots))
        new = without[:room]
        if new and not self._ports.table.take_slots(run.run_id, [slot(claim) for claim in new], most):
            new = []
        return [claim for claim in claims if claim not in without or claim in new]

    def _claimed(self, run_id: str, marks: Sequence[Mark]) -> list[Mark]:
        """Return the claims that are ours now, a generation on: only one of two reconcilers wins each."""
        ours: list[Mark] = []
        for index, members in by_shard(marks).items():
            taken = [mark._replace(generation=mark.generation + 1) for mark in members]
            before = self._ports.table.claim(run_id, index, [mark.number for mark in taken], self._ports.expiry())
            ours += [mark for mark in taken if mark.number not in before.claimed]
        return ours

    def _account(self, plan: Plan, claims: Sequence[Mark]) -> None:
        """Record that no job was ever submitted for the claims."""
        for index, marks in by_shard(Mark(*claim[:2]) for claim in claims).items():
            numbers = [mark.number for mark in marks]
            add_marks(self._ports, plan.run_id, index, {"failed": numbers, "cancelled": numbers})

    def _submit(self, plan: Plan, claims: Sequence[Mark]) -> None:
        if plan.settings.warm_containers:
            claims = self._still_open(plan.run_id, claims)
        if refused := submit(self._ports, plan, claims).refused:
            self._dispatcher.advance(plan.run_id, refused)

    def _still_open(self, run_id: str, claims: Sequence[Mark]) -> list[Mark]:
        """Return the claims of which nothing else is known even now, read after the workers.

        A worker keeps its newest two groups. Earlier ones are in the shard by now.
        """
        shards = sorted({claim.shard for claim in claims})
        view = View()
        for some in _slices(shards, limits.BATCH_GET.most):
            for shard in self._ports.table.get_shards(run_id, some):
                view.add(shard)
        attempts = {claim: Mark(*claim[:2]) for claim in claims}
        return [claim for claim, mark in attempts.items() if not (view.has("submitted", mark) or view.ended(mark))]

    def _abandoned(self, run_id: str, view: View) -> list[Mark]:
        """Return the claims without a job that were seen longer ago than an invocation can live.

        That a claim was seen at some time stays true, so two reconcilers may overwrite each other's notes.
        """
        claims = by_shard(view.open_claims())
        now = self._ports.clock.now()
        seen = {
            shard: times
            for shards in _slices(list(claims), limits.BATCH_GET.most)
            for shard, times in self._ports.table.get_suspects(run_id, shards).items()
        }
        suspects = {
            shard: {mark.number: min(now, seen.get(shard, {}).get(mark.number, now)) for mark in marks}
            for shard, marks in claims.items()
        }
        changed = [shard for shard, times in suspects.items() if times != seen.get(shard)]
        for shards in _slices(changed, limits.BATCH_WRITE.most):
            self._ports.table.put_suspects(run_id, {shard: suspects[shard] for shard in shards}, self._ports.expiry())
        return [
            mark
            for shard, marks in claims.items()
            for mark in marks
            if now - suspects[shard][mark.number] > self._lifetime
        ]


class _Traces:
    """The possible traces of lost submitters: jobs with the names of their claims, and recorded arrays."""

    def __init__(self, dispatcher: Dispatcher, plan: Plan, claims: Sequence[Mark]) -> None:
        self._ports = dispatcher.ports
        self._plan = plan
        attempts = {Mark(*claim[:2]) for claim in claims}
        self._arrays = read_arrays(self._ports.table, plan.run_id) if plan.settings.array_jobs else []
        names: dict[str, set[str]] = {}
        for attempt in attempts:
            names.setdefault(self._queue(attempt), set()).add(plan.job_name(*attempt[:2]))
        for array in self._arrays:
            if array.job_id is None and not attempts.isdisjoint(array.members):
                names.setdefault(self._queue(array.first), set()).add(plan.array_name(array.first))
        prefix = name_prefix(plan.project, plan.run_id)
        workers = read_workers(self._ports.table, plan.run_id) if plan.settings.warm_containers else []
        self._workers = {mark: worker for worker in workers for place, mark in worker.marks.items() if place}
        self._ids: dict[str, str] = {}
        for queue, wanted in names.items():
            self._ids.update(self._ports.queue.find(queue, sorted(wanted), prefix))

    def _queue(self, mark: Mark) -> str:
        return str(self._plan.groups[mark.group].resources["job_queue"])

    def know(self, claim: Mark) -> bool:
        """Return whether a container got a claim's attempt, or a job has its name."""
        attempt = Mark(*claim[:2])
        return attempt in self._workers or self._plan.job_name(*attempt[:2]) in self._ids

    def adopt(self, claims: Sequence[Mark]) -> list[Mark]:
        """Record the jobs that lost submitters had submitted; return the claims without one."""
        wanted = {Mark(*claim[:2]): claim for claim in claims}
        now = self._ports.clock.now()
        arrays: list[Array] = []
        for array in self._arrays:
            job_id = array.job_id or self._ids.get(self._plan.array_name(array.first))
            if job_id is None or wanted.keys().isdisjoint(array.members):
                continue
            arrays.append(replace(array, job_id=job_id, submitted_at=array.submitted_at or now))
            for member in array.members:
                wanted.pop(member, None)
        jobs: list[Job] = []
        for attempt in list(wanted):
            name = self._plan.job_name(*attempt[:2])
            if worker := self._workers.get(attempt):
                job = Job(mark=attempt, job_id=worker.job_id, name=self._name(worker), submitted_at=now)
                jobs.append(job)
                del wanted[attempt]
            elif name in self._ids:
                jobs.append(Job(mark=attempt, job_id=self._ids[name], name=name, submitted_at=now))
                del wanted[attempt]
        record(self._ports, self._plan.run_id, jobs, arrays)
        return list(wanted.values())

    def _name(self, worker: Worker) -> str:
        """Return the name of a worker's job: for an array's child, the array's."""
        parent = worker.job_id.partition(":")[0]
        array = next((one for one in self._arrays if one.job_id == parent), None)
        return self._plan.array_name(array.first) if array else self._plan.job_name(*worker.first[:2])


def _slices(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def reconcile(dispatcher: Dispatcher, lifetime_ms: int) -> dict[str, int]:
    """Recover all open runs, as far as time allows; those left over come first another minute.

    A run that can't be recovered doesn't hold up the others; its error is raised at the end, for the alarm.
    The metrics don't wait for that. Open runs are counted at the beginning, repairs as they are made, and at the
    end that reconcile has finished: an alarm comes if that count is missing.
    """
    recovery = Recovery(dispatcher, lifetime_ms)
    counts = dispatcher.ports.counts
    failed: Exception | None = None
    looked_at = repaired = 0
    on_list = read_active(dispatcher.ports.table)
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
    """Return how many of these runs are not over. A run whose creation was never finished doesn't count."""
    pages = _slices(run_ids, limits.BATCH_GET.most)
    return sum(not run.over for page in pages for run in dispatcher.ports.table.get_runs(page))
