"""Similar groups as one array job: its children end, fail, run out of memory and get lost like any other job."""

from __future__ import annotations

import pytest

from dag.records import Array
from dag.shards import Mark
from dag.status import RunStatus
from dag.submission import ARRAY_FROM
from runs.plans import Plans
from tests.runs.stage import LIFETIME, DiedError, Interrupted, Stage, died
from tests.simulation.graphs import chain, document, fan


def _wide(width: int, **run: object) -> Stage:
    """Return a stage whose first job is done, with so many similar children in flight."""
    stage = Stage(document(fan(width), array_jobs=True, **run))
    stage.start()
    stage.finish(0)
    return stage


def test_alike_groups_are_one_call_of_submit_job() -> None:
    stage = _wide(40)
    assert stage.batch.counts["SubmitJob"] == 2
    assert sorted(stage.submitted()) == list(range(41))


def test_fewer_than_the_threshold_keep_jobs_of_their_own() -> None:
    stage = _wide(ARRAY_FROM - 1)
    assert stage.batch.counts["SubmitJob"] == ARRAY_FROM
    assert "put_array" not in stage.calls


def test_arrays_can_be_turned_off() -> None:
    stage = Stage(document(fan(40), array_jobs=False))
    stage.start()
    stage.finish(0)
    assert stage.batch.counts["SubmitJob"] == 41


def test_groups_that_ask_for_other_resources_are_not_alike() -> None:
    stage = Stage(document([[] for _ in range(30)], array_jobs=True))
    stage.start(params={"aws_batch": {"resources": {"nodes": {"n3": {"memory": 9000}}}}})
    assert stage.batch.counts["SubmitJob"] == 2
    assert stage.job(3).index is None


def test_the_run_goes_on_when_all_children_have_succeeded() -> None:
    stage = _wide(40)
    for group in range(1, 41):
        assert 41 not in stage.submitted()
        stage.finish(group)
    stage.finish(41)
    assert stage.run.status.value == "SUCCEEDED"


def test_the_parents_own_event_changes_nothing() -> None:
    stage = _wide(20)
    for group in range(1, 21):
        stage.end(group)
    parent = next(job for job in stage.batch.jobs.values() if job.size is not None)
    assert parent.over
    stage.deliver(parent)
    assert stage.statuses()[1:21] == ["SUBMITTED"] * 20


def test_a_failed_child_aborts_the_run_and_terminates_its_siblings_by_one_call() -> None:
    stage = _wide(20)
    stage.finish(7, exit_code=1)
    assert stage.run.reason == "n7 failed: Essential container in task exited (exit code 1)"
    assert stage.batch.counts["TerminateJob"] == 1
    assert all(job.over for job in stage.batch.work)


def test_a_child_out_of_memory_runs_again_alone_with_more() -> None:
    stage = _wide(20, memory_retry={"factor": 3, "max": 9000})
    stage.finish(5, exit_code=137)
    again = stage.job(5)
    assert (again.index, again.memory) == (None, 3000)


def test_an_array_that_a_takeover_submitted_without_an_answer_is_adopted_by_the_next() -> None:
    stage = Stage(document(fan(40), array_jobs=True))
    stage.start()
    stage.faults.lost_before = 1.0
    stage.finish(0)
    stage.reconcile()
    stage.faults.lost_before, stage.faults.lost_after = 0.0, 1.0
    stage.reconcile(later=LIFETIME + 1)
    stage.faults.lost_after = 0.0
    stage.reconcile()
    stage.reconcile(later=LIFETIME + 1)
    assert sorted(stage.submitted()) == list(range(41))
    assert stage.dispatcher.view(stage.run_id).open_claims() == []
    assert [array.submitted_at for array in stage.table._arrays[stage.run_id].values() if array.job_id] == [stage.now]


def test_an_array_that_was_recorded_but_not_marked_is_adopted_without_being_looked_up() -> None:
    stage = Interrupted(document([[] for _ in range(20)], array_jobs=True))
    stage.before = ("add_marks", died)
    with pytest.raises(DiedError):
        stage.start()
    (stage.run_id,) = stage.table._runs
    stage.reconcile()
    stage.reconcile(later=LIFETIME + 1)
    assert stage.statuses() == ["SUBMITTED"] * 20
    assert stage.batch.counts["SubmitJob"] == 1


def test_a_lost_event_of_a_child_is_made_good() -> None:
    stage = _wide(20)
    stage.end(3)
    assert stage.reconcile()["repaired"] == 1
    assert stage.statuses()[3] == "SUCCEEDED"


def test_an_array_accepted_without_an_answer_is_adopted_whole() -> None:
    stage = Stage(document(fan(20), array_jobs=True))
    stage.start()
    stage.faults.lost_after = 1.0
    stage.finish(0)
    stage.faults.lost_after = 0.0
    stage.reconcile()
    stage.reconcile(later=LIFETIME + 1)
    assert len(stage.batch.work) == 21
    assert stage.described()["groups"][1]["job_id"] == stage.job(1).job_id
    stage.finish_all()
    assert stage.run.status.value == "SUCCEEDED"


def test_an_array_that_was_not_accepted_is_submitted_again_whole() -> None:
    stage = Stage(document(fan(20), array_jobs=True))
    stage.start()
    stage.faults.lost_before = 1.0
    stage.finish(0)
    stage.faults.lost_before = 0.0
    stage.reconcile()
    before = stage.batch.counts["SubmitJob"]
    stage.reconcile(later=LIFETIME + 1)
    assert stage.batch.counts["SubmitJob"] == before + 1
    assert sorted(stage.submitted()) == list(range(21))


def test_a_cancelled_run_with_a_lost_array_accounts_for_every_claim() -> None:
    stage = Stage(document(fan(20), array_jobs=True))
    stage.start()
    stage.faults.lost_before = 1.0
    stage.finish(0)
    stage.reconcile()
    stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough", stage.now)
    stage.reconcile(later=LIFETIME + 1)
    assert (stage.statuses(), stage.table._active) == (["SUCCEEDED"] + ["SKIPPED"] * 21, set())


def test_children_are_described_with_their_own_ids() -> None:
    stage = _wide(20)
    stage.finish(4)
    groups = stage.described()["groups"]
    assert groups[4]["job_id"] == stage.job(4).job_id
    assert groups[5]["job_id"] == stage.job(5).job_id
    assert ":" in groups[5]["job_id"]


def test_any_number_of_children_goes_in_one_request_and_each_learns_what_is_its() -> None:
    stage = Stage(document([[] for _ in range(3000)], array_jobs=True))
    stage.start(params={"text": 'ü"' * 1000})
    assert stage.batch.counts["SubmitJob"] == 1
    assert [job.nodes for job in stage.batch.work] == [(f"n{number}",) for number in range(3000)]


def test_children_count_among_max_workers_one_by_one() -> None:
    stage = Stage(document([[] for _ in range(40)], array_jobs=True))
    stage.start(max_workers=15)
    assert sum(not job.over for job in stage.batch.work) == 15
    stage.finish(0)
    assert sum(not job.over for job in stage.batch.work) == 15


def test_an_array_costs_requests_by_the_shard_not_by_the_child() -> None:
    stage = _wide(250)
    stage.calls.clear()
    stage.deliver(*[stage.end(group) for group in range(1, 11)])
    assert stage.calls == {"get_array": 1, "put_outcomes": 1, "add_marks": 1, "get_run": 1}


def test_a_chain_never_becomes_an_array() -> None:
    stage = Stage(document(chain(30), array_jobs=True))
    stage.start()
    stage.finish_all()
    assert stage.batch.counts["SubmitJob"] == 30


def test_an_array_is_kept_only_once_its_id_is_known() -> None:
    stage, plans, first = Stage(document(chain(1))), Plans(), Mark(3)
    stage.table.put_array("run", Array(first, (first,)), 0)
    assert plans.array(stage.table, "run", first) == Array(first, (first,))
    recorded = Array(first, (first,), "job-1", 5)
    stage.table.put_array("run", recorded, 0)
    calls = stage.calls["get_array"]
    assert [plans.array(stage.table, "run", first) for _ in range(3)] == [recorded] * 3
    assert stage.calls["get_array"] == calls + 1


def test_a_process_keeps_a_few_plans() -> None:
    stage = Stage(document(chain(1)))
    runs = [stage.start(key=f"given:{number}").run_id for number in range(4)]
    plans = Plans(most=2)
    first = plans.get(stage.table, runs[0])
    plans.get(stage.table, runs[1])
    assert plans.get(stage.table, runs[0]) is first
    plans.get(stage.table, runs[2])
    assert plans.get(stage.table, runs[0]) is not first
