"""What a resumed run does again because another run may have written it since."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runs.since import worked_on_since
from tests.runs.stage import Stage
from tests.simulation.graphs import chain, document

NOT = "it has not succeeded"


def failed_at(stage: Stage, node: int, **request: Any) -> str:
    """Run until a node of a chain fails, and return the run."""
    run_id = stage.start(key=f"given:{stage.now}", **request).run_id
    for index in range(node):
        stage.finish(index)
    stage.finish(node, exit_code=1)
    stage.now += 1
    return run_id


def again(stage: Stage, run_id: str) -> dict[str, str]:
    """Return what a run that resumes another does again, and why."""
    resumed = stage.start(key=f"given:{stage.now}", resume_from=run_id).resumed
    assert resumed is not None
    return dict(resumed["again"])


def test_what_another_run_has_worked_on_since_runs_again_and_what_follows() -> None:
    stage = Stage(document(chain(3)))
    first = failed_at(stage, 2)
    other = failed_at(stage, 0)
    assert again(stage, first) == {
        "n0": f"run {other} may have written 'd0' since",
        "n1": "it follows 'n0', which runs again",
        "n2": NOT,
    }


def test_what_the_other_run_never_reached_is_taken_over() -> None:
    stage = Stage(document(chain(4)))
    first = failed_at(stage, 3)
    other = failed_at(stage, 0, from_nodes=["n2"])
    found = again(stage, first)
    assert found == {"n2": f"run {other} may have written 'd2' since", "n3": NOT}


def test_each_version_has_a_place_of_its_own() -> None:
    base = document(chain(3))
    stage = Stage(replace(base, datasets={name: replace(one, versioned=True) for name, one in base.datasets.items()}))
    first = failed_at(stage, 2)
    failed_at(stage, 2)
    assert again(stage, first) == {"n2": NOT}


def test_runs_before_and_the_runs_of_a_chain_of_resumes_take_nothing_from_each_other() -> None:
    stage = Stage(document(chain(3)))
    failed_at(stage, 2)
    first = failed_at(stage, 1)
    stage.start(key="given:second", resume_from=first)
    stage.finish(0)
    stage.finish(1, exit_code=1)
    stage.now += 1
    assert again(stage, stage.run_id) == {"n2": NOT}


def test_a_run_that_still_goes_on_may_write_what_began_after_it() -> None:
    stage = Stage(document(chain(2)))
    going_on = stage.start(key="given:other").run_id
    assert again(stage, failed_at(stage, 1))["n0"] == f"run {going_on} may have written 'd0' since"


def test_a_run_that_there_is_no_time_to_read_may_have_written_all() -> None:
    stage = Stage(document(chain(3)))
    first = failed_at(stage, 2)
    other = failed_at(stage, 0, from_nodes=["n2"])
    stage.left = 10.0
    run = stage.table.get_run(first)
    assert run is not None
    assert worked_on_since(stage.dispatcher, run, ["n0", "n1"]) == {"n0": other, "n1": other}


@pytest.mark.parametrize(
    ("done", "found"),
    [
        (["n0"], True),
        (["n0[1/2]"], True),  # the other run did not split it
        (["n00[1/2]", "n1"], False),  # other nodes
        ([], False),
    ],
)
def test_whatever_part_of_a_node_another_run_worked_on_counts(done: list[str], found: bool) -> None:
    stage = Stage(document(chain(2)))
    first, other = (failed_at(stage, 0, from_nodes=[node], to_nodes=[node]) for node in ("n1", "n0"))
    run = stage.table.get_run(first)
    assert run is not None
    assert worked_on_since(stage.dispatcher, run, done) == ({"n0": other} if found else {})


def test_what_a_run_took_over_was_there_when_it_began() -> None:
    stage = Stage(document(chain(3)))
    first = failed_at(stage, 1)
    second = failed_at(stage, 0, resume_from=first)
    assert again(stage, second) == {"n1": NOT, "n2": NOT}
