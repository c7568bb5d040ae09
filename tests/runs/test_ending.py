"""What is done for a run that is over, whatever happens at the same moment."""

from __future__ import annotations

import pytest

from dag import limits
from dag.durations import load_durations
from dag.records import OUR_REASON
from dag.status import RunStatus
from tests.runs.stage import LIFETIME, Interrupted, Stage
from tests.simulation.graphs import chain, document


def test_a_job_that_is_submitted_just_before_the_run_ends_is_terminated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its submitter saw the run in progress, so whoever ended the run handles it, and had read before."""
    monkeypatch.setattr("dag.shards.SHARD_SIZE", 1)  # so that it does not see the failure beside its own shard
    stage = Interrupted(document([[], [], [0], [2]]))
    stage.start()
    succeeded, failed = stage.end(0), stage.end(1, exit_code=1)
    stage.before = ("end_run", lambda: stage.deliver(succeeded))
    stage.deliver(failed)
    assert stage.submitted() == [0, 1, 2]
    assert stage.job(2).over


def test_a_start_that_was_not_announced_is_announced_before_the_end() -> None:
    stage = Stage(document(chain(1)))
    stage.bus_is_out = True
    stage.start()
    stage.bus_is_out = False
    stage.finish(0)
    assert [detail["status"] for detail in stage.announced] == ["RUNNING", "SUCCEEDED"]
    assert stage.announced[0]["ended_at"] is None


def test_what_a_run_took_is_learned_when_it_ends_and_no_more_of_it_later() -> None:
    stage = Stage(document(chain(1)))
    stage.start()
    stage.now += 5_000
    stage.finish(0)
    (packed,) = stage.table._durations.values()
    known = {name: round(seconds) for name, seconds in load_durations(packed).items()}
    assert sorted(known.values()) == [0, 5]
    assert known["start queue definition"] == 0
    stage.advance()
    assert stage.calls["put_durations"] == 1


def test_a_settled_run_is_listed_until_its_retention_is_over() -> None:
    stage = Stage(document(chain(1)))
    stage.start()
    stage.finish(0)
    listed: list[tuple[str, int]] = []
    stage.table.put_listing = lambda run_id, expires_at: listed.append((run_id, expires_at))  # type: ignore[method-assign]
    stage.reconcile(later=LIFETIME + 1)
    assert listed == [(stage.run_id, (stage.run.ended_at or 0) // 1000 + 86_400)]


def test_a_run_that_teaches_nothing_writes_nothing_of_it_down() -> None:
    stage = Stage(document(chain(1)))
    stage.start()
    stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough", stage.now)
    stage.advance()
    assert [detail["status"] for detail in stage.announced] == ["RUNNING", "CANCELLED"]
    assert "put_durations" not in stage.calls


def test_a_reason_of_any_length_is_cut_to_what_batch_takes() -> None:
    stage = Stage(document(chain(1)))
    stage.start()
    stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough " * 1000, stage.now)
    stage.advance()
    assert limits.REASON.allows(len(stage.job(0).reason or ""))


def test_what_there_is_no_time_to_terminate_is_handed_over_and_only_that() -> None:
    stage = Stage(document([[], []]))
    stage.start()
    stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough", stage.now)
    stage.left = 1.0
    stage.advance()
    assert ([stage.job(group).over for group in (0, 1)], stage.handed_over) == ([False, False], [stage.run_id])
    stage.left = 60.0
    stage.advance()
    assert ([stage.job(group).over for group in (0, 1)], stage.handed_over) == ([True, True], [stage.run_id])


def test_a_job_that_is_terminated_though_its_run_went_well_is_told_so() -> None:
    stage = Stage(document(chain(1)))
    stage.start()
    stage.table.end_run(stage.run_id, RunStatus.SUCCEEDED, None, stage.now)
    stage.advance()
    assert stage.job(0).reason == f"{OUR_REASON}the run is SUCCEEDED: no reason given"


def test_a_job_that_is_submitted_as_its_run_ends_is_terminated_by_its_submitter() -> None:
    """Whoever ended the run had read the shards before the job was in them."""
    stage = Interrupted(document(chain(2)))
    stage.start()
    stage.before = (
        "put_jobs",
        lambda: stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough", stage.now),
    )
    stage.finish(0)
    assert (stage.submitted(), stage.job(1).over) == ([0, 1], True)


def test_of_failures_that_come_together_the_first_that_is_told_is_the_reason() -> None:
    stage = Stage(document([[], []]))
    stage.start()
    stage.deliver(stage.end(1, exit_code=1), stage.end(0, exit_code=1))
    assert (stage.run.reason or "").startswith("n1 failed")


def test_what_batch_has_taken_costs_no_look_at_the_whole_run() -> None:
    stage = Stage(document(chain(3)))
    stage.start()
    stage.calls.clear()
    stage.finish(0)
    assert (stage.submitted(), "shards" in stage.calls) == ([0, 1], False)
