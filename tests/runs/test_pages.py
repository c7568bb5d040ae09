"""How much describe_run and list_runs tell at once, and of whom."""

from __future__ import annotations

from typing import Any

import pytest

from dag.records import Job, Outcome
from dag.shards import Mark
from dag.status import RunStatus
from runs.containers import Known
from runs.description import _group, listed_runs
from tests.runs.stage import Stage, died
from tests.simulation.graphs import chain, document


def started(parents: list[list[int]], **request: Any) -> Stage:
    stage = Stage(document(parents))
    stage.start(**request)
    return stage


def indices(told: dict[str, Any]) -> list[int]:
    return [group["index"] for group in told["groups"]]


def test_a_job_that_batch_does_not_call_running_is_submitted() -> None:
    stage = started(chain(2))
    describe = stage.batch.describe_jobs
    stage.batch.describe_jobs = lambda jobs: {  # type: ignore[method-assign]
        "jobs": [{**job, "status": "RUNNABLE"} for job in describe(jobs=jobs)["jobs"]]
    }
    told = stage.described()
    assert [(group["status"], group["job_status"]) for group in told["groups"]] == [
        ("SUBMITTED", "RUNNABLE"),
        ("WAITING", None),
    ]
    assert (told["counts"]["SUBMITTED"], told["counts"]["RUNNING"]) == (1, 0)


def test_batch_is_asked_for_the_status_of_so_many_jobs_and_the_others_count_as_submitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = started([[], []])
    assert [one["status"] for one in stage.described()["groups"]] == ["RUNNING"] * 2
    monkeypatch.setattr("runs.description._MOST_DESCRIBED", 1)
    assert [one["status"] for one in stage.described()["groups"]] == ["RUNNING", "SUBMITTED"]


def test_a_run_that_goes_on_is_not_settled_though_no_job_is_at_work() -> None:
    stage = started(chain(2))
    stage.table.claim = died  # type: ignore[method-assign]
    stage.finish(0)
    told = stage.described()
    assert [group["status"] for group in told["groups"]] == ["SUCCEEDED", "WAITING"]
    assert (told["status"], told["settled"]) == ("RUNNING", False)


def test_a_page_is_as_long_as_was_asked_for_and_no_longer_than_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = started(chain(6))
    monkeypatch.setattr("runs.description._PARENTS", 3)  # groups 1 to 3 have so many
    assert indices(stage.described(0, 10)) == [0, 1, 2, 3]
    monkeypatch.setattr("runs.description.PAGE", 2)
    assert (indices(stage.described(0, 10)), indices(stage.described(0, 1))) == ([0, 1], [0])
    monkeypatch.setattr("runs.description.PAGE", 6)
    assert indices(stage.described(0, 2)) == [0, 1]


def test_a_page_has_a_group_however_many_parents_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = started([[], [], [0, 1], [0, 1]])
    monkeypatch.setattr("runs.description._PARENTS", 1)
    assert [indices(stage.described(first, 10)) for first in (0, 2, 3)] == [[0, 1], [2], [3]]


def test_runs_of_a_status_are_looked_for_page_by_page_and_no_more_are_listed_than_asked_for() -> None:
    stage = Stage(document(chain(1)))
    run_ids = []
    for number in range(4):
        run_ids.append(stage.start(key=f"given:{number}").run_id)
        if number == 2:
            stage.finish(0)
    listed = [run["run_id"] for run in listed_runs(stage.dispatcher, "RUNNING", 2)]
    assert listed == [run_ids[3], run_ids[1]]


def test_no_more_runs_are_read_at_once_than_a_request_takes() -> None:
    stage = started(chain(1))
    listings, asked = stage.table.listings, []

    def noted(before: str | None, limit: int) -> Any:
        asked.append(limit)
        return listings(before, limit)

    stage.table.listings = noted  # type: ignore[method-assign]
    for limit in (20, 1_000):
        listed_runs(stage.dispatcher, None, limit)
    assert asked == [20, 100]


def test_the_reason_is_that_of_the_end_and_before_that_the_failure_s() -> None:
    draining = started([[], []], on_failure="drain")
    draining.finish(0, exit_code=3)
    assert draining.described()["status"] == "RUNNING"
    assert "n0" in draining.described()["reason"]
    cancelled = started(chain(1))
    cancelled.table.end_run(cancelled.run_id, RunStatus.CANCELLED, "enough", cancelled.now)
    assert cancelled.described()["reason"] == "enough"


def test_a_job_is_named_by_its_record_or_by_its_end_or_as_it_will_be() -> None:
    stage = started(chain(1))
    plan = stage.dispatcher.plan(stage.run_id)
    ended = Outcome(Mark(0), succeeded=True, job_id="ended", name="as it ended")
    job = Job(Mark(0), "recorded", "as recorded", 5)

    def named(known: Known) -> tuple[str | None, str]:
        told = _group(plan, Mark(0), "SUCCEEDED", known)
        return told["job_id"], told["job_name"]

    assert named(Known(None, None, {})) == (None, plan.job_name(0, 0))
    assert named(Known(job, None, {})) == ("recorded", "as recorded")
    assert named(Known(None, ended, {})) == ("ended", "as it ended")
    assert named(Known(job, ended, {})) == ("ended", "as recorded")
    assert named(Known(None, Outcome(Mark(0), succeeded=True), {})) == (None, plan.job_name(0, 0))
