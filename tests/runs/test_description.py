"""The answers of describe_run and list_runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runs.description import listed_runs
from tests.runs.stage import Stage
from tests.simulation.graphs import chain, document


def test_a_group_is_described_with_its_job_its_times_and_its_end() -> None:
    stage = Stage(document(chain(2)))
    stage.start(description="nightly")
    stage.finish(0, exit_code=2)
    told = stage.described()
    job = stage.job(0)
    assert told["groups"][0] == {
        "index": 0,
        "nodes": ["n0"],
        "parents": [],
        "load_versions": {},
        "status": "FAILED",
        "attempt": 0,
        "job_id": job.job_id,
        "job_name": job.name,
        "submitted_at": job.accepted_at,
        "started_at": job.accepted_at,
        "ended_at": job.ended_at,
        "expected_ms": None,
        "exit_code": 2,
        "reason": "Essential container in task exited",
        "log_stream": f"log/{job.job_id}",
        "log_streams": [f"log/{job.job_id}"],
        "log_group": "/aws/batch/simulated",
        "batch_attempts": [],
        "shares_container": False,
        "container": None,
        "held_until": None,
        "earlier": [],
        "job_definition": "definition:1",
        "job_queue": "queue",
        "job_status": None,
        "resources": {"memory": 1000, "vcpus": 1},
    }
    assert (told["description"], told["status"], told["counts"]["SKIPPED"]) == ("nightly", "FAILED", 1)


def test_attempts_that_batch_repeats_are_told_with_their_times_also_of_a_job_in_flight() -> None:
    stage = Stage(document([[], []]))
    stage.start(on_failure="continue")
    lost = {"container": {"logStreamName": "log/lost"}, "startedAt": 1_000, "stoppedAt": 5_000}
    stage.job(0).attempts_before = [lost]
    stage.job(1).attempts_before = [lost, {**lost, "startedAt": 10**15, "stoppedAt": 10**15 + 1}]
    stage.finish(0)
    first, second = stage.described()["groups"]
    assert (first["status"], first["batch_attempts"]) == ("SUCCEEDED", [{"started_at": 1_000, "ended_at": 5_000}])
    assert first["started_at"] == stage.job(0).accepted_at
    assert (second["status"], [one["ended_at"] for one in second["batch_attempts"]]) == ("RUNNING", [5_000, 10**15 + 1])
    assert second["started_at"] == 10**15 + 1  # it began again after that, whichever attempt Batch's own time is of


def test_a_run_is_settled_once_all_its_jobs_are_known_to_have_ended() -> None:
    stage = Stage(document([[], []]))
    stage.start()
    stage.finish(0, exit_code=1)
    assert stage.described()["settled"] is False
    stage.deliver(stage.job(1))
    assert stage.described()["settled"] is True


def test_a_job_that_batch_calls_running_is_running() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    assert [group["status"] for group in stage.described()["groups"]] == ["RUNNING", "WAITING"]


def test_groups_come_page_by_page_and_counts_are_of_the_whole_run() -> None:
    stage = Stage(document([[] for _ in range(25)]))
    stage.start()
    pages = [stage.described(first, 10) for first in (0, 10, 20)]
    assert [page["next_page"] for page in pages] == ["10", "20", None]
    assert [group["index"] for page in pages for group in page["groups"]] == list(range(25))
    assert all(page["counts"]["RUNNING"] == 25 for page in pages)


def test_runs_are_listed_newest_first_and_by_status() -> None:
    stage = Stage(document(chain(1)))
    first = stage.start(key="given:1").run_id
    stage.finish_all()
    second = stage.start(key="given:2").run_id
    assert [run["run_id"] for run in listed_runs(stage.dispatcher, None, 20)] == [second, first]
    assert [run["run_id"] for run in listed_runs(stage.dispatcher, "SUCCEEDED", 20)] == [first]
    assert [run["run_id"] for run in listed_runs(stage.dispatcher, None, 1)] == [second]


def test_a_job_stuck_at_the_head_of_its_queue_is_told_with_the_remedy() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    stage.job(0).waits_for = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - 1 vCPU is more than 0"
    (blocked,) = stage.described()["blocked"]
    assert (blocked["nodes"], blocked["asks_for"], blocked["job_queue"]) == (["n0"], "1 vCPUs, 1000 MiB", "queue")
    assert blocked["code"] == "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    assert "Raise its maxvCpus" in blocked["remedy"]
    stage.job(0).waits_for = None
    assert stage.described()["blocked"] == []


def told_example() -> dict[str, Any]:
    """A second run of the same nodes; its first node ran out of memory once, and runs again with more."""
    stage = Stage(document(chain(2), memory_retry={"factor": 2, "max": 3000}))
    stage.start(key="given:1")
    stage.now += 5_000
    stage.finish_all()
    stage.start(key="given:2", description="nightly")
    stage.now += 3_000
    stage.finish(0, exit_code=137)
    stage.now += 1_000
    return stage.described()


GOLDEN = json.loads((Path(__file__).parents[1] / "golden/describe_run.json").read_text(encoding="utf-8"))


def test_what_is_told_is_the_golden_example_which_the_plugin_reads() -> None:
    assert json.loads(json.dumps(told_example())) == GOLDEN


@pytest.mark.parametrize(("done", "describe_jobs"), [(0, 8), (400, 4), (800, 0)])
def test_eight_hundred_groups_are_told_in_one_answer_by_a_few_calls(done: int, describe_jobs: int) -> None:
    stage = Stage(document([[] for _ in range(800)]))
    stage.start()
    stage.deliver(*[stage.end(group) for group in range(done)])
    stage.calls.clear()
    told = stage.described()
    assert (len(told["groups"]), told["next_page"], told["counts"]["SUCCEEDED"]) == (800, None, done)
    of_batch = stage.calls.pop("DescribeJobs", 0)
    # DescribeJobs takes a hundred jobs, with up to eight requests at a time.
    assert (of_batch, sum(stage.calls.values()) <= 5) == (describe_jobs, True), stage.calls


def test_a_page_ends_early_where_groups_have_very_many_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.description._PARENTS", 5)
    stage = Stage(document([[], [], [], [0, 1, 2], [0, 1, 2], [3, 4]]))
    stage.start()
    pages, first = [], 0
    while True:
        told = stage.described(first)
        pages.append([len(group["parents"]) for group in told["groups"]])
        if told["next_page"] is None:
            break
        first = int(told["next_page"])
    assert pages == [[0, 0, 0, 3], [3, 2]]
    assert stage.described(6)["groups"] == []
