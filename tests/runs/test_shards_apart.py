"""Runs whose groups lie in shards of their own, so that an invocation sees of others only what it reads."""

from __future__ import annotations

import pytest

from dag.records import Outcome
from dag.shards import Mark
from dag.status import RunStatus
from tests.runs.stage import LIFETIME, DiedError, Interrupted, Stage, died
from tests.simulation.graphs import chain, document


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dag.shards.SHARD_SIZE", 1)


def test_a_draining_run_ends_with_its_last_job_whoever_merges_it() -> None:
    stage = Stage(document([[], [], []]))
    stage.start(on_failure="drain")
    stage.finish(1, exit_code=1)
    stage.finish(0, exit_code=1)
    assert stage.run.status.value == "RUNNING"
    stage.finish(2)
    assert stage.run.status is RunStatus.FAILED
    assert (stage.run.reason or "").startswith("n1 failed")
    assert stage.calls["flag_failure"] == 1


def test_what_an_invocation_has_not_read_of_a_run_is_not_over() -> None:
    stage = Stage(document([[], [], [1]]))
    stage.start()
    stage.finish(0)  # a sink, so all sinks are read, and group 1 is none
    assert stage.run.status is RunStatus.RUNNING


def test_a_refusal_after_a_failure_does_not_end_a_run_whose_jobs_go_on() -> None:
    stage = Stage(document([[], [], [], [1]]))
    stage.start(on_failure="continue")
    stage.finish(0, exit_code=1)
    stage.batch.queues = frozenset()
    stage.finish(1)
    assert stage.statuses() == ["FAILED", "SUCCEEDED", "SUBMITTED", "FAILED"]
    assert stage.run.status is RunStatus.RUNNING


def test_a_failure_among_other_ends_aborts_the_run() -> None:
    stage = Stage(document([[], [], [1]]))
    stage.start()
    stage.deliver(stage.end(0, exit_code=1), stage.end(1))
    assert (stage.run.status, stage.submitted()) == (RunStatus.FAILED, [1, 0])


def test_a_failure_whose_teller_died_is_noticed_by_whoever_looks_next() -> None:
    stage = Stage(document([[], []]))
    stage.start()
    stage.table.add_marks(stage.run_id, 0, {"failed": [Mark(0).number]})
    stage.advance()
    assert (stage.run.status, stage.job(1).over) == (RunStatus.FAILED, True)


def test_a_failure_whose_teller_died_is_told_with_its_own_reason() -> None:
    stage = Stage(document([[], []], memory_retry={"factor": 2, "max": 3000}))
    stage.start()
    first, second = Mark(0), Mark(0, 1)
    ends = [Outcome(first, succeeded=False, reason="first"), Outcome(second, succeeded=False, reason="second")]
    stage.table.put_outcomes(stage.run_id, ends, 0)
    stage.table.add_marks(stage.run_id, 0, {"failed": [first.number, second.number], "retried": [first.number]})
    stage.advance()
    assert stage.run.reason == "n0 failed: second"


def test_a_failure_makes_up_for_an_aborter_that_died() -> None:
    stage = Stage(document([[], [], []]))
    stage.start()
    stage.table.end_run(stage.run_id, RunStatus.FAILED, "n0 failed", stage.now)
    stage.finish(1, exit_code=1)
    assert (stage.job(0).over, stage.job(2).over) == (True, True)


def test_what_ends_after_its_run_costs_no_look_at_the_whole_of_it() -> None:
    stage = Stage(document([[], []]))
    stage.start()
    stage.finish(0, exit_code=1)
    stage.calls.clear()
    stage.deliver(stage.job(1))  # which we terminated
    assert stage.calls == {"get_jobs": 1, "put_outcomes": 1, "add_marks": 1, "get_run": 1}


def test_a_join_whose_parents_shard_lacks_one_reads_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dag.shards.SHARD_SIZE", 2)
    stage = Stage(document([[], [], [], [], [0, 1, 2, 3]]))
    stage.start()
    stage.calls.clear()
    stage.finish(0)
    assert "get_shards" not in stage.calls
    stage.finish(1)
    assert stage.calls["get_shards"] == 1


def test_what_was_submitted_by_one_that_died_before_it_said_so_is_accounted_for_by_its_end() -> None:
    stage = Interrupted(document([[], []]))
    stage.before = ("add_marks", died)
    with pytest.raises(DiedError):
        stage.start()
    (stage.run_id,) = stage.table._runs
    for group in (0, 1):
        stage.finish(group)
    assert stage.dispatcher.view(stage.run_id).accounted()
    assert stage.run.status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("warm", [False, True])
def test_no_request_asks_for_more_than_it_may(warm: bool) -> None:
    roots = 130  # BatchGetItem takes a hundred keys
    stage = Stage(document([*([] for _ in range(roots)), range(roots)], array_jobs=True, warm_containers=warm))
    stage.faults.lost_before = 1.0
    stage.start()
    stage.faults.lost_before = 0.0
    stage.reconcile()
    stage.reconcile(later=LIFETIME + 1)
    assert sorted(stage.submitted()) == list(range(roots))
    assert stage.deliver(*[stage.end(group) for group in range(roots)]).failed == []
    assert stage.submitted()[roots:] == [roots]


def test_no_request_asks_for_more_than_it_may_of_jobs_that_nobody_has_recorded() -> None:
    stage = Stage(document([[] for _ in range(130)], array_jobs=False))
    stage.faults.lost_after = 1.0
    stage.start()
    stage.faults.lost_after = 0.0
    assert stage.deliver(*[stage.end(group) for group in range(130)]).failed == []
    assert stage.run.status is RunStatus.SUCCEEDED


def test_a_run_that_the_table_has_forgotten_is_left_alone() -> None:
    for most in (None, 1):
        stage = Stage(document(chain(2)))
        stage.start(max_workers=most)
        job = stage.end(0)
        del stage.table._runs[stage.run_id]
        assert stage.deliver(job).failed == []
        assert len(stage.batch.work) == 1
