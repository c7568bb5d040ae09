"""Wins the right to submit attempts, and their places among `max_workers`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from adapters.ports import Ports
from dag.plan import Plan
from dag.records import Run, read_slot, slot
from dag.shards import Mark, View, by_shard
from dag.submission import first_jobs
from runs.concluding import idle

#: Jobs (an array is one) to claim at once: about a second of SubmitJob's quota of 50 a second. A slice is small,
#: because reconcile has to settle what an invocation has claimed if it dies.
SLICE = 50


@dataclass(frozen=True)
class Claims:
    """An invocation's claims on a run; what it learns about the shards goes into the view."""

    ports: Ports
    plan: Plan
    view: View

    def claim(self, run: Run, frontier: Sequence[Mark]) -> list[Mark] | None:
        """Return those attempts of the frontier's next slice that are ours; None if there is no place for any."""
        table, run_id = self.ports.table, self.plan.run_id
        most = run.max_workers
        wanted = first_jobs(self.plan, frontier, SLICE) if most is None else self._with_places(run, frontier, most)
        if wanted is None:
            return None
        lost: set[Mark] = set()
        for index, marks in by_shard(wanted).items():
            before = table.claim(run_id, index, [mark.number for mark in marks], self.ports.expiry())
            lost.update(mark for mark in marks if mark.number in before.claimed)
            self.view.add(before.with_marks(claimed=[mark.number for mark in marks]))
        if most is not None and (stale := self._stale([slot(mark) for mark in lost])):
            table.free_slots(run_id, stale)
        return [mark for mark in wanted if mark not in lost]

    def _stale(self, places: Collection[int]) -> list[int]:
        """Return the places that nobody needs any more and nobody has freed."""
        if self.plan.settings.warm_containers:
            return idle(self.ports, self.plan, places, self.view)
        return [place for place in places if self.view.ended(read_slot(place))]

    def _with_places(self, run: Run, frontier: Sequence[Mark], most: int) -> list[Mark] | None:
        """Return the next slice of the frontier for a run with `max_workers`, each attempt with its place.

        A place is taken before the claim and freed after the end. If an invocation took one and died, it is as
        good as ours: it belongs to the attempt, whoever claims that. None if all places are taken.
        """
        table = self.ports.table
        while True:
            if len(run.slots) >= most and (stale := self._stale(run.slots)):
                run = table.free_slots(run.run_id, stale) or run
            held = [mark for mark in frontier if slot(mark) in run.slots]
            room = max(0, most - len(run.slots))
            free = [mark for mark in frontier if slot(mark) not in run.slots]
            new = first_jobs(self.plan, free[:room], SLICE)
            if not new or table.take_slots(run.run_id, [slot(mark) for mark in new], most):
                return first_jobs(self.plan, held + new, SLICE) or None
            fresh = table.get_run(run.run_id)
            if fresh is None or fresh.over:
                return None
            run = fresh
