"""Batch's events, in the form that AWS documents, as they come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag.events import JobEnd, earlier_times, log_streams, read_end
from dag.jobs import JobName
from dag.records import LONGEST_REASON, NO_REASON, Outcome
from dag.shards import Mark

EVENTS = Path(__file__).parents[1] / "golden" / "events"
RUN_ID = "2026-11-22T13.11.00.123Z"
JOB = "4c7599ae-0a82-49aa-ba5a-4727fcce14a8"
LOG = "kedro_run/default/0f7c2a5c9b1e4f0f8d8e3a1b2c3d4e5f"
EXITED = "Essential container in task exited"


def detail(name: str) -> dict[str, Any]:
    return dict(json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))["detail"])


def outcome(name: str) -> Outcome:
    end = read_end(detail(name))
    assert end is not None
    return end.outcome


def test_a_job_that_succeeded_is_told_with_its_times_and_its_log() -> None:
    assert read_end(detail("succeeded")) == JobEnd(
        JobName("spaceflights", RUN_ID, 3, 0),
        Outcome(
            Mark(3),
            succeeded=True,
            job_id=JOB,
            name="spaceflights--2026-11-22T13-11-00-123Z--3-0--train_model_node",
            created_at=1763817061123,
            started_at=1763817075000,
            ended_at=1763817135000,
            exit_code=0,
            log_stream=LOG,
        ),
    )


@pytest.mark.parametrize(
    ("event", "exit_code", "tries", "reason"),
    [
        ("failed", 1, 1, EXITED),
        ("out_of_memory", 137, 1, f"{EXITED}; OutOfMemoryError: Container killed due to memory usage"),
        ("host_reclaimed", None, 3, "Host EC2 (instance i-0123456789abcdef0) terminated."),
        ("timed_out", 137, 1, "Job attempt duration exceeded timeout"),
        ("ecs_properties", None, 1, EXITED),
        (
            "image_not_found",
            None,
            1,
            "Task failed to start; CannotPullContainerError: pull image manifest has been retried 5 time(s)",
        ),
    ],
)
def test_a_failure_is_told_with_its_reason_its_exit_code_and_how_often_it_was_tried(
    event: str, exit_code: int | None, tries: int, reason: str
) -> None:
    found = outcome(event)
    assert (found.succeeded, found.cancelled) == (False, False)
    assert (found.exit_code, found.tries, found.reason) == (exit_code, tries, reason)


def test_only_a_job_that_ran_out_of_memory_did_though_other_jobs_are_killed_with_the_same_code() -> None:
    killed = ("out_of_memory", "timed_out", "terminated_by_us", "host_reclaimed", "failed", "succeeded")
    assert [name for name in killed if outcome(name).out_of_memory] == ["out_of_memory"]


@pytest.mark.parametrize(
    ("exit_code", "reason", "expected"),
    [
        (137, EXITED, True),
        (137, None, True),
        (None, "OutOfMemoryError: Container killed due to memory usage", True),
        (137, "stopped by Ann from the console", False),
        (1, EXITED, False),
    ],
)
def test_a_kill_counts_as_want_of_memory_unless_somebody_else_is_named(
    exit_code: int | None, reason: str | None, expected: bool
) -> None:
    assert Outcome(Mark(0), succeeded=False, reason=reason, exit_code=exit_code).out_of_memory is expected


def test_a_job_that_we_terminated_is_cancelled_and_no_cause_of_anything() -> None:
    assert (outcome("terminated_by_us").cancelled, outcome("terminated_by_us").succeeded) == (True, False)


def test_an_array_s_child_is_told_by_its_index_among_the_members() -> None:
    members = [Mark(group, attempt=0) for group in range(3, 27, 2)]
    end, failed = read_end(detail("array_child")), read_end(detail("array_child_failed"))
    assert end is not None
    assert failed is not None
    assert (end.name, end.index) == (JobName("spaceflights", RUN_ID, 3, 0, 0), 11)
    first, last = failed.of_member(members), end.of_member(members)
    assert first is not None
    assert last is not None
    assert (first.mark, first.job_id, first.succeeded) == (Mark(3), f"{JOB}:0", False)
    assert (last.mark, last.job_id, last.succeeded) == (Mark(25), f"{JOB}:11", True)
    assert end.of_member(members[:11]) is None


@pytest.mark.parametrize("event", ["array_parent", "runnable", "running", "foreign"])
def test_an_array_s_parent_a_job_that_goes_on_and_a_foreign_job_say_nothing(event: str) -> None:
    assert read_end(detail(event)) is None


def test_unknown_fields_are_passed_by() -> None:
    assert read_end(detail("unknown_fields")) == read_end(detail("succeeded"))


def test_name_and_status_are_enough() -> None:
    end = read_end({"jobName": detail("failed")["jobName"], "status": "FAILED"})
    assert end is not None
    assert end.outcome == Outcome(
        Mark(3), succeeded=False, reason="Batch gives no reason", name=detail("failed")["jobName"]
    )


def test_the_container_may_be_told_of_in_the_last_attempt_alone_or_in_the_job_alone() -> None:
    whole = detail("failed")
    for some in ({**whole, "container": {}}, {**whole, "attempts": []}):
        end = read_end(some)
        assert end is not None
        assert (end.outcome.exit_code, end.outcome.log_stream) == (1, LOG)


def test_a_long_reason_is_cut() -> None:
    end = read_end({**detail("failed"), "statusReason": "x" * 5000})
    assert end is not None
    assert end.outcome.reason == "x" * LONGEST_REASON


@given(st.sampled_from(sorted(path.stem for path in EVENTS.glob("*.json"))), st.data())
def test_whatever_else_is_missing_is_none(event: str, data: st.DataObject) -> None:
    whole = detail(event)
    kept = data.draw(st.sets(st.sampled_from(sorted(set(whole) - {"arrayProperties"}))))
    some = {name: value for name, value in whole.items() if name in {*kept, "jobName", "status", "arrayProperties"}}
    found, expected = read_end(some), read_end(whole)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert (found.name, found.index, found.outcome.succeeded) == (
            expected.name,
            expected.index,
            expected.outcome.succeeded,
        )


def test_the_logs_of_all_attempts_are_told_and_where_they_are() -> None:
    failed = detail("host_reclaimed")
    earlier, last = outcome("host_reclaimed").earlier_streams, outcome("host_reclaimed").log_stream
    assert log_streams(failed) == (*(earlier or ()), last)
    assert len(log_streams(failed)) == len(failed["attempts"]) == 3
    assert outcome("host_reclaimed").log_group is None
    options = {"options": {"awslogs-group": "/aws/batch/spaceflights-dev"}}
    named = {**failed, "container": {**failed["container"], "logConfiguration": options}}
    end = read_end(named)
    assert end is not None
    assert end.outcome.log_group == "/aws/batch/spaceflights-dev"


def test_the_times_of_attempts_on_hosts_that_were_reclaimed_are_told_apart_from_the_last_ones() -> None:
    found = outcome("host_reclaimed")
    attempts = detail("host_reclaimed")["attempts"]
    begun, ended = ([one[name] for one in attempts] for name in ("startedAt", "stoppedAt"))
    assert found.earlier_times == (begun[0], ended[0], begun[1], ended[1])
    assert (found.started_at, found.ended_at) == (begun[2], ended[2])
    goes_on = {**detail("host_reclaimed"), "status": "RUNNING"}
    never_began = {**goes_on, "attempts": [{"stoppedAt": 5}, *attempts]}
    all_of_them = (begun[0], ended[0], begun[1], ended[1], begun[2], ended[2])
    assert earlier_times(never_began) == earlier_times(goes_on) == all_of_them
    assert outcome("succeeded").earlier_times is None


@pytest.mark.parametrize("wrong", [5, 10**40, True, None, [], {}, ["x"], {"x": 1}, 1.5], ids=repr)
def test_that_a_job_ended_is_told_whatever_else_its_event_has(wrong: Any) -> None:
    told = detail("failed")
    told.update({"jobId": wrong, "createdAt": "then", "startedAt": 1e300, "stoppedAt": [1], "statusReason": wrong})
    told["container"] = {"exitCode": "1", "logStreamName": wrong, "reason": wrong}
    told["attempts"] = [{"container": {"logStreamName": wrong}, "startedAt": "x", "stoppedAt": wrong}] * 2
    end = read_end(told)
    assert end is not None
    assert (end.name, end.outcome) == (
        JobName("spaceflights", RUN_ID, 3, 0),
        Outcome(Mark(3), succeeded=False, reason=NO_REASON, name=told["jobName"], tries=2),
    )
