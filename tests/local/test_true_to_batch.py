"""Refusals and surprises of AWS Batch, which the embedded one shares."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from dag import limits
from kedro_aws_batch.local import EmbeddedAws, JobDefinitionSettings
from kedro_aws_batch.local.batch.rate import LaunchRate

from .support import describe, log_of, submit, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .support import Json

ECHO = JobDefinitionSettings(command=("sh", "-c", "echo one"))
ON_FARGATE = JobDefinitionSettings(vcpus=1, memory=2048, platform="FARGATE")


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with EmbeddedAws(
        jobs_cwd=tmp_path_factory.mktemp("project"),
        job_queues={"fair_queue": 4},
        fair_share=["fair_queue"],
        job_definitions={"echo": ECHO, "on_fargate": ON_FARGATE},
        start_seconds=0.4,
        stop_timeout=1,
    ) as running:
        yield running


def padded(characters: int) -> Json:
    return {"environment": [{"name": "KEDRO_AWS_BATCH_JOB", "value": "x" * characters}]}


def needing(**amounts: str) -> Json:
    wanted = [{"type": kind, "value": value} for kind, value in amounts.items()]
    return {"containerOverrides": {"resourceRequirements": wanted}}


def test_overrides_that_ecs_does_not_take_are_submitted_and_fail(aws: EmbeddedAws) -> None:
    fits, too_long = (submit(aws, ["true"], containerOverrides=padded(size)) for size in (7_000, 8_100))

    failed = wait_for(aws, too_long)

    assert (failed["status"], failed["statusReason"]) == ("FAILED", limits.OVERRIDES.beyond)
    assert (failed["attempts"], "startedAt" in failed) == ([], False), "there was no task"
    assert wait_for(aws, fits)["status"] == "SUCCEEDED"


def test_what_json_escapes_counts_as_ecs_counts_it(aws: EmbeddedAws) -> None:
    quotes: Any = {"environment": [{"name": "KEDRO_AWS_BATCH_JOB", "value": '"' * 4_000}]}
    assert wait_for(aws, submit(aws, ["true"], containerOverrides=quotes))["statusReason"] == limits.OVERRIDES.beyond


def test_each_child_of_an_array_with_too_long_overrides_fails(aws: EmbeddedAws) -> None:
    array = submit(aws, ["true"], containerOverrides=padded(8_100), arrayProperties={"size": 3})

    parent = wait_for(aws, array)

    assert (parent["status"], parent["arrayProperties"]["statusSummary"]["FAILED"]) == ("FAILED", 3)
    assert describe(aws, f"{array}:2")["statusReason"] == limits.OVERRIDES.beyond


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (needing(VCPU="1.0"), "Value 1.0 for type VCPU in resourceRequirement is not valid"),
        (needing(MEMORY="1.04858e+06"), "Value 1.04858e.06 for type MEMORY"),
        (needing(VCPU="0.5"), "Value 0.5 for type VCPU"),
        (needing(VCPU="0"), "Value 0 for type VCPU"),
        (needing(MEMORY="3"), "At least 4 MiB"),
        (
            {**needing(MEMORY="2000"), "jobDefinition": "on_fargate"},
            r"Fargate resource requirements \(1.00 vCPU, 2000 MiB\) not valid",
        ),
        ({**needing(VCPU="3"), "jobDefinition": "on_fargate"}, r"\(3.00 vCPU, 2048 MiB\) not valid"),
        ({**needing(GPU="1"), "jobDefinition": "on_fargate"}, "GPU is not applicable for Fargate"),
        ({"shareIdentifier": "research"}, "shareIdentifier can't be specified"),
        ({"jobQueue": "fair_queue"}, "shareIdentifier must be specified"),
        ({"jobQueue": "fair_queue", "shareIdentifier": "research"}, "schedulingPriorityOverride should be specified"),
        ({"jobQueue": "fair_queue", "shareIdentifier": "a b", "schedulingPriorityOverride": 1}, "letters and digits"),
        ({"schedulingPriorityOverride": 10_000}, "from 0 to 9999"),
        ({"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"onReason": "*", "action": "EXIT"}] * 6}}, "up to 5"),
        ({"tags": {str(number): "" for number in range(51)}}, "up to 50 tags"),
    ],
)
def test_what_batch_does_not_take_is_refused_in_its_words(aws: EmbeddedAws, request_: Json, message: str) -> None:
    client = aws.client("batch")
    with pytest.raises(client.exceptions.ClientException, match=message):
        submit(aws, ["true"], **request_)


def test_sizes_of_fargate_and_shares_of_a_fair_queue_are_taken(aws: EmbeddedAws) -> None:
    small = submit(aws, ["true"], **{**needing(VCPU="0.25", MEMORY="512"), "jobDefinition": "on_fargate"})
    fair = submit(aws, ["true"], jobQueue="fair_queue", shareIdentifier="research", schedulingPriorityOverride=9999)
    assert [wait_for(aws, job)["status"] for job in (small, fair)] == ["SUCCEEDED", "SUCCEEDED"]


def test_a_queue_that_shares_fairly_starts_the_share_that_uses_least_and_then_the_highest_priority(
    aws: EmbeddedAws, tmp_path: Path
) -> None:
    def enter(share: str, priority: int, *waiting_for: str) -> str:
        command = ["sh", "-c", 'while [ -n "$1" ] && [ ! -e "$1" ]; do sleep 0.1; done', "sh", *waiting_for]
        asked = {"shareIdentifier": share, "schedulingPriorityOverride": priority, "jobQueue": "fair_queue"}
        return submit(aws, command, **needing(VCPU="2", MEMORY="100"), **asked)

    files = [tmp_path / "last", tmp_path / "first"]
    half, other_half = (enter("mine", 5, str(file)) for file in files)  # of the queue's room
    lower, higher, others = enter("mine", 1), enter("mine", 9), enter("theirs", 0)
    files[1].touch()
    began = [wait_for(aws, job)["startedAt"] for job in (other_half, others, higher, lower)]
    assert began == sorted(set(began))
    files[0].touch()
    assert wait_for(aws, half)["status"] == "SUCCEEDED"


def test_a_name_means_the_newest_revision_and_a_number_that_one(aws: EmbeddedAws) -> None:
    batch = aws.client("batch")
    newer: Any = {"image": "embedded", "command": ["sh", "-c", "echo two"], "vcpus": 1, "memory": 100}
    batch.register_job_definition(jobDefinitionName="echo", type="container", containerProperties=newer)

    def ran(definition: str) -> tuple[list[str], str]:
        job = batch.submit_job(jobName="echo", jobQueue=aws.job_queue, jobDefinition=definition)
        ended = wait_for(aws, job["jobId"])
        return log_of(aws, ended), ended["jobDefinition"].rpartition("/")[2]

    assert [ran(name) for name in ("echo", "echo:1", "echo:2")] == [
        (["two"], "echo:2"),
        (["one"], "echo:1"),
        (["two"], "echo:2"),
    ]
    batch.deregister_job_definition(jobDefinition="echo:2")
    assert ran("echo") == (["one"], "echo:1")
    with pytest.raises(batch.exceptions.ClientException, match="echo:2 does not exist or is not ACTIVE"):
        ran("echo:2")


def test_only_fargate_tells_a_job_its_region(aws: EmbeddedAws) -> None:
    source = "import json, os; print(json.dumps({n: v for n, v in os.environ.items() if 'REGION' in n or '_ENV' in n}))"
    seen = [
        json.loads(log_of(aws, wait_for(aws, submit(aws, ["python", "-c", source], jobDefinition=definition)))[0])
        for definition in (aws.job_definition, "on_fargate")
    ]
    regions = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    assert [{k: v for k, v in each.items() if k.startswith("AWS")} for each in seen] == [
        {"AWS_EXECUTION_ENV": "AWS_ECS_EC2"},
        {"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE", **regions},
    ]


def test_a_job_takes_a_while_to_start(aws: EmbeddedAws) -> None:
    before = time.time()
    job_id = submit(aws, ["true"])

    assert wait_for(aws, job_id, "STARTING")["status"] == "STARTING"
    assert wait_for(aws, job_id)["startedAt"] / 1000 - before > 0.39


def test_a_job_that_is_terminated_while_it_starts_never_runs(aws: EmbeddedAws) -> None:
    job_id = submit(aws, ["sh", "-c", "echo ran"])
    wait_for(aws, job_id, "STARTING")

    aws.client("batch").terminate_job(jobId=job_id, reason="changed my mind")

    job = describe(aws, job_id)
    assert (job["status"], job["statusReason"], "startedAt" in job) == ("FAILED", "changed my mind", False)
    room = [submit(aws, ["true"]) for _ in range(aws.max_vcpus)]
    assert {wait_for(aws, each)["status"] for each in room} == {"SUCCEEDED"}, "its vCPU is free again"


def test_fargate_launches_a_burst_and_then_so_many_a_second() -> None:
    rate, now = LaunchRate(100, 20), 1_000.0
    launched: list[float] = []
    while len(launched) < 10_000:
        wait = rate.take(now)
        now += wait
        if not wait:
            launched.append(now)
    assert launched[99] == 1_000.0
    assert launched[-1] - launched[0] == pytest.approx(495)  # (10,000 - 100) / 20
