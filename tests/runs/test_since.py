"""What a resumed run does again because another run may have written it since."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from dag.plan import Reused
from dag.records import MOST_LISTED
from dag.rivals import written_since
from runs.history import read_history
from tests.runs.stage import Stage
from tests.simulation.graphs import chain, document

NOT = "it has not succeeded"
HOUR = 3_600_000


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


def since(stage: Stage, run_id: str, *done: str) -> dict[str, str]:
    """Return what of a run another may have written since it began."""
    history = read_history(stage.dispatcher, stage.document)
    return written_since(stage.document, run_id, {name: Reused("", run_id) for name in done}, history.rivals)


def test_a_run_that_there_is_no_time_to_read_may_have_written_all() -> None:
    stage = Stage(document(chain(3)))
    first = failed_at(stage, 2)
    other = failed_at(stage, 0, from_nodes=["n2"])
    stage.left = 10.0
    assert since(stage, first, "n0", "n1") == {
        "n0": f"run {other} may have written 'd0' since",
        "n1": f"run {other} may have written 'd1' since",
    }


@pytest.mark.parametrize(
    ("done", "found"),
    [
        (["n0"], True),
        (["n0[1/2]"], True),  # whatever slices the other run had
        (["n00[1/2]", "n1"], False),  # other nodes
        ([], False),
    ],
)
def test_whatever_part_of_a_node_another_run_worked_on_counts(done: list[str], found: bool) -> None:
    stage = Stage(document(chain(2)))
    first, other = (failed_at(stage, 0, from_nodes=[node], to_nodes=[node]) for node in ("n1", "n0"))
    assert since(stage, first, *done) == ({"n0": f"run {other} may have written 'd0' since"} if found else {})


def test_a_run_in_another_environment_may_have_written_it_too() -> None:
    stage = Stage(document(chain(2)))
    first, here = failed_at(stage, 1), stage.document
    stage.document = replace(here, environment="other")
    other = failed_at(stage, 0)
    stage.document = here
    assert again(stage, first)["n0"] == f"run {other} may have written 'd0' since"


def test_a_node_that_the_project_has_no_more_may_have_written_anything_since() -> None:
    stage = Stage(document(chain(2)))
    first, here = failed_at(stage, 1), stage.document
    stage.document = replace(here, nodes=(replace(here.nodes[0], name="former"), here.nodes[1]))
    other = failed_at(stage, 0)
    stage.document = here
    assert again(stage, first)["n0"] == f"run {other} may have written 'd0' since"


def test_another_node_that_writes_the_same_counts() -> None:
    base = document(chain(2))
    twin = replace(base.nodes[0], name="twin")
    pipelines = {**base.pipelines, "twin": (2,)}
    stage = Stage(replace(base, nodes=(*base.nodes, twin), pipelines=pipelines))
    first = failed_at(stage, 1)
    other = failed_at(stage, 0, pipeline="twin")
    assert again(stage, first)["n0"] == f"run {other} may have written 'd0' since"


def test_of_an_older_run_all_count_that_began_after_it() -> None:
    stage = Stage(document(chain(2)))
    first, here = failed_at(stage, 1), stage.document
    other = failed_at(stage, 0)
    stage.document = replace(here, project="another")
    for _ in range(MOST_LISTED + 1):
        failed_at(stage, 0)
    stage.document = here
    stage.reconcile(HOUR)
    stage.reconcile(1000)  # so that none is on the list of those that aren't settled
    assert since(stage, first, "n0") == {"n0": f"run {other} may have written 'd0' since"}
    stage.left = 10.0
    unread = stage.table.listings(None, MOST_LISTED + 1).run_ids[-1]
    assert since(stage, first, "n0") == {"n0": f"run {unread} may have written 'd0' since"}


def test_looking_for_what_was_written_since_takes_three_requests_for_each_run_since() -> None:
    stage = Stage(document(chain(2)))
    failed_at(stage, 1)
    first = failed_at(stage, 1)
    calls: list[Counter[str]] = []
    for _ in range(2):
        stage.start(key=f"given:{stage.now}", to_nodes=["n0"])
        stage.finish(0)
        stage.now += 1
        before = Counter(stage.calls)
        since(stage, first, "n0")
        calls.append(Counter(stage.calls) - before)
    assert calls[1] - calls[0] == {"shards": 1, "outcomes": 1}  # and its plan, which this process had made
    assert calls[0] == {"listings": 1, "active": 1, "get_runs": 1, "shards": 2, "outcomes": 2}


def test_a_run_that_has_not_submitted_anything_yet_may_write_it() -> None:
    stage = Stage(document(chain(2)))
    first = failed_at(stage, 1)
    stage.left = 1.0
    other = stage.start(key="given:other").run_id
    assert stage.handed_over == [other]
    stage.left = 60.0
    assert since(stage, first, "n0") == {"n0": f"run {other} may have written 'd0' since"}


@pytest.mark.parametrize("change", [{"versioned": True}, {"location": "memory"}])
def test_what_has_versions_or_is_in_memory_is_looked_for_nowhere(change: dict[str, Any]) -> None:
    base = document(chain(2))
    stage = Stage(replace(base, datasets={name: replace(one, **change) for name, one in base.datasets.items()}))
    first = failed_at(stage, 0)
    before = Counter(stage.calls)
    assert since(stage, first, "n0") == {}
    assert Counter(stage.calls) == before


def test_what_a_run_took_over_was_there_when_it_began() -> None:
    stage = Stage(document(chain(3)))
    first = failed_at(stage, 1)
    second = failed_at(stage, 0, resume_from=first)
    assert again(stage, second) == {"n1": NOT, "n2": NOT}
