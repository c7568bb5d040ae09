"""What a process keeps of the runs that it has seen."""

from __future__ import annotations

from dag.records import Array
from dag.shards import Mark
from runs.plans import Plans
from tests.runs.stage import Stage
from tests.simulation.graphs import chain, document


def test_a_plan_of_more_groups_than_a_process_keeps_is_read_all_the_same() -> None:
    stage = Stage(document(chain(3)))
    run_id = stage.start().run_id
    assert len(Plans(most_groups=2).get(stage.table, run_id).groups) == 3


def test_an_array_that_nobody_wrote_down_is_asked_for_each_time() -> None:
    stage, plans = Stage(document(chain(1))), Plans()
    assert [plans.array(stage.table, "run", Mark(0)) for _ in range(2)] == [None, None]
    array = Array(Mark(0), (Mark(0), Mark(1)))
    stage.table.put_array("run", array, 0)
    assert plans.array(stage.table, "run", Mark(0)) == array


def test_the_arrays_of_a_run_go_with_its_plan() -> None:
    stage = Stage(document([[], [], []], array_jobs=True))
    runs = [stage.start(key=f"given:{number}").run_id for number in range(2)]
    plans = Plans(most=1)
    for run_id in runs:
        plans.get(stage.table, run_id)
        assert plans.array(stage.table, run_id, Mark(0)) is not None
    calls = stage.calls["get_array"]
    plans.array(stage.table, runs[1], Mark(0))
    assert stage.calls["get_array"] == calls
    plans.array(stage.table, runs[0], Mark(0))
    assert stage.calls["get_array"] == calls + 1
