"""What reconcile repairs, and that it does nothing if nothing is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from dag.jobs import run_id_at
from dag.shards import Mark, Shard
from dag.status import RunStatus
from runs.reading import in_turn
from tests.runs.stage import LIFETIME, Stage
from tests.simulation.graphs import chain, document


def test_with_no_run_open_it_makes_one_call() -> None:
    stage = Stage(document(chain(1)))
    assert stage.reconcile() == {"runs": 0, "repaired": 0}
    assert (stage.calls, stage.batch.counts) == ({"active": 1}, {})


def test_a_run_that_misses_nothing_takes_eight_requests() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    before = dict(stage.calls)
    assert stage.reconcile() == {"runs": 1, "repaired": 0}
    made = {name: count - before.get(name, 0) for name, count in stage.calls.items()}
    expected = {"active": 1, "get_runs": 1, "get_run": 2, "shards": 2, "jobs": 1, "DescribeJobs": 1}
    assert {name: count for name, count in made.items() if count} == expected


def test_a_lost_event_is_made_good() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    stage.end(0)
    assert stage.reconcile() == {"runs": 1, "repaired": 1}
    assert stage.submitted() == [0, 1]


def test_a_run_whose_last_event_was_lost_ends() -> None:
    stage = Stage(document(chain(1)))
    stage.start()
    stage.end(0)
    stage.reconcile()
    assert (stage.run.status.value, stage.table._active) == ("SUCCEEDED", {stage.run_id})
    stage.reconcile(later=LIFETIME + 1)
    assert stage.table._active == set()


def test_what_a_slow_invocation_claims_after_the_end_and_dies_with_is_accounted_for() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    stage.finish(0, exit_code=1)
    stage.reconcile()
    stage.table.claim(stage.run_id, 0, [Mark(1).number])  # it had read that the run was in progress
    assert stage.table._active == {stage.run_id}
    for _ in range(3):
        stage.reconcile(later=LIFETIME + 1)
    assert (stage.statuses(), stage.table._active) == (["FAILED", "SKIPPED"], set())


def test_a_claim_is_left_alone_while_its_owner_may_live() -> None:
    stage = _with_a_lost_submitter()
    stage.reconcile()
    stage.reconcile(later=LIFETIME)
    assert stage.submitted() == []
    assert stage.calls["put_suspects"] == 1


def test_a_claim_seen_by_a_clock_that_is_ahead_waits_no_longer_than_others() -> None:
    stage = _with_a_lost_submitter()
    stage.table.put_suspects(stage.run_id, {0: {Mark(0).number: stage.now + 3_600_000}}, 0)
    stage.reconcile()
    stage.reconcile(later=LIFETIME + 1)
    assert stage.submitted() == [0]


def test_a_claim_whose_owner_is_lost_is_submitted_once() -> None:
    stage = _with_a_lost_submitter()
    stage.reconcile()
    stage.reconcile(later=LIFETIME + 1)
    stage.reconcile(later=LIFETIME + 1)
    assert stage.submitted() == [0]
    assert not {"get_shards", "arrays", "workers"} & stage.calls.keys()


@pytest.mark.parametrize(("policy", "becomes"), [("drain", "SKIPPED"), ("continue", "SUBMITTED")])
def test_a_claim_whose_owner_is_lost_goes_by_the_runs_policy(policy: str, becomes: str) -> None:
    stage = Stage(document([[], [], [1]]))
    stage.start(on_failure=policy)
    stage.faults.lost_before = 1.0
    stage.finish(1)
    stage.faults.lost_before = 0.0
    stage.finish(0, exit_code=1)
    stage.reconcile()
    stage.reconcile(later=LIFETIME + 1)
    assert stage.statuses() == ["FAILED", "SUCCEEDED", becomes]
    assert stage.run.status is (RunStatus.FAILED if becomes == "SKIPPED" else RunStatus.RUNNING)


def test_what_lost_submitters_may_have_left_is_looked_for_only_where_there_were_any() -> None:
    stage = Stage(document(chain(2), array_jobs=True, warm_containers=True))
    stage.start()
    stage.reconcile()
    assert not {"arrays", "workers"} & stage.calls.keys()


def test_a_job_that_was_accepted_without_an_answer_is_adopted() -> None:
    stage = Stage(document(chain(2)))
    stage.faults.lost_after = 1.0
    stage.start()
    stage.faults.lost_after = 0.0
    stage.reconcile()
    stage.reconcile(later=LIFETIME + 1)
    assert stage.submitted() == [0]
    assert stage.described()["groups"][0]["job_id"] == stage.job(0).job_id
    stage.finish(0)
    assert stage.submitted() == [0, 1]


def test_a_job_that_had_ended_before_it_was_adopted_leads_on_at_once() -> None:
    stage = Stage(document(chain(2)))
    stage.faults.lost_after = 1.0
    stage.start()
    stage.faults.lost_after = 0.0
    stage.reconcile()
    stage.end(0)
    assert stage.reconcile(later=LIFETIME + 1) == {"runs": 1, "repaired": 2}  # the claim, and the event
    assert stage.submitted() == [0, 1]


def test_a_claim_of_a_cancelled_run_is_accounted_for_as_never_submitted() -> None:
    stage = _with_a_lost_submitter()
    stage.reconcile()
    stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough", stage.now)
    stage.reconcile(later=LIFETIME + 1)
    assert (stage.submitted(), stage.statuses(), stage.table._active) == ([], ["SKIPPED", "SKIPPED"], set())


def test_a_job_adopted_in_a_cancelled_run_is_terminated() -> None:
    stage = Stage(document(chain(2)))
    stage.faults.lost_after = 1.0
    stage.start()
    stage.faults.lost_after = 0.0
    stage.reconcile()
    stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough", stage.now)
    stage.reconcile(later=LIFETIME + 1)
    assert stage.job(0).over
    stage.reconcile(later=LIFETIME + 1)
    assert (stage.statuses(), stage.table._active) == (["CANCELLED", "SKIPPED"], set())


def test_a_lost_aborter_is_made_good() -> None:
    stage = Stage(document([[], []]))
    stage.start()
    stage.table.end_run(stage.run_id, RunStatus.FAILED, "n0 failed", stage.now)
    stage.reconcile()
    assert all(job.over for job in stage.batch.jobs.values())


def test_an_end_that_was_not_announced_is() -> None:
    stage = Stage(document(chain(1)))
    stage.start()
    stage.table.add_marks(stage.run_id, 0, {"succeeded": [0]})
    stage.table.end_run(stage.run_id, RunStatus.SUCCEEDED, None, stage.now)
    stage.end(0)
    stage.reconcile()
    assert [detail["status"] for detail in stage.announced] == ["RUNNING", "SUCCEEDED"]


def test_a_start_is_announced_by_reconcile_once_nobody_who_might_is_alive() -> None:
    stage = Stage(document(chain(1)))
    stage.bus_is_out = True
    begun = stage.start().created_at
    stage.bus_is_out = False
    stage.reconcile(later=begun + LIFETIME - stage.now)
    assert stage.announced == []
    stage.reconcile(later=1)
    stage.reconcile(later=1)
    assert [detail["status"] for detail in stage.announced] == ["RUNNING"]


def test_a_run_that_reconcile_ends_is_announced_once_whether_its_start_was_or_not() -> None:
    stage = Stage(document(chain(1)))
    stage.bus_is_out = True
    stage.start()
    stage.bus_is_out = False
    stage.table.add_marks(stage.run_id, 0, {"failed": [0]})  # by one that died before it ended the run
    stage.reconcile(later=LIFETIME + 1)
    assert [detail["status"] for detail in stage.announced] == ["RUNNING", "FAILED"]
    assert stage.totals("FailedRuns") == (1,)


def test_a_job_that_batch_has_forgotten_fails_its_run() -> None:
    stage = Stage(document(chain(1)))
    stage.start()
    stage.batch.jobs.clear()
    stage.reconcile(later=1_000)
    assert stage.run.status.value == "RUNNING"
    stage.reconcile(later=3_600_000)
    assert (stage.run.reason or "").startswith("n0 failed: Batch no longer knows the job")


def test_an_entry_of_a_run_that_was_never_made_is_dropped() -> None:
    stage = Stage(document(chain(1)))
    unfinished = run_id_at(stage.now)
    stage.table.put_active(unfinished)
    stage.reconcile(later=LIFETIME)
    assert stage.table._active
    stage.reconcile(later=1)
    assert not stage.table._active
    assert stage.table.void_run(unfinished, 0)  # and none is made of it any more


def test_a_start_that_is_repeated_as_its_entry_is_dropped_makes_a_run_that_is_on_the_list() -> None:
    """Reconcile finds no run, the start makes one, reconcile drops the entry: in this order the run would be lost."""
    stage = Stage(document(chain(1)))
    stage.start()
    begun, stage.table._runs = stage.table._runs, {}
    stage.now += LIFETIME + 1
    void = stage.table.void_run

    def repeated_meanwhile(run_id: str, expires_at: int) -> bool:
        stage.table._runs = begun
        return void(run_id, expires_at)

    stage.table.void_run = repeated_meanwhile  # type: ignore[method-assign]
    stage.reconcile()
    assert set(begun) == stage.table._active


def test_a_start_repeated_after_its_entry_was_dropped_makes_another_run() -> None:
    stage = Stage(document(chain(1)))
    key = "given:1"
    first = run_id_at(stage.now)
    stage.table.put_key(key, first, 0)
    stage.table.put_active(first)
    stage.reconcile(later=LIFETIME + 1)
    run = stage.start(key)
    assert run.run_id != first
    stage.reconcile()  # drops the entry that the repeated start wrote of the first
    assert (stage.table._active, stage.table._keys[key]) == ({run.run_id}, run.run_id)


def test_jobs_are_described_a_hundred_at_a_time() -> None:
    stage = Stage(document([[] for _ in range(250)]))
    stage.start()
    stage.reconcile()
    assert stage.batch.counts["DescribeJobs"] == 3


def test_one_run_that_cannot_be_recovered_does_not_keep_the_others_waiting() -> None:
    stage = Stage(document(chain(1)))
    first = stage.start(key="given:1").run_id
    stage.start(key="given:2")
    stage.end(0)
    get_run = stage.table.get_run

    def broken(run_id: str) -> Any:
        if run_id == first:
            raise RuntimeError("the table is on fire")
        return get_run(run_id)

    stage.table.get_run = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="on fire"):
        stage.reconcile()
    assert stage.run.status.value == "SUCCEEDED"


def test_runs_that_there_is_no_time_for_are_left_to_another_minute() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    stage.end(0)
    stage.left = 14.0
    assert stage.reconcile() == {"runs": 0, "repaired": 0}
    assert stage.submitted() == [0]


def test_what_is_repaired_is_counted_and_runs_that_are_over_are_not_open() -> None:
    stage = Stage(document(chain(1)))
    for number in range(101):  # one more than one request takes
        stage.start(key=f"given:{number}")
    stage.end(0)
    assert stage.reconcile() == {"runs": 101, "repaired": 1}
    assert stage.totals("OpenRuns", "LostEvents", "LostClaims") == (101, 1, 0)
    stage.counted.clear()
    stage.reconcile()
    assert [one for one in stage.counted if one.name.startswith("Lost")] == []
    assert stage.totals("OpenRuns") == (100,)


def test_no_run_is_starved_when_time_runs_short() -> None:
    runs = [f"run {number:03}" for number in range(120)]
    reached = set[str]()
    for minute in range(20):  # time for a third of them, each minute
        reached.update(in_turn(runs, minute * 60_000)[:40])
    assert reached == set(runs)
    assert sorted(in_turn(runs, 0)) == runs


def _with_a_lost_submitter() -> Stage:
    """Return a stage whose first group was claimed by an invocation that died before it submitted."""
    stage = Stage(document(chain(2)))
    stage.faults.lost_before = 1.0
    stage.start()
    stage.faults.lost_before = 0.0
    assert stage.submitted() == []
    return stage


def test_the_lost_submitter_of_these_tests_is_one() -> None:
    stage = _with_a_lost_submitter()
    assert stage.dispatcher.view(stage.run_id).open_claims() == [Mark(0)]
    assert stage.batch.work == []


def test_an_array_that_is_adopted_keeps_the_time_of_its_submission() -> None:
    stage = Stage(document([[], [], []], array_jobs=True))
    stage.start()
    recorded = dict(stage.table._arrays[stage.run_id])
    stage.table._shards[stage.run_id][0] = Shard(0, claimed=frozenset({0, 1, 2}))  # its submitter came no further
    stage.reconcile()
    stage.reconcile(later=LIFETIME + 1)
    assert (stage.statuses(), stage.table._arrays[stage.run_id]) == (["SUBMITTED"] * 3, recorded)
    assert not stage.dispatcher.view(stage.run_id).open_claims()


def test_claims_of_a_run_that_is_over_are_accounted_for_slice_by_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.recovery._ACCOUNTED", 2)
    stage = Stage(document([[]] * 5))
    stage.faults.lost_before = 1.0
    stage.start()
    stage.faults.lost_before = 0.0
    stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough", stage.now)
    stage.reconcile()
    stage.calls.clear()
    stage.reconcile(later=LIFETIME + 1)
    assert (stage.calls["claim"], stage.statuses()) == (3, ["SKIPPED"] * 5)
