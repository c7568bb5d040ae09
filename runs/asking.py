"""Answers jobs: their payload and, for containers that carry on, their next group.

A question is answered once. What the container reports as done is written to the job's item first, and the answer
is written before it is given. So a question may be repeated, its answer lost, and its container replaced, and each
group still runs in one container at a time. `docs/architecture.md` has the whole protocol.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.ports import Asking
from dag import carrying, decision, limits
from dag.errors import InvalidRequestError, NotAllowedError, SupersededError
from dag.holding import Held
from dag.jobs import read_job_key
from dag.payload import next_payload, payload, token
from dag.plan import Plan
from dag.records import Array, Job, Outcome, Run, Worker, slot
from dag.shards import Mark
from dag.status import JobStatus
from runs.advance import Advance, Dispatcher
from runs.holding import Holding
from runs.reading import read_jobs
from runs.submitting import record


@dataclass(frozen=True, kw_only=True)
class Question:
    """A worker's question."""

    run_id: str
    job: str  #: its key (`dag.payload.job_key`)
    token: str
    index: int | None  #: for an array's child
    job_id: str
    epoch: int  #: which of Batch's attempts asks, from 1
    done: int | None = None  #: which of its groups is done, from 0; None asks for its own group
    began: int | None = None  #: ms, when that group began, by the container's clock
    ended: int | None = None  #: ms
    waited: int | None = None  #: ms that it has waited for an answer; None if it can't wait


@dataclass(frozen=True)
class Answer:
    """The answer to a worker: a group, nothing, or that the run is over."""

    place: int | None = None
    payload: dict[str, Any] | None = None
    over: bool = False
    wait: int | None = None  #: ms after which to ask again


def payload_of(dispatcher: Dispatcher, run_id: str, job: str, given_token: str, index: int | None) -> dict[str, Any]:
    """Return the payload of a job, or of an array's child at an index.

    Raises NotAllowedError unless the token is this job's, so that a job learns nothing about others. It changes
    nothing, so a job may ask again.
    """
    plan = _plan(dispatcher, run_id, job, given_token)
    return payload(plan, [_first(dispatcher, plan, job, index)], whom=job)


def next_group(dispatcher: Dispatcher, question: Question) -> Answer:
    """Record what a worker has done, and return what it does next.

    Raises NotAllowedError for a token that is not the job's, and for a job that was not submitted by us, both before
    anything is written. Raises SupersededError for an obsolete question.
    """
    plan = _plan(dispatcher, question.run_id, question.job, question.token)
    if not plan.settings.warm_containers:
        raise NotAllowedError(f"The containers of run {plan.run_id} don't carry on.")
    first = _first(dispatcher, plan, question.job, question.index)
    asking = Asking(job_id=question.job_id, first=first, epoch=question.epoch, done=question.done)
    submitted_at = None if question.done else _submitted_at(dispatcher, plan, asking, question.job)
    worker = dispatcher.ports.table.put_question(plan.run_id, asking, dispatcher.ports.expiry())
    if worker is None:
        raise SupersededError(f"Job {question.job_id} gets no more answers: another attempt of it has asked, or ended.")
    answering = _Answering(
        dispatcher.ports, plan, full=False, question=question, worker=worker, submitted_at=submitted_at
    )
    return answering.answer()


def _plan(dispatcher: Dispatcher, run_id: str, job: str, given_token: str) -> Plan:
    plan = dispatcher.plan(run_id)
    if not hmac.compare_digest(token(plan, job).encode(), given_token.encode()):
        raise NotAllowedError(f"The token is not that of job '{job}' of run {run_id}.")
    return plan


def _first(dispatcher: Dispatcher, plan: Plan, job: str, index: int | None) -> Mark:
    first, is_array = read_job_key(job)
    members = dispatcher.members(plan.run_id, first) if is_array else (first,)
    place = index if is_array else 0
    if place is None or not 0 <= place < len(members):
        raise InvalidRequestError(f"Job '{job}' of run {plan.run_id} has {len(members)} parts, none at index {index}.")
    return members[place]


def _submitted_at(dispatcher: Dispatcher, plan: Plan, asking: Asking, job: str) -> int:
    """Return when a job was submitted.

    Raises NotAllowedError unless the job is the recorded one: a copy of it knows the same token.
    """
    first, is_array = read_job_key(job)
    known: Array | Job | None
    if is_array:
        known = dispatcher.array(plan.run_id, first)
    else:
        known = next(iter(dispatcher.ports.table.get_jobs(plan.run_id, [asking.first])), None)
    if known is None or known.job_id != asking.job_id.partition(":")[0]:
        raise NotAllowedError(f"Job {asking.job_id} is not recorded as job '{job}' of run {plan.run_id}.")
    return known.submitted_at


@dataclass
class _Answering(Advance):
    """One question's work on a run: merges what the worker did, and claims what it does next."""

    question: Question = field(kw_only=True)
    worker: Worker = field(kw_only=True)
    submitted_at: int | None = field(kw_only=True)  #: when its job was, if this is about its first group
    is_answered: bool = False
    gives_way: bool = False  #: whether the worker is to end, for a job that Batch would start first
    held: Held = field(default_factory=Held)

    def answer(self) -> Answer:
        """Return what the worker does next."""
        place = self.question.done
        if place is None:
            place = self.worker.newest
            if self.worker.done < place:
                return self._give(place)
        if place not in self.worker.marks:
            raise SupersededError(f"Job {self.question.job_id} has got the answer that there is nothing more.")
        run = self._report(place)
        if run is not None and self.worker.answered == place:
            self.held = Holding(self.ports, self.plan).known()
            self.candidates |= self.held.lately(self.ports.clock.now())
            # What is ready already, and comes before that, may have been left to an invocation that has yet to begin.
            self.candidates |= set(carrying.sooner(self.plan, self.candidates))
            self.proceed(run)
            if not self.is_answered:
                if pause := self._pause(place):
                    return Answer(wait=pause)
                self._put_answer(place, None)
        return self._give(place + 1)

    def _report(self, place: int) -> Run | None:
        """Merge that a group is done, and return the run as it is after that.

        Whoever was told to wait has reported it already.
        """
        if not self.question.waited:
            return self._without_stray(self.merge([self._outcome(place)], ()), place)
        self.candidates |= decision.candidates_after(self.plan, [self.worker.marks[place]])
        return self.ports.table.get_run(self.plan.run_id)

    def _without_stray(self, run: Run | None, place: int) -> Run | None:
        """Give back the place that others took for a group when it was this container's already: nobody else will."""
        stray = slot(self.worker.marks[place])
        if place == 0 or run is None or stray not in run.slots:
            return run
        return self.ports.table.free_slots(run.run_id, [stray]) or run

    def _pause(self, place: int) -> int:
        """Return after how many ms the worker should ask again, since it may get a group then; 0 if it shouldn't."""
        run = self.account.run
        if run is None or run.over or run.failure or self.question.waited is None or self.gives_way:
            return 0
        pause = Holding(self.ports, self.plan).pause(self.view, self.worker, self.question.waited)
        until = self.ports.clock.now() + pause
        return pause if pause and self.ports.table.put_wait(run.run_id, self._asking(place), until) else 0

    def _outcome(self, place: int) -> Outcome:
        question = self.question
        return Outcome(
            self.worker.marks[place],
            succeeded=True,
            job_id=question.job_id,
            name=self._name(),
            created_at=self.submitted_at,
            started_at=question.began,
            ended_at=question.ended or self.ports.clock.now(),
            tries=question.epoch,
            place=place,
        )

    def _name(self) -> str:
        first, is_array = read_job_key(self.question.job)
        return self.plan.array_name(first) if is_array else self.plan.job_name(first.group, first.attempt)

    def take(self, run: Run, frontier: Sequence[Mark]) -> Run | None:
        """Claim for the worker the attempt that suits it best; leave the others to another invocation."""
        table, run_id = self.ports.table, self.plan.run_id
        unplaced = self.held.urgent_first(self.plan, self._unplaced(run, frontier), self.ports.clock.now())
        mark = carrying.best(self.plan, self.worker.first, unplaced)
        self.gives_way = mark is not None and self._gives_way(mark, frontier)
        if mark is None or self.gives_way:
            self._leave(run, frontier)
            return None
        before = table.claim(run_id, mark.shard, [mark.number], self.ports.expiry())
        self.view.add(before.with_marks(claimed=[mark.number]))
        if mark.number in before.claimed:
            return run
        self._leave(run, [other for other in frontier if other != mark])
        if not self._put_answer(self.worker.answered, mark) and not self._was_told(mark):
            self._submit_alone(run, mark)
        return None

    def _gives_way(self, mark: Mark, frontier: Sequence[Mark]) -> bool:
        """Return whether a job waits for room that Batch would start before a group's, since its priority is higher.

        Then the worker ends, so that there is room: a container may carry on for an hour. What would come before the
        group is about to be such a job if it is ready and doesn't fit into this container, or somebody has claimed it.
        """
        sooner = set(carrying.sooner(self.plan, [mark.group]))
        if not sooner.isdisjoint(other.group for other in frontier):
            return True
        missing = sorted({Mark(group).shard for group in sooner} - self.view.shards.keys())
        for start in range(0, len(missing), limits.BATCH_GET.most):
            for shard in self.ports.table.get_shards(self.plan.run_id, missing[start : start + limits.BATCH_GET.most]):
                self.view.add(shard)
        if not sooner.isdisjoint(other.group for other in self.view.open_claims()):
            return True
        begun = [other for other in self.view.in_flight() if other.group in sooner]
        last = sorted(begun, key=lambda other: self.plan.urgency[other.group])[: limits.DESCRIBE_JOBS.most]
        jobs = read_jobs(self.ports.table, self.plan, last)
        described = self.ports.queue.describe([job.job_id for job in jobs]) if jobs else ()
        return any(not (status.started or status.ended) for status in (JobStatus(each["status"]) for each in described))

    def _was_told(self, mark: Mark) -> bool:
        """Return whether the worker has this answer after all: the SDK repeats a write whose answer was lost."""
        found = self.ports.table.get_workers(self.plan.run_id, [self.question.job_id])
        shards = self.ports.table.get_shards(self.plan.run_id, [mark.shard])
        return mark in found[0].marks.values() or any(mark.number in shard.submitted for shard in shards)

    def _leave(self, run: Run, others: Sequence[Mark]) -> None:
        """Leave what nobody waits for to another invocation, if there are places for it, since the worker waits."""
        now = self.ports.clock.now()
        if all(self.held.holds(mark, now) for mark in others):
            return
        if run.max_workers is None or len(run.slots) < run.max_workers:
            self.hand_over()

    def _unplaced(self, run: Run, frontier: Sequence[Mark]) -> Sequence[Mark]:
        """Return the attempts without a place: whoever took one for an attempt is about to claim it."""
        return [mark for mark in frontier if slot(mark) not in run.slots]

    def _submit_alone(self, run: Run, mark: Mark) -> None:
        """Submit an attempt claimed for a worker that has got another answer meanwhile."""
        if run.max_workers is None or self.ports.table.take_slots(run.run_id, [slot(mark)], run.max_workers):
            self.submit([mark])

    def _put_answer(self, place: int, told: Mark | None) -> bool:
        self.is_answered = True
        return self.ports.table.put_answer(self.plan.run_id, self._asking(place), told, self.ports.clock.now())

    def _asking(self, place: int) -> Asking:
        return Asking(job_id=self.question.job_id, first=self.worker.first, epoch=self.question.epoch, done=place)

    def _give(self, place: int) -> Answer:
        """Return the item's answer for a place; its job is recorded before the run's status is read."""
        found = self.ports.table.get_workers(self.plan.run_id, [self.question.job_id])
        worker = found[0]
        if worker.epoch != self.question.epoch or worker.closed or worker.answered != place:
            raise SupersededError(f"Job {self.question.job_id} has got another answer meanwhile.")
        if worker.answer is None:
            return Answer()
        if place:
            at = worker.answered_at or self.ports.clock.now()
            job = Job(mark=worker.answer, job_id=worker.job_id, name=self._name(), submitted_at=at)
            record(self.ports, self.plan.run_id, [job], [])
        run = self.ports.table.get_run(self.plan.run_id)
        if run is None or run.over:
            return Answer(over=True)
        return Answer(place, next_payload(self.plan, worker.first, worker.answer))
