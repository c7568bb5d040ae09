"""Why a job stays RUNNABLE, by Batch's codes."""

from __future__ import annotations

from typing import Any

import pytest

from dag.blocked import REMEDIES, Blocked, asked_for, read_blocked

CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"


@pytest.mark.parametrize("code", REMEDIES)
def test_each_documented_code_comes_with_what_to_do(code: str) -> None:
    reason = f"{code} - the compute environment says more."
    assert read_blocked({"status": "RUNNABLE", "statusReason": reason}) == Blocked(code, reason, REMEDIES[code])


def test_invalid_compute_environments_are_told_as_batch_tells_them() -> None:
    reason = "ACTION_REQUIRED - CE(s) associated with the job queue are invalid."
    blocked = read_blocked({"status": "RUNNABLE", "statusReason": reason})
    assert blocked is not None
    assert (blocked.code, "describe-compute-environments" in blocked.remedy) == ("ACTION_REQUIRED", True)


def test_a_code_that_is_new_is_undetermined_and_still_quoted() -> None:
    blocked = read_blocked({"status": "RUNNABLE", "statusReason": "MOON:IN_THE_WAY"})
    assert blocked == Blocked("UNDETERMINED", "MOON:IN_THE_WAY", REMEDIES["UNDETERMINED"])


@pytest.mark.parametrize(
    "detail",
    [
        {},
        {"status": "RUNNABLE"},
        {"status": "RUNNABLE", "statusReason": None},
        {"status": "RUNNABLE", "statusReason": "  "},
        {"status": "RUNNING", "statusReason": CAPACITY},
        {"status": "FAILED", "statusReason": CAPACITY},
    ],
)
def test_a_job_that_is_not_known_to_be_stuck_is_not_blocked(detail: dict[str, Any]) -> None:
    assert read_blocked(detail) is None


def test_what_a_job_asks_for_is_said_in_words() -> None:
    assert asked_for({"vcpus": 0.5, "memory": 8000, "gpus": 1}) == "0.5 vCPUs, 8000 MiB, 1 GPUs"
    assert asked_for({}) == "the definition's own"
