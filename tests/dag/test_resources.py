"""A job's resources, key by key: of several nodes, and in SubmitJob."""

from __future__ import annotations

import pytest

from dag.resources import amount, amounts, combine, disagreements, shown, written


def test_one_job_for_several_needs_the_most_of_each_and_the_time_of_all() -> None:
    members = [
        {"vcpus": 1, "memory": 4000, "timeout": 60, "attempts": 1, "environment": {"A": "1", "B": "1"}},
        {"vcpus": 0.5, "memory": 8000, "gpus": 1, "timeout": 90, "environment": {"B": "2"}, "job_queue": "gpu"},
    ]
    assert combine(members) == {
        "vcpus": 1,
        "memory": 8000,
        "gpus": 1,
        "timeout": 150,
        "attempts": 1,
        "environment": {"A": "1", "B": "2"},
        "job_queue": "gpu",
    }
    assert combine([{}, {"timeout": 60}]) == {}
    assert combine([{"timeout": 2**31 - 1}, {"timeout": 60}]) == {"timeout": 2**31 - 1}


@pytest.mark.parametrize("key", ["job_definition", "job_queue", "share_identifier"])
def test_members_may_not_want_different_places(key: str) -> None:
    assert disagreements([{key: "b"}, {}, {key: "a"}, {key: "a", "memory": 5}, {"memory": 6}]) == {key: ["a", "b"]}
    assert disagreements([{key: "a"}, {key: "a"}]) == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (4.0, "4"), (0.25, "0.25"), (448, "448"), (1_048_576, "1048576"), (12_345_678, "12345678")],
)
def test_an_amount_is_written_in_plain_digits(value: float, text: str) -> None:
    assert amount(value) == text
    requirements = written({"vcpus": value})["containerOverrides"]["resourceRequirements"]
    assert requirements == [{"type": "VCPU", "value": text}]
    assert amounts({"memory": value}) == f"{text} MiB"


def test_what_is_asked_for_is_written_into_the_request_key_by_key() -> None:
    asked = {
        "gpus": 1,
        "memory": 2_000_000,
        "timeout": 60,
        "attempts": 3,
        "environment": {"A": "1"},
        "job_queue": "queue",
        "job_definition": "definition",
        "share_identifier": "team",
        "priority": 0,
    }
    assert written(asked) == {
        "containerOverrides": {
            "resourceRequirements": [{"type": "MEMORY", "value": "2000000"}, {"type": "GPU", "value": "1"}],
            "environment": [{"name": "A", "value": "1"}],
        },
        "timeout": {"attemptDurationSeconds": 60},
        "retryStrategy": {"attempts": 3},
        "jobQueue": "queue",
        "jobDefinition": "definition",
        "shareIdentifier": "team",
        "schedulingPriorityOverride": 0,
    }
    assert shown({**asked, "vcpus": 2.0}) == [
        "vcpus 2",
        "memory 2000000",
        "gpus 1",
        "timeout 60",
        "attempts 3",
        "environment A",
        "share_identifier team",
        "priority 0",
    ]
