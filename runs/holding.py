"""Leaves ready groups to containers that are soon free, for a moment.

A message to ourselves is sent first, for the moment when the longest of them is over, so that no group is forgotten.
Nothing here has to be right: a group that is held is as ready as before, and whoever claims it gets it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from adapters.ports import Ports
from dag import limits
from dag.decision import shards_to_read
from dag.holding import (
    Held,
    Prospect,
    asks,
    ends_at,
    first_ends_at,
    longest_hold,
    may_hold,
    to_hold,
    waits,
    wake_after,
)
from dag.plan import Plan
from dag.records import Worker
from dag.shards import Mark, View

#: How often to try to write down what is held, if others do so at the same time: twenty containers may end at once, and
#: whoever gives up starts another, for which all that follows its group has to wait.
_TRIES = 10
#: Groups that are looked at to see whether a worker should wait.
_MOST_CHILDREN = 1_000


@dataclass(frozen=True)
class Holding:
    """One invocation's decision about what to hold."""

    ports: Ports
    plan: Plan

    def known(self) -> Held:
        """Return what is held; nothing, without a call, if nothing can be."""
        return self.ports.table.get_held(self.plan.run_id) if may_hold(self.plan) else Held()

    def free(self, frontier: Sequence[Mark]) -> list[Mark]:
        """Return the attempts of the frontier that nobody need wait with, and hold some of the others."""
        if not may_hold(self.plan):
            return list(frontier)
        run_id, now = self.plan.run_id, self.ports.clock.now()
        woken = 0  # until when a message is under way
        for _ in range(_TRIES):
            held = self.ports.table.get_held(run_id)
            left = [mark for mark in frontier if not held.holds(mark, now)]
            if all(held.knows(mark) for mark in left):
                return left
            until = to_hold(self.plan, frontier, self._workers(), held, now)
            if not until:
                return left
            if (latest := max(until.values())) > woken:
                self.ports.messages.advance_later(run_id, wake_after(until.values(), now))
                woken = latest
            if self.ports.table.put_held(run_id, held.and_also(until, now), self.ports.expiry()):
                return [mark for mark in left if mark.group not in until]
        return left

    def pause(self, view: View, worker: Worker, waited: int) -> int:
        """Return after how many ms a worker that gets no group should ask again; 0 if it shouldn't.

        It is told to wait only if at least as many groups become ready soon as there are others to take them.
        """
        now = self.ports.clock.now()
        if not may_hold(self.plan) or waited >= longest_hold(self.plan, worker.first.group):
            return 0
        workers = [other for other in self._workers() if other.job_id != worker.job_id]
        asking = {mark.group: now for other in workers if asks(other, now) and (mark := other.answer)}
        soon = self._soon(view, workers, now + longest_hold(self.plan, worker.first.group) - waited, now)
        others = len(soon) + len(asking) + sum(waits(other, now) for other in workers)
        soon |= asking
        children = sorted({child for group in soon for child in self.plan.children[group]})[:_MOST_CHILDREN]
        self._read(view, shards_to_read(self.plan, children))
        prospect = Prospect(first=worker.first, soon=soon, others=others, children=children)
        return prospect.pause(self.plan, view, now, waited)

    def _workers(self) -> list[Worker]:
        """Return a page of workers: a run may have thousands, and some of them are enough."""
        return self.ports.table.workers(self.plan.run_id, None)[0]

    def _soon(self, view: View, workers: Sequence[Worker], until: int, now: int) -> dict[int, int]:
        """Return the groups at work that are expected to end until a moment, and when."""
        at_work = {worker.answer: ends_at(self.plan, worker, now) for worker in workers if worker.answer is not None}
        first = [mark for mark in view.in_flight() if mark not in at_work][: limits.BATCH_GET.most]
        jobs = self.ports.table.get_jobs(self.plan.run_id, first)
        ends = {**at_work, **{job.mark: first_ends_at(self.plan, job, now) for job in jobs}}
        return {mark.group: at for mark, at in ends.items() if at is not None and at <= until}

    def _read(self, view: View, shards: Collection[int]) -> None:
        missing = sorted(set(shards) - view.shards.keys())[: limits.BATCH_GET.most]
        for shard in self.ports.table.get_shards(self.plan.run_id, missing):
            view.add(shard)
