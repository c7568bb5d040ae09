"""What others do between two calls of an invocation, one thing at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dag.records import slot
from dag.shards import Mark
from dag.status import RunStatus
from tests.runs.stage import LIFETIME, Interrupted
from tests.simulation.graphs import chain, document


def test_a_place_that_is_taken_for_what_others_have_brought_to_its_end_is_given_back() -> None:
    stage = Interrupted(document([[], [], []]))
    stage.start(max_workers=2)

    def others_run_it_to_its_end() -> None:
        stage.advance()
        stage.finish(2)

    stage.before = ("take_slots", others_run_it_to_its_end)
    stage.finish(0)
    assert (stage.submitted(), set(stage.run.slots)) == ([0, 1, 2], {slot(Mark(1))})


def test_a_place_that_others_take_for_a_group_is_as_good_as_ours() -> None:
    stage = Interrupted(document([[], [], []]))
    stage.start(max_workers=2)
    stage.before = ("take_slots", lambda: stage.table.take_slots(stage.run_id, [slot(Mark(2))], 2))
    stage.finish(0)
    assert (stage.submitted(), set(stage.run.slots)) == ([0, 1, 2], {slot(Mark(1)), slot(Mark(2))})


def test_a_place_that_somebody_died_with_is_used_once_beside_others() -> None:
    stage = Interrupted(document([[], [], [], []]))
    stage.start(max_workers=3)
    stage.table.take_slots(stage.run_id, [slot(Mark(3))], 4)
    stage.table._runs[stage.run_id] = replace(stage.run, max_workers=5)
    stage.advance()
    assert stage.submitted() == [0, 1, 2, 3]


def test_a_place_whose_job_was_merged_by_one_that_died_is_given_back_when_it_is_wanted() -> None:
    stage = Interrupted(document([[], []]))
    stage.start(max_workers=1)
    stage.table.add_marks(stage.run_id, 0, {"succeeded": [Mark(0).number]})
    stage.advance()
    assert (stage.submitted(), set(stage.run.slots)) == ([0, 1], {slot(Mark(1))})


def _with_a_lost_submitter(**run: object) -> Interrupted:
    stage = Interrupted(document(chain(2), **run))
    stage.faults.lost_before = 1.0
    stage.start()
    stage.faults.lost_before = 0.0
    stage.reconcile()
    stage.now += LIFETIME + 1
    return stage


def test_of_two_reconcilers_one_takes_a_claim_over() -> None:
    stage = _with_a_lost_submitter()
    stage.before = ("claim", stage.reconcile)
    stage.reconcile()
    assert stage.submitted() == [0]


@pytest.mark.parametrize("becomes", ["submitted", "succeeded", "failed"])
def test_what_becomes_of_a_claim_as_it_is_taken_over_is_looked_at_where_containers_carry_on(becomes: str) -> None:
    stage = _with_a_lost_submitter(warm_containers=True)
    stage.before = ("claim", lambda: stage.table.add_marks(stage.run_id, 0, {becomes: [Mark(0).number]}))
    stage.reconcile()
    assert 0 not in stage.submitted()


def test_reconcile_takes_no_claim_over_once_time_is_short() -> None:
    stage = _with_a_lost_submitter()
    stage.before = ("get_suspects", lambda: setattr(stage, "left", 14.0))
    stage.reconcile()
    assert [mark.generation for mark in stage.dispatcher.view(stage.run_id).open_claims()] == [0]


def test_reconcile_describes_no_jobs_once_time_is_short() -> None:
    stage = Interrupted(document(chain(2)))
    stage.start()
    stage.end(0)
    stage.before = ("jobs", lambda: setattr(stage, "left", 14.0))
    assert stage.reconcile() == {"runs": 1, "repaired": 0}


def test_no_place_is_asked_for_again_in_a_run_that_has_ended_meanwhile() -> None:
    stage = Interrupted(document([[], [], []]))
    stage.start(max_workers=2)
    stage.before = (
        "take_slots",
        lambda: stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough", stage.now),
    )
    taken = stage.calls["take_slots"]
    stage.finish(0)
    assert (stage.submitted(), stage.calls["take_slots"]) == ([0, 1], taken + 1)


def test_no_place_is_asked_for_again_in_a_run_that_the_table_has_forgotten_meanwhile() -> None:
    stage = Interrupted(document([[], [], []]))
    stage.start(max_workers=2)
    stage.before = ("take_slots", lambda: stage.table._runs.pop(stage.run_id))
    assert stage.deliver(stage.end(0)).failed == []
    assert stage.submitted() == [0, 1]
