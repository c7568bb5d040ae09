"""The design broken on purpose, one guard at a time: the simulation must notice each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

import benchmarks.aws.expressions
import dag.decision
import runs.advance
from adapters.job_queue import BatchJobQueue
from adapters.ports import Accepted, Ports, SubmitAnswer
from adapters.run_table import DynamoRunTable
from benchmarks.aws.expressions import Item
from dag.plan import Plan
from dag.records import Outcome, Run
from dag.shards import Mark, Shard, View, read_mark
from dag.submission import Submission
from runs.announcing import announce
from tests.simulation.alone import build_alone
from tests.simulation.batch import Faults
from tests.simulation.graphs import document, fan
from tests.simulation.promises import BrokenPromiseError
from tests.simulation.scenarios import build, build_fair, play
from tests.simulation.table import SimulatedDynamoDB
from tests.simulation.world import World

_SEEDS = 1500
Build = Callable[[int], World]


def _noticed(build: Build = build) -> int | None:
    """Return the first seed that notices, or None if none does."""
    return next((seed for seed in range(_SEEDS) if _says(seed, build) is not None), None)


def _says(seed: int, build: Build) -> str | None:
    """Return what a seed notices."""
    try:
        play(seed, build)
    except (Exception, BrokenPromiseError) as error:
        return repr(error)
    return None


@contextmanager
def _broken(monkeypatch: pytest.MonkeyPatch, build: Build = build) -> Iterator[pytest.MonkeyPatch]:
    """Break the design: some seed must notice, and must notice nothing once the design is whole again."""
    with monkeypatch.context() as breaking:
        yield breaking
        seed = _noticed(build)
    assert seed is not None
    assert _says(seed, build) is None


def test_overwriting_instead_of_adding_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def overwrite(item: Item, action: str, name: str, value: Item) -> int:
        return change(item, "SET" if action == "ADD" else action, name, value)

    change = benchmarks.aws.expressions.apply_change
    with _broken(monkeypatch) as breaking:
        breaking.setattr("benchmarks.aws.dynamodb.apply_change", overwrite)


def test_counting_parents_instead_of_deriving_them_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    counters: dict[tuple[str, int], int] = {}
    merge = runs.advance.Advance.merge

    def count(self: Any, outcomes: Sequence[Outcome], places: Collection[int]) -> Run | None:
        for outcome in outcomes:
            for child in self.plan.children[outcome.mark.group] if outcome.succeeded else ():
                key = (self.plan.run_id, child)
                counters[key] = counters.get(key, 0) + 1
        return merge(self, outcomes, places)

    def by_count(plan: Plan, view: View, candidates: Iterable[int]) -> list[Mark]:
        return [
            Mark(group)
            for group in candidates
            if dag.decision.next_attempt(plan, view, group) == 0
            and counters.get((plan.run_id, group), 0) >= len(plan.groups[group].parents)
        ]

    def fresh(seed: int) -> World:
        counters.clear()
        return build(seed)

    with _broken(monkeypatch, fresh) as breaking:
        breaking.setattr(runs.advance.Advance, "merge", count)
        breaking.setattr(dag.decision, "frontier", by_count)


def test_retrying_submit_job_blindly_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(self: BatchJobQueue, submission: Submission) -> SubmitAnswer:
        while True:
            try:
                return Accepted(self._submitter.submit_job(**submission.request)["jobId"])
            except (BotoCoreError, ClientError):
                self._limiter._sleep(1)

    with _broken(monkeypatch) as breaking:
        breaking.setattr(BatchJobQueue, "_submit_one", blind)


def test_reading_the_status_before_recording_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    submit = runs.advance.Advance.submit

    class Early:
        """A table that reads the status before the jobs are recorded, and returns that afterwards."""

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

    with _broken(monkeypatch, build_fair) as breaking:
        breaking.setattr(runs.advance.Advance, "submit", early)


def test_taking_a_claim_over_without_its_condition_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = DynamoRunTable.claim

    def unconditional(self: DynamoRunTable, run_id: str, shard: int, numbers: Collection[int], until: int) -> Shard:
        before = claim(self, run_id, shard, numbers, until)
        takeovers = frozenset(number for number in numbers if read_mark(shard, number).generation)
        return replace(before, claimed=before.claimed - takeovers)

    def twice(seed: int) -> World:
        world = World(seed, document(fan(8)), Faults(lost_before=0.5))
        world.start()
        for later in (1_000, 1_001, 1_002):
            world.later(later, world.reconcile_every_minute)
        return world

    with _broken(monkeypatch, twice) as breaking:
        breaking.setattr(DynamoRunTable, "claim", unconditional)


def test_claims_that_everybody_wins_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = DynamoRunTable.claim

    def generous(self: DynamoRunTable, run_id: str, shard: int, numbers: Collection[int], until: int) -> Shard:
        before = claim(self, run_id, shard, numbers, until)
        return replace(before, claimed=before.claimed - frozenset(numbers))

    def crowded(seed: int) -> World:
        world = World(seed, document(fan(8)), Faults(repeat_event=1.0), calm=True)
        world.start()
        world.start()
        world.later(1_000, world.reconcile_every_minute)
        return world

    with _broken(monkeypatch, crowded) as breaking:
        breaking.setattr(DynamoRunTable, "claim", generous)


def test_trusting_what_was_read_before_the_last_write_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(self: Any, run: Run) -> None:
        """Read nothing after the merge."""
        if self.full or self.causes or run.over or run.failure or self.plan.settings.max_workers:
            self._read_everything()

    with _broken(monkeypatch, build_fair) as breaking:
        breaking.setattr(runs.advance.Advance, "_read", stale)


def test_going_without_reconcile_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with _broken(monkeypatch) as breaking:
        breaking.setattr(World, "reconcile_every_minute", lambda _: None)


@pytest.mark.parametrize("operation", ["get_item", "query", "batch_get_item"])
def test_reading_what_may_be_stale_is_noticed(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    read = getattr(SimulatedDynamoDB, operation)

    def weak(self: Any, **request: Any) -> Any:
        for asked in request.get("RequestItems", {"": request}).values():
            asked.pop("ConsistentRead")
        return read(self, **request)

    with _broken(monkeypatch) as breaking:
        breaking.setattr(SimulatedDynamoDB, operation, weak)


def test_a_hand_over_that_is_never_sent_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wide(seed: int) -> World:
        world = build_alone("nothing", seed, fan(300))
        world.timeout = 17_000  # too short for all of it
        return world

    with _broken(monkeypatch, wide) as breaking:
        breaking.setattr(World, "advance_later", lambda *_: None)


def test_a_start_whose_announcement_is_not_made_up_at_the_end_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def ends_alone(ports: Ports, plan: Plan, run: Run, view: View) -> None:
        if run.over:
            announce(ports, plan, run, view)

    def without_bus(seed: int) -> World:
        return build_alone("EventBridge is out for ten minutes", seed)

    with _broken(monkeypatch, without_bus) as breaking:
        breaking.setattr("runs.ending.announce", ends_alone)
