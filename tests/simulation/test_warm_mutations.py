"""Carrying on broken on purpose, one guard at a time: the simulation must notice each. Names are the model's.

tests/runs/test_carrying.py holds six more, which seeds seldom meet. A job that has ended is told nothing more.
"Nothing" is an answer. The end of a run is told as its end. Who begins anew is recorded first.
A process that was replaced is not believed. A place that nobody gave back is found when it is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import pytest

import benchmarks.aws.expressions
import dag.carrying
import runs.asking
import runs.claiming
import runs.recovery
from benchmarks.aws.expressions import Item
from dag.holding import Held
from dag.plan import Plan
from dag.records import Outcome, Run, Worker, read_slot, slot
from dag.shards import Mark, View
from runs.recovery import Recovery
from tests.simulation.promises import BrokenPromiseError
from tests.simulation.scenarios import play
from tests.simulation.warm import WarmWorld
from tests.simulation.warm_scenarios import build_warm, build_warm_fair, build_warm_shared

Answering = runs.asking._Answering
Holds = Callable[[Item | None, Item], bool]
_SEEDS = 1500


def _noticed(build: Callable[[int], WarmWorld] = build_warm, seeds: int = _SEEDS) -> str | None:
    """Return what breaks first, if anything does."""
    for seed in range(seeds):
        try:
            play(seed, build)
        except (Exception, BrokenPromiseError) as error:
            return f"seed {seed}: {error!r}"
    return None


def _without(monkeypatch: pytest.MonkeyPatch, name: str, instead: Callable[[Item], Item]) -> None:
    """Hide an attribute's value from the conditions of questions and answers."""
    conditions = benchmarks.aws.expressions._CONDITIONS

    def blind(holds: Holds) -> Holds:
        def holds_blindly(item: Item | None, values: Item) -> bool:
            return holds(item if item is None or name not in item else instead({**item, "": values}), values)

        return holds_blindly

    for condition in [each for each in conditions if name in each]:
        monkeypatch.setitem(conditions, condition, blind(conditions[condition]))


@pytest.mark.long
def test_noseq_a_second_answer_replaces_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    conditions = benchmarks.aws.expressions._CONDITIONS
    (answering,) = (each for each in conditions if each.startswith("answered = :k"))
    holds = conditions[answering]
    monkeypatch.setitem(
        conditions,
        answering,
        lambda item, values: item is not None and holds({**item, "answered": values[":k"]}, values),
    )
    assert _noticed() is not None


@pytest.mark.long
def test_nodone_what_was_said_to_be_done_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = dag.carrying.ends

    def deaf(worker: Worker, end: Outcome, view: View) -> list[Outcome]:
        return ends(replace(worker, done=-1), end, view)

    monkeypatch.setattr(dag.carrying, "ends", deaf)
    assert _noticed() is not None


@pytest.mark.long
def test_noscan_a_takeover_does_not_look_at_what_containers_were_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs.recovery, "read_workers", lambda *_: [])
    assert _noticed() is not None


@pytest.mark.long
def test_slotmerge_a_place_belongs_to_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    merge = Answering.merge

    def generous(self: Any, outcomes: Sequence[Outcome], places: Collection[int]) -> Run | None:
        return merge(self, outcomes, places or [slot(outcome.mark) for outcome in outcomes])

    monkeypatch.setattr(Answering, "merge", generous)
    assert _noticed() is not None


@pytest.mark.long
def test_the_others_that_are_ready_are_left_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answering, "_leave", lambda *_: None)
    assert _noticed(build_warm_fair) is not None


@pytest.mark.long
def test_an_answer_whose_write_was_repeated_counts_as_another_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answering, "_was_told", lambda *_: False)
    assert _noticed() is not None


@pytest.mark.long
def test_a_takeover_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def unplaced(_: Any, __: Plan, ___: Run, claims: Sequence[Mark], ____: Any) -> list[Mark]:
        return list(claims)

    monkeypatch.setattr(Recovery, "_with_places", unplaced)
    assert _noticed() is not None


@pytest.mark.long
def test_what_was_claimed_for_another_answer_is_submitted_without_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answering, "_submit_alone", lambda self, _, mark: self.submit([mark]))
    assert _noticed() is not None


@pytest.mark.long
def test_places_of_containers_at_work_are_taken_for_free(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(_: Any, __: Plan, places: Collection[int], view: View) -> list[int]:
        return [place for place in places if view.ended(read_slot(place))]

    monkeypatch.setattr(runs.claiming, "idle", careless)
    assert _noticed() is not None


@pytest.mark.long
def test_a_place_whose_container_ended_unheard_is_looked_for_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recovery, "_place_holders", lambda *_: [])
    assert _noticed() is not None


def test_nobody_ends_the_wait_of_a_group_that_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = WarmWorld.advance_later
    monkeypatch.setattr(
        WarmWorld, "advance_later", lambda self, run_id, seconds=0: None if seconds else usual(self, run_id)
    )
    assert _noticed(build_warm_fair, seeds=100) is not None


def test_a_group_that_is_held_is_so_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Held, "holds", lambda self, mark, _: mark.attempt == 0 and mark.group in self.until)
    assert _noticed(build_warm_fair, seeds=100) is not None


def test_unbroken_nothing_is_noticed() -> None:
    assert _noticed(seeds=150) is None
    assert _noticed(build_warm_fair, seeds=150) is None


def test_a_container_gives_way_to_no_job_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answering, "_gives_way", lambda *_: False)
    assert _noticed(build_warm_shared, seeds=100) is not None
