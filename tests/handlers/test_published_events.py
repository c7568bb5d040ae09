"""Real events that AWS sent to others, through the function that gets them. Only the job's owner is replaced."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest

from tests.handlers.play import Context
from tests.runs.stage import Stage
from tests.simulation.batch import SimulatedJob
from tests.simulation.graphs import chain, document

EVENTS = Path(__file__).parents[1] / "golden/events/published"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/spaceflights:1"
NO_MANIFEST = f"Error response from daemon: manifest for {IMAGE} not found: manifest unknown: Requested image not found"
EXITED = "Essential container in task exited"
#: The owner of the job in the files.
NAME = re.compile(r"spaceflights--2026-11-22T13-11-00-123Z--0-0(a0)?--train_model_node")
JOB_ID = "4c7599ae-0a82-49aa-ba5a-4727fcce14a8"


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A run of two nodes, one after the other, that may get more memory if they run out of it."""
    return started(monkeypatch, Stage(document(chain(2), memory_retry={"factor": 2, "max": 3000})))


def started(patch: pytest.MonkeyPatch, stage: Stage) -> Stage:
    patch.setattr("handlers.job_state_change.dispatcher", lambda _: stage.dispatcher)
    stage.start()
    return stage


def hear(event: str, job: SimulatedJob) -> None:
    """Send a file to the function as a message of its queue, as if it were about a job of ours."""
    text = (EVENTS / f"{event}.json").read_text(encoding="utf-8")
    body = NAME.sub(job.name, text).replace(JOB_ID, job.job_id.partition(":")[0])
    answer = importlib.import_module("handlers.job_state_change").handler(
        {"Records": [{"messageId": "1", "body": body}]}, Context()
    )
    assert answer == {"batchItemFailures": []}


@pytest.mark.parametrize(("event", "earlier"), [("succeeded", []), ("host_reclaimed_then_succeeded", [1765040671155])])
def test_what_follows_a_job_that_succeeded_is_submitted(stage: Stage, event: str, earlier: list[int]) -> None:
    hear(event, stage.job(0))
    first, second = stage.described()["groups"]
    assert (first["status"], first["exit_code"], second["status"]) == ("SUCCEEDED", 0, "RUNNING")
    assert [attempt["ended_at"] for attempt in first["batch_attempts"]] == earlier
    assert stage.submitted() == [0, 1]


def test_a_job_that_ran_out_of_memory_has_more_whatever_its_exit_code(stage: Stage) -> None:
    hear("out_of_memory", stage.job(0))
    assert (stage.submitted(), stage.job(0).memory, stage.run.status.value) == ([0, 0], 2000, "RUNNING")


@pytest.mark.parametrize(
    ("event", "exit_code", "reason"),
    [
        ("timed_out", 137, "Job attempt duration exceeded timeout"),
        ("ended_by_an_operator", 137, "Operator cancelled"),
        ("host_reclaimed", None, "Host EC2 (instance i-0123456789abcdef0) terminated."),
        ("overrides_too_long", None, "Container Overrides length must be at most 8192"),
        (
            "image_not_pulled",
            None,
            f"Task failed to start; CannotPullContainerError: {NO_MANIFEST}",
        ),
        (
            "container_not_inspected",
            None,
            f"{EXITED}; CannotInspectContainerError: Could not transition to inspecting; timed out after waiting 30s",
        ),
    ],
)
def test_a_job_that_failed_fails_the_run_with_batch_s_reason_and_is_not_given_more_memory(
    stage: Stage, event: str, exit_code: int | None, reason: str
) -> None:
    hear(event, stage.job(0))
    first = stage.described()["groups"][0]
    assert (first["status"], first["exit_code"], first["reason"]) == ("FAILED", exit_code, reason)
    assert (stage.run.status.value, stage.submitted()) == ("FAILED", [0])


def test_an_array_s_child_is_told_by_its_index_and_its_parent_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = started(monkeypatch, Stage(document([[], [], []], array_jobs=True)))
    hear("array_child", stage.job(1))
    told = [group["status"] for group in stage.described()["groups"]]
    assert told == ["RUNNING", "SUCCEEDED", "RUNNING"]
    hear("array_parent", stage.job(1))
    assert [group["status"] for group in stage.described()["groups"]] == told


def test_a_job_that_blocks_its_queue_has_not_ended_and_its_reason_has_a_remedy(stage: Stage) -> None:
    hear("queue_blocked", stage.job(0))
    assert (stage.run.status.value, stage.submitted()) == ("RUNNING", [0])
    stage.job(0).waits_for = json.loads((EVENTS / "queue_blocked.json").read_text())["detail"]["statusReason"]
    (blocked,) = stage.described()["blocked"]
    assert blocked["code"] == "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
    assert blocked["remedy"]


def test_each_file_has_its_source() -> None:
    told = (EVENTS / "SOURCES.md").read_text(encoding="utf-8")
    assert [path.stem for path in EVENTS.glob("*.json") if f"`{path.stem}`" not in told] == []
