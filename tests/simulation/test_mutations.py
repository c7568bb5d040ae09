"""The design broken on purpose, one guard at a time: the simulation must notice each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

import dag.decision
import runs.advance
from adapters.job_queue import BatchJobQueue
from adapters.ports import Accepted, Answer
from dag.plan import Plan
from dag.records import Outcome, Run
from dag.shards import Mark, Shard, View, read_mark
from dag.submission import Submission
from tests.simulation.run_table import MemoryRunTable
from tests.simulation.scenarios import build, build_fair, play
from tests.simulation.world import BrokenPromiseError, World

_SEEDS = 1500


def _noticed(broken: pytest.MonkeyPatch, build: Callable[[int], World] = build) -> bool:
    """Return whether a seed complains of what is broken, and no more once that is mended."""
    seed = next((seed for seed in range(_SEEDS) if _complains(seed, build)), None)
    broken.undo()
    return seed is not None and not _complains(seed, build)


def _complains(seed: int, build: Callable[[int], World]) -> bool:
    try:
        play(seed, build)
    except (Exception, BrokenPromiseError):
        return True
    return False


def test_overwriting_instead_of_adding_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def overwrite(table: MemoryRunTable, run_id: str, index: int, marks: Mapping[str, Collection[int]]) -> Shard:
        sets = {name: frozenset(numbers) for name, numbers in marks.items()}
        shard = replace(table._shard(run_id, index), **sets)  # type: ignore[arg-type]
        table._shards[run_id][index] = shard
        return shard

    monkeypatch.setattr(MemoryRunTable, "_add", overwrite)
    assert _noticed(monkeypatch)


def test_counting_parents_instead_of_deriving_them_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    counters: dict[tuple[str, int], int] = {}
    merge = runs.advance._Advance._merge

    def count(self: Any, outcomes: Sequence[Outcome]) -> Run | None:
        for outcome in outcomes:
            for child in self.plan.children[outcome.mark.group] if outcome.succeeded else ():
                key = (self.plan.run_id, child)
                counters[key] = counters.get(key, 0) + 1
        return merge(self, outcomes)

    def by_count(plan: Plan, view: View, candidates: Iterable[int]) -> list[Mark]:
        return [
            Mark(group)
            for group in candidates
            if view.next_attempt(group) == 0
            and counters.get((plan.run_id, group), 0) >= len(plan.groups[group].parents)
        ]

    monkeypatch.setattr(runs.advance._Advance, "_merge", count)
    monkeypatch.setattr(dag.decision, "frontier", by_count)

    def fresh(seed: int) -> World:
        counters.clear()
        return build(seed)

    assert _noticed(monkeypatch, fresh)


def test_retrying_submit_job_blindly_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(self: BatchJobQueue, submission: Submission) -> Answer:
        while True:
            try:
                return Accepted(self._submitter.submit_job(**submission.request)["jobId"])
            except (BotoCoreError, ClientError):
                self._limiter._sleep(1)

    monkeypatch.setattr(BatchJobQueue, "_submit_one", blind)
    assert _noticed(monkeypatch)


def test_reading_the_status_before_recording_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    submit = runs.advance._Advance._submit

    class Early:
        """A table that reads the status before the jobs are recorded, and shows that afterwards."""

        def __init__(self, table: Any) -> None:
            self.table = table
            self.seen: Run | None = None

        def put_jobs(self, run_id: str, *arguments: Any) -> None:
            self.seen = self.table.get_run(run_id)
            self.table.put_jobs(run_id, *arguments)

        def get_run(self, run_id: str) -> Run | None:
            return self.seen or self.table.get_run(run_id)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.table, name)

    def early(self: Any, marks: Sequence[Mark]) -> Run | None:
        ports = self.ports
        self.ports = replace(ports, table=Early(ports.table))
        try:
            return submit(self, marks)
        finally:
            self.ports = ports

    monkeypatch.setattr(runs.advance._Advance, "_submit", early)
    assert _noticed(monkeypatch, build_fair)


def test_taking_a_claim_over_without_its_condition_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = MemoryRunTable.claim

    def unconditional(self: MemoryRunTable, run_id: str, shard: int, numbers: Collection[int]) -> Shard:
        before = claim(self, run_id, shard, numbers)
        takeovers = frozenset(number for number in numbers if read_mark(shard, number).generation)
        return replace(before, claimed=before.claimed - takeovers)

    def twice(seed: int) -> World:
        world = build(seed)
        world.later(1_000, world.reconcile_every_minute)
        world.later(1_001, world.reconcile_every_minute)
        return world

    monkeypatch.setattr(MemoryRunTable, "claim", unconditional)
    assert _noticed(monkeypatch, twice)


def test_claims_that_everybody_wins_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = MemoryRunTable.claim

    def generous(self: MemoryRunTable, run_id: str, shard: int, numbers: Collection[int]) -> Shard:
        before = claim(self, run_id, shard, numbers)
        return replace(before, claimed=before.claimed - frozenset(numbers))

    monkeypatch.setattr(MemoryRunTable, "claim", generous)
    assert _noticed(monkeypatch)


def test_trusting_what_was_read_before_the_last_write_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(self: Any, run: Run) -> None:
        """Read nothing after the merge."""
        if self.full or self.causes or run.over or run.failure or self.plan.settings.max_workers:
            self._read_everything()

    monkeypatch.setattr(runs.advance._Advance, "_read", stale)
    assert _noticed(monkeypatch, build_fair)


def test_going_without_reconcile_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "reconcile_every_minute", lambda _: None)
    assert _noticed(monkeypatch)
