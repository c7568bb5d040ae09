"""What others do between two calls of an invocation, one thing at a time."""

from __future__ import annotations

from tests.runs.stage import Interrupted
from tests.simulation.graphs import document


def test_a_place_that_is_taken_for_what_others_have_brought_to_its_end_is_given_back() -> None:
    stage = Interrupted(document([[], []]))
    stage.start(max_workers=1)

    def others_run_it_to_its_end() -> None:
        stage.advance()
        stage.finish(1)

    stage.before = ("take_slots", others_run_it_to_its_end)
    stage.finish(0)
    assert (stage.submitted(), set(stage.run.slots)) == ([0, 1], set())
