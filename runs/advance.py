"""The one door to a run: every function goes through `Dispatcher.advance`.

Theory of operation. A run's state is a status item that only moves forward, and shards of grow-only sets. An invocation

1. **merges** the outcomes that it was given into their shards;
2. **reads**, after all its writes, the status and the shards of whatever may have become ready. Of two invocations that
   complete the same join each writes first and reads after, so at least one of them sees both ends;
3. **decides** (`dag.decision`): end the run, submit the frontier, or wait;
4. **claims** a slice of the frontier: what was not in the set before is ours;
5. **submits** it;
6. **records** the jobs and *then* reads the status. Whoever ends a run sets the status first and reads the shards
   after. So the submitter or the aborter always sees the other, and no job outlives its run;
7. goes on from 3 until the frontier is empty, or time runs short: then a message has another invocation carry on.

Called without outcomes, on any run at any moment, it does what is missing, or nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from adapters.ports import Ports
from dag import carrying, decision, limits
from dag.plan import Plan
from dag.records import Array, Outcome, Run, slot
from dag.shards import Mark, View, by_shard
from dag.status import RunStatus
from runs.claiming import Claims
from runs.concluding import Ends, conclude
from runs.counting import add_marks
from runs.ending import WoundUp, terminate, wind_up
from runs.holding import Holding
from runs.plans import Plans
from runs.reading import read_all, read_outcomes
from runs.submitting import WRITE_AT_ONCE, submit

#: Seconds that a throttled slice may need: with less left, another invocation carries on.
RESERVE = 15.0
_READ_AT_ONCE = limits.BATCH_GET.most


@dataclass
class Account:
    """What an invocation did to a run."""

    run: Run | None = None
    merged: int = 0
    submitted: int = 0
    terminated: int = 0
    handed_over: bool = False


class Dispatcher:
    """Advances runs. It keeps nothing between calls."""

    def __init__(self, ports: Ports, plans: Plans) -> None:
        self.ports = ports
        self._plans = plans

    def plan(self, run_id: str) -> Plan:
        """Return a run's plan. Raises UnknownRunError."""
        return self._plans.get(self.ports.table, run_id)

    def array(self, run_id: str, first: Mark) -> Array | None:
        """Return the array job with this claim on its first member; None if there is no record of one."""
        return self._plans.array(self.ports.table, run_id, first)

    def members(self, run_id: str, first: Mark) -> Sequence[Mark]:
        """Return the attempts of an array job, in the order of its children; none of one that nobody wrote down."""
        return self._plans.members(self.ports.table, run_id, first)

    def advance(self, run_id: str, outcomes: Sequence[Outcome] = ()) -> Account:
        """Merge the outcomes and do what the run needs; without any, look at the whole run. Raises UnknownRunError."""
        return Advance(self.ports, self.plan(run_id), full=not outcomes).go(outcomes)

    def reconsider(self, run_id: str, outcomes: Sequence[Outcome]) -> Account:
        """Merge the outcomes and look at the whole run in any case."""
        return Advance(self.ports, self.plan(run_id), full=True).go(outcomes)

    def view(self, run_id: str) -> View:
        """Return all shards of a run, each read consistently."""
        return read_all(self.ports.table, run_id)


@dataclass
class Advance:
    """One invocation's work on one run."""

    ports: Ports
    plan: Plan
    full: bool  #: look at the whole run, not only at what follows the outcomes
    view: View = field(default_factory=View)
    account: Account = field(default_factory=Account)
    candidates: set[int] = field(default_factory=set)
    causes: list[Outcome] = field(default_factory=list)  #: failures that we did not cause

    def go(self, outcomes: Sequence[Outcome]) -> Account:
        ended = self._ended(outcomes)
        run = self.merge(ended.outcomes, ended.places)
        if run is not None:
            self.proceed(run)
        return self.account

    def proceed(self, run: Run) -> None:
        """Do what the run needs after the merge."""
        self._read(run)
        while not run.over:
            failed = self._failed(run)
            if failed and run.failure is None and not self.plan.settings.on_failure.terminates:
                run = self._flag_failure(run)
            decided = decision.decide(self.plan, self.view, self.candidates, failed)
            if isinstance(decided, decision.End):
                run = self._end(run, decided.status)
                break
            if isinstance(decided, decision.Wait):
                break
            if self.ports.clock.left() < RESERVE:
                self.hand_over()
                break
            after = self.take(run, decided.frontier)
            if after is None:
                break
            run = after
        if run.over and (self.full or self.causes):
            self._wind_up(run)
        self.account.run = run

    def take(self, run: Run, frontier: Sequence[Mark]) -> Run | None:
        """Claim and submit a slice of the frontier; return the run as it is then, None if there is no place.

        What is held for containers that are soon free is left to them, and to the message that ends the hold.
        """
        frontier = Holding(self.ports, self.plan).free(frontier)
        claimed = Claims(self.ports, self.plan, self.view).claim(run, frontier) if frontier else None
        if claimed is None:
            return None
        # Whoever merges an outcome meanwhile handles what that makes ready.
        self.candidates = {mark.group for mark in frontier}.difference(mark.group for mark in claimed)
        return self.submit(claimed)

    def _ended(self, outcomes: Sequence[Outcome]) -> Ends:
        if self.plan.settings.warm_containers:
            return conclude(self.ports, self.plan, outcomes)
        return Ends(list(outcomes), [slot(outcome.mark) for outcome in outcomes])

    def merge(self, outcomes: Sequence[Outcome], places: Collection[int]) -> Run | None:
        """Record the outcomes, then return the run as it is after that: with its places freed, and a fresh status."""
        table, run_id = self.ports.table, self.plan.run_id
        known = [outcome for outcome in outcomes if outcome.mark.group < len(self.plan.groups)]
        for start in range(0, len(known), WRITE_AT_ONCE):
            table.put_outcomes(run_id, known[start : start + WRITE_AT_ONCE], self.ports.expiry())
        by_mark = {outcome.mark: outcome for outcome in known}
        for shard, marks in by_shard(by_mark).items():
            merged = add_marks(self.ports, run_id, shard, self._numbers([by_mark[mark] for mark in marks]))
            self.view = View({merged.index: merged})  # only the last write's answer is younger than all writes
        self.account.merged += len(by_mark)
        self.causes += [o for o in known if not (o.succeeded or o.cancelled or self._retriable(o))]
        self.candidates |= decision.candidates_after(self.plan, by_mark)
        if self.plan.settings.max_workers is not None and places:
            return table.free_slots(run_id, places)
        return table.get_run(run_id)

    def _numbers(self, outcomes: Iterable[Outcome]) -> dict[str, list[int]]:
        sets: dict[str, list[int]] = {}
        for outcome in outcomes:
            names = ["succeeded" if outcome.succeeded else "failed", "submitted"]  # an event proves a submission
            if outcome.cancelled:
                names.append("cancelled")
            if self._retriable(outcome):
                names.append("retried")
            if carrying.repeats(self.plan, outcome):
                names.append("again")
            for name in names:
                sets.setdefault(name, []).append(outcome.mark.number)
        return sets

    def _retriable(self, outcome: Outcome) -> bool:
        """Return whether there is another attempt: unchanged, or with more memory after one that ran out of it."""
        if carrying.repeats(self.plan, outcome):
            return True
        if not outcome.out_of_memory:
            return False
        return self.plan.memory(outcome.mark.group, self.plan.with_more_memory(outcome.mark.attempt)) is not None

    def _read(self, run: Run) -> None:
        """Read what the decision needs, after all writes."""
        if run.over:
            return  # whoever winds it up reads everything
        if self.full or run.failure or self.plan.settings.max_workers:
            self._read_everything()
            return
        self.candidates = {group for group in self.candidates if not self._waits(group)}
        wanted = decision.shards_to_read(self.plan, self.candidates)
        if self._may_be_over():
            wanted |= self.plan.sinks_by_shard.keys()
        missing = sorted(wanted - self.view.shards.keys())
        for start in range(0, len(missing), _READ_AT_ONCE):
            for shard in self.ports.table.get_shards(self.plan.run_id, missing[start : start + _READ_AT_ONCE]):
                self.view.add(shard)

    def _waits(self, group: int) -> bool:
        """Return whether a parent is known to be missing: then whoever merges that parent handles the group.

        We know it from our last write's answer, so their write is later than all of ours, and they read after it.
        """
        parents = self.plan.groups[group].parents  # in ascending order
        for shard in self.view.shards.values():
            begin = bisect_left(parents, shard.index, key=_shard_of)
            here = parents[begin : bisect_left(parents, shard.index + 1, begin, key=_shard_of)]
            if not shard.done.issuperset(here):
                return True
        return False

    def _may_be_over(self) -> bool:
        """Return whether a sink is among what was merged, and no sink of its shard is known to be missing.

        Whoever merges the last sink of a shard sees that shard whole, so only such an invocation needs to look further.
        """
        if not any(group in self.plan.sinks for group in self.candidates):
            return False
        sinks = self.plan.sinks_by_shard
        return all(shard.done.issuperset(sinks.get(index, ())) for index, shard in self.view.shards.items())

    def _read_everything(self) -> None:
        self.view = read_all(self.ports.table, self.plan.run_id)
        self.candidates = set(range(len(self.plan.groups)))
        self.full = True

    def _failed(self, run: Run) -> bool:
        return run.failure is not None or bool(self.causes) or bool(self.view.failures())

    def _flag_failure(self, run: Run) -> Run:
        """Tell all later invocations that the run will fail; only then look at the whole of it.

        An outcome merged before the flag is set is seen here. Whoever merges one after it sees the flag, and
        looks at everything. So the last of them notices that the run is over.
        """
        why = self._why()
        self.ports.table.flag_failure(run.run_id, why)
        self._read_everything()
        return replace(run, failure=why)

    def _why(self) -> str:
        """Return why the run failed: the first known cause."""
        causes = self.causes
        if not causes and (failures := self.view.failures()):
            ends = read_outcomes(self.ports.table, self.plan.run_id, failures[0].group, failures[0].group)
            causes = [end for end in ends if end.mark == failures[0]]
        if not causes:
            return "a job failed"
        cause = causes[0]
        code = f" (exit code {cause.exit_code})" if cause.exit_code is not None else ""
        return f"{self.plan.groups[cause.mark.group].title} failed: {cause.reason}{code}"

    def _end(self, run: Run, status: RunStatus) -> Run:
        """Set the terminal status, unless it is set, and return the run as it is then."""
        reason = None if status is RunStatus.SUCCEEDED else run.failure or self._why()
        table = self.ports.table
        table.end_run(self.plan.run_id, status, reason, self.ports.clock.now())
        self.full = True
        return table.get_run(self.plan.run_id) or run

    def _wind_up(self, run: Run) -> None:
        self._read_everything()
        self._note(wind_up(self.ports, self.plan, run, self.view))

    def _note(self, wound_up: WoundUp) -> None:
        self.account.terminated += wound_up.terminated
        if not wound_up.whole:
            self.hand_over()

    def hand_over(self) -> None:
        """Have another invocation carry on with the run."""
        self.ports.messages.advance_later(self.plan.run_id)
        self.account.handed_over = True

    def submit(self, marks: Sequence[Mark]) -> Run | None:
        """Submit claimed attempts, record the jobs, then see whether the run has ended meanwhile."""
        table, run_id = self.ports.table, self.plan.run_id
        done = submit(self.ports, self.plan, marks)
        for shard in done.shards:
            self.view.add(shard)
        self.account.submitted += done.accepted
        if done.refused:
            run = self.merge(done.refused, [slot(outcome.mark) for outcome in done.refused])
            self._read_everything()
        else:
            run = table.get_run(run_id)
        if run is not None and run.over:
            self._note(terminate(self.ports, run, done.job_ids))
        return run


def _shard_of(group: int) -> int:
    return Mark(group).shard
