"""Metrics, and the alarms that they raise, over hours of a run's life."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from adapters.ports import UnavailableError
from dag.shards import Shard
from dag.status import RunStatus
from runs.counting import Count
from tests.runs.alarms import STALLED_HOURS, alarms
from tests.runs.stage import LIFETIME, Stage
from tests.simulation.graphs import chain, document

MINUTE = 60_000
HOUR = 60 * MINUTE


def raised(stage: Stage) -> set[str]:
    """Return the alarms that are on now."""
    return {name for name, alarm in alarms().items() if alarm.raised(stage.counted, stage.now)}


def minutes(stage: Stage, count: int, reconciling: bool = True) -> set[str]:
    """Let minutes pass, each with its reconcile, and return the alarms that came."""
    seen: set[str] = set()
    for _ in range(count):
        stage.now += MINUTE
        if reconciling:
            with suppress(RuntimeError, UnavailableError):  # an alarm on errors notices these
                stage.reconcile()
        seen |= raised(stage)
    return seen


def begun(nodes: int, **request: Any) -> Stage:
    """Return a stage on which reconcile has run for a while, and a started run."""
    stage = Stage(document(chain(nodes)))
    minutes(stage, 10)
    stage.start(**request)
    return stage


def cancelled(stage: Stage) -> None:
    """Cancel the run as cancel_run does."""
    stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough", stage.now)
    stage.advance()


def test_a_run_that_goes_well_raises_nothing() -> None:
    stage = begun(3)
    seen = set()
    for _ in range(3):
        stage.finish(len(stage.submitted()) - 1)
        seen |= minutes(stage, 60)
    assert (stage.run.status, seen) == (RunStatus.SUCCEEDED, set())
    assert stage.totals("JobsSubmitted", "JobsEnded", "RunsStarted", "FailedRuns") == (3, 3, 1, 0)


def _twice(stage: Stage) -> None:
    job = stage.end(0)
    stage.deliver(job, job)
    stage.deliver(job)


def _lost(stage: Stage) -> None:
    stage.end(0)
    stage.reconcile()


def _fails(stage: Stage) -> None:
    stage.finish(0, exit_code=1)


def _cancelled(stage: Stage) -> None:
    cancelled(stage)
    minutes(stage, 1)


def _never_submitted(stage: Stage) -> None:
    stage.table.claim(stage.run_id, 0, [1])
    cancelled(stage)
    minutes(stage, 2 + 2 * LIFETIME // MINUTE)


@pytest.mark.parametrize("fate", [_twice, _lost, _fails, _cancelled, _never_submitted])
def test_as_many_jobs_were_submitted_as_have_ended_whoever_did_it(fate: Callable[[Stage], None]) -> None:
    stage = begun(2)
    fate(stage)
    stage.finish_all()
    minutes(stage, 5)
    assert stage.table._active == set()
    assert stage.totals("JobsSubmitted", "JobsEnded") == (len(stage.batch.work), len(stage.batch.work))


def test_a_job_whose_submitter_was_lost_is_counted_when_it_is_adopted() -> None:
    stage = begun(1)
    stage.table._shards[stage.run_id][0] = Shard(0, claimed=frozenset({0}))  # the submitter came no further
    stage.counted.clear()
    minutes(stage, 1 + LIFETIME // MINUTE)
    assert stage.totals("JobsSubmitted", "LostClaims") == (0, 0)
    minutes(stage, 2)
    assert stage.totals("JobsSubmitted", "LostClaims") == (1, 1)


def test_a_repeated_key_starts_and_counts_one_run() -> None:
    stage = begun(1)
    for _ in range(3):
        stage.start()
    assert stage.totals("RunsStarted", "JobsSubmitted") == (1, 1)


def test_a_failure_is_counted_although_the_answer_to_its_end_was_lost() -> None:
    stage = begun(1)
    end_run = stage.table.end_run

    def lost(*given: Any) -> bool:
        end_run(*given)
        return False  # the SDK asked again, and found the run ended

    stage.table.end_run = lost  # type: ignore[method-assign, assignment]
    stage.finish(0, exit_code=1)
    assert stage.totals("FailedRuns") == (1,)
    assert "FailedRunsAlarm" in minutes(stage, 5)


def test_a_failure_is_counted_although_who_ended_the_run_came_no_further() -> None:
    stage = begun(1)
    stage.bus_is_out = True
    assert stage.deliver(stage.end(0, exit_code=1)).failed == ["m0"]
    assert "FailedRunsAlarm" in raised(stage)
    minutes(stage, 2)
    stage.bus_is_out = False
    minutes(stage, 2)
    counted = stage.totals("FailedRuns")[0]
    minutes(stage, 10)
    assert stage.totals("FailedRuns") == (counted,)


def test_it_is_noticed_that_reconcile_has_stopped_or_never_ends() -> None:
    stage = begun(1)
    assert minutes(stage, 9, reconciling=False) == set()
    assert minutes(stage, 2, reconciling=False) == {"ReconcileStoppedAlarm"}
    assert "ReconcileStoppedAlarm" not in minutes(stage, 5) & raised(stage)
    stage.table.active = _raising  # type: ignore[method-assign, assignment]
    assert "ReconcileStoppedAlarm" in minutes(stage, 11)


def _raising(*_: Any) -> Any:
    raise RuntimeError("no")


def test_a_run_that_can_not_be_recovered_hides_no_others() -> None:
    stage = begun(1, key="given:1")
    broken = stage.run_id
    stage.start(key="given:2")
    shards = stage.table.shards
    stage.table.shards = lambda run_id, after: _raising() if run_id == broken else shards(run_id, after)  # type: ignore[method-assign]
    before = len(stage.counted)
    assert minutes(stage, STALLED_HOURS * 60 + 1) == {"StalledRunsAlarm"}
    open_runs = {one.value for one in stage.counted[before:] if one.name == Count.OPEN_RUNS.value}
    assert open_runs == {2}


def test_a_run_that_is_over_is_not_open_though_it_is_not_settled() -> None:
    stage = begun(1)
    stage.batch.terminate_job = lambda **_: {}  # type: ignore[method-assign]
    cancelled(stage)
    assert minutes(stage, STALLED_HOURS * 60 + 1) == set()
    assert stage.table._active == {stage.run_id}


def test_in_an_outage_of_events_no_run_is_called_stalled_and_the_outage_is_noticed() -> None:
    stage = begun(2 * STALLED_HOURS)
    seen = set()
    for _ in range(2 * STALLED_HOURS - 1):
        stage.end(len(stage.submitted()) - 1)
        seen |= minutes(stage, 14)
    assert seen == {"LostEventsAlarm"}


def test_a_job_that_takes_for_ever_is_noticed() -> None:
    stage = begun(1)
    assert minutes(stage, STALLED_HOURS * 60 - 1) == set()
    assert minutes(stage, 60) == {"StalledRunsAlarm"}


def test_each_thing_is_counted_when_it_happens_and_announced_with_how_long_it_took() -> None:
    stage = Stage(document(chain(1)))
    names = ("RunsStarted", "JobsSubmitted", "JobsEnded", "FailedRuns")
    begun = stage.start().created_at
    assert stage.totals(*names) == (1, 1, 0, 0)
    stage.now += 5_000
    stage.finish(0)
    assert stage.totals(*names) == (1, 1, 1, 0)
    assert [told["duration_ms"] for told in stage.announced] == [None, stage.now - begun]


def test_what_adds_nothing_is_not_counted_not_even_as_nothing() -> None:
    stage = begun(2)
    job = stage.end(0)
    added: list[dict[str, int]] = []
    stage.add = added.append  # type: ignore[method-assign, assignment]
    stage.deliver(job)
    stage.deliver(job)
    assert added == [{"JobsEnded": 1}, {"JobsSubmitted": 1}]
