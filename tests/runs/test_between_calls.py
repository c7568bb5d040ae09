"""What others do between two calls of an invocation, one thing at a time."""

from __future__ import annotations

import pytest

from dag.shards import Mark
from tests.runs.stage import LIFETIME, Interrupted
from tests.simulation.graphs import chain, document


def test_a_place_that_is_taken_for_what_others_have_brought_to_its_end_is_given_back() -> None:
    stage = Interrupted(document([[], []]))
    stage.start(max_workers=1)

    def others_run_it_to_its_end() -> None:
        stage.advance()
        stage.finish(1)

    stage.before = ("take_slots", others_run_it_to_its_end)
    stage.finish(0)
    assert (stage.submitted(), set(stage.run.slots)) == ([0, 1], set())


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
