"""What jobs wait for: vCPUs, other jobs, their array; and how they are listed."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch.local import EmbeddedAws, JobDefinitionSettings

from .support import describe, log_of, submit, unique, until, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .support import Json

SLEEP = ["sleep", "600"]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    definitions = {
        "small": JobDefinitionSettings(vcpus=0.25, memory=512, platform="FARGATE", command=("true",), attempts=2)
    }
    with EmbeddedAws(
        jobs_cwd=tmp_path_factory.mktemp("project"),
        max_vcpus=2,
        job_queues={"other_queue": 1},
        job_definitions=definitions,
        job_entrypoint=("env", "ENTERED=yes"),
        stop_timeout=1,
    ) as running:
        yield running


def terminate(aws: EmbeddedAws, *job_ids: str) -> None:
    for job_id in job_ids:
        aws.client("batch").terminate_job(jobId=job_id, reason="test is over")
    for job_id in job_ids:
        wait_for(aws, job_id)


def listed(aws: EmbeddedAws, **request: Any) -> list[str]:
    pages = aws.client("batch").get_paginator("list_jobs").paginate(**request)
    return [job["jobId"] for page in pages for job in page["jobSummaryList"]]


def test_every_command_is_handed_to_the_entrypoint(aws: EmbeddedAws) -> None:
    job = wait_for(aws, submit(aws, ["sh", "-c", "echo $ENTERED"]))

    assert log_of(aws, job) == ["yes"]


def test_jobs_wait_for_vcpus_first_in_first_out(aws: EmbeddedAws) -> None:
    one, two, three = (submit(aws, SLEEP) for _ in range(3))
    wait_for(aws, one, "RUNNING")
    wait_for(aws, two, "RUNNING")
    elsewhere = wait_for(aws, submit(aws, ["true"], jobQueue="other_queue"))

    assert describe(aws, three)["status"] == "RUNNABLE"
    assert elsewhere["status"] == "SUCCEEDED"
    terminate(aws, one)
    wait_for(aws, three, "RUNNING")
    terminate(aws, two, three)


def test_fractions_of_a_vcpu_add_up(aws: EmbeddedAws) -> None:
    jobs = [submit(aws, SLEEP, jobDefinition="small", jobQueue="other_queue") for _ in range(5)]
    for job_id in jobs[:4]:
        wait_for(aws, job_id, "RUNNING")

    assert describe(aws, jobs[4])["status"] == "RUNNABLE"
    terminate(aws, *jobs)


def test_a_job_larger_than_its_queue_stays_runnable_and_says_why(aws: EmbeddedAws) -> None:
    requirements = [{"type": "VCPU", "value": "16"}, {"type": "MEMORY", "value": "64000"}]
    job_id = submit(aws, ["true"], containerOverrides={"resourceRequirements": requirements})
    behind = submit(aws, ["true"])

    job = wait_for(aws, job_id, "RUNNABLE")

    assert job["statusReason"].startswith("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE")
    assert job["container"]["resourceRequirements"] == requirements
    assert describe(aws, behind)["status"] == "RUNNABLE"
    terminate(aws, job_id)
    assert wait_for(aws, behind)["status"] == "SUCCEEDED"


def test_a_job_waits_for_those_it_depends_on(aws: EmbeddedAws) -> None:
    first = submit(aws, SLEEP)
    second = submit(aws, ["true"], dependsOn=[{"jobId": first}])
    third = submit(aws, ["true"], dependsOn=[{"jobId": second}])

    assert describe(aws, second)["status"] == "PENDING"
    terminate(aws, first)

    assert [wait_for(aws, each)["statusReason"] for each in (second, third)] == ["Dependent Job failed"] * 2
    done = submit(aws, ["true"])
    wait_for(aws, done)
    assert wait_for(aws, submit(aws, ["true"], dependsOn=[{"jobId": done}]))["status"] == "SUCCEEDED"


def test_the_children_of_an_array_know_their_index(aws: EmbeddedAws) -> None:
    source = "import os; print(os.environ['AWS_BATCH_JOB_ID'], os.environ['AWS_BATCH_JOB_ARRAY_INDEX'])"
    parent = submit(aws, ["python", "-c", source], arrayProperties={"size": 3})

    job = wait_for(aws, parent)

    children = [describe(aws, f"{parent}:{index}") for index in range(3)]
    assert job["status"] == "SUCCEEDED"
    assert job["arrayProperties"]["size"] == 3
    assert job["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 3
    assert [log_of(aws, child) for child in children] == [[f"{parent}:{index} {index}"] for index in range(3)]
    assert [child["arrayProperties"]["index"] for child in children] == [0, 1, 2]


def test_an_array_fails_with_one_of_its_children_and_the_others_go_on(aws: EmbeddedAws) -> None:
    source = "import os, sys; sys.exit(int(os.environ['AWS_BATCH_JOB_ARRAY_INDEX']) == 1)"
    parent = submit(aws, ["python", "-c", source], arrayProperties={"size": 4})

    job = wait_for(aws, parent)

    statuses = [describe(aws, f"{parent}:{index}")["status"] for index in range(4)]
    assert job["status"] == "FAILED"
    assert statuses == ["SUCCEEDED", "FAILED", "SUCCEEDED", "SUCCEEDED"]


def test_terminating_an_array_ends_all_its_children(aws: EmbeddedAws) -> None:
    parent = submit(aws, SLEEP, arrayProperties={"size": 5})
    wait_for(aws, f"{parent}:1", "RUNNING")

    aws.client("batch").terminate_job(jobId=parent, reason="aborted")
    job = wait_for(aws, parent)

    children = [describe(aws, f"{parent}:{index}") for index in range(5)]
    assert (job["status"], job["statusReason"]) == ("FAILED", "aborted")
    assert {(child["status"], child["statusReason"]) for child in children} == {("FAILED", "aborted")}


def test_an_array_of_a_thousand_is_taken_in_at_once_and_ends(aws: EmbeddedAws) -> None:
    begin = time.monotonic()
    parent = submit(aws, SLEEP, arrayProperties={"size": 1000})
    assert time.monotonic() - begin < 5
    wait_for(aws, f"{parent}:0", "RUNNING")

    summary = describe(aws, parent)["arrayProperties"]["statusSummary"]
    assert summary["RUNNABLE"] >= 998
    terminate(aws, parent)


def test_a_name_lists_jobs_of_every_status_but_no_children(aws: EmbeddedAws) -> None:
    stem = unique("Listed")
    ended = submit(aws, ["true"], jobName=f"{stem}-a")
    array = submit(aws, ["true"], jobName=f"{stem}-b", arrayProperties={"size": 2})
    wait_for(aws, ended)
    wait_for(aws, array)
    running = submit(aws, SLEEP, jobName=f"{stem}-c")
    wait_for(aws, running, "RUNNING")

    by_name: list[Json] = [{"name": "JOB_NAME", "values": [f"{stem.lower()}-*"]}]
    assert listed(aws, jobQueue=aws.job_queue, filters=by_name) == [running, array, ended]
    assert listed(aws, jobQueue=aws.job_queue) == [running]
    succeeded = listed(aws, arrayJobId=array, jobStatus="SUCCEEDED")
    assert Counter(succeeded) == Counter([f"{array}:0", f"{array}:1"])
    terminate(aws, running)


def test_lists_come_in_pages_of_at_most_100(aws: EmbeddedAws) -> None:
    stem = unique("paged")
    jobs = [submit(aws, ["true"], jobName=f"{stem}-{n}", jobDefinition="small") for n in range(105)]
    filters: list[Any] = [{"name": "JOB_NAME", "values": [f"{stem}*"]}]

    page = aws.client("batch").list_jobs(jobQueue=aws.job_queue, filters=filters)

    assert len(page["jobSummaryList"]) == 100
    assert sorted(listed(aws, jobQueue=aws.job_queue, filters=filters)) == sorted(jobs)
    until(lambda: {describe(aws, job_id)["status"] for job_id in jobs[-5:]} == {"SUCCEEDED"}, seconds=30)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"jobName": "not a name"}, "valid pattern"),
        ({"jobName": "a" * 129}, "valid pattern"),
        ({"jobQueue": "nowhere"}, "nowhere does not exist"),
        ({"jobDefinition": "nothing"}, "nothing does not exist"),
        ({"jobDefinition": "small:9"}, "small:9 does not exist"),
        ({"dependsOn": [{"jobId": "unknown"}]}, "unknown"),
        ({"dependsOn": [{"jobId": "x"}] * 21}, "maximum of 20"),
        ({"arrayProperties": {"size": 1}}, "between 2 and 10000"),
        ({"arrayProperties": {"size": 10001}}, "between 2 and 10000"),
        ({"timeout": {"attemptDurationSeconds": 59}}, "at least 60"),
        ({"retryStrategy": {"attempts": 11}}, "between 1 and 10"),
        ({"containerOverrides": {"environment": [{"name": "AWS_BATCH_X", "value": ""}]}}, "AWS_BATCH"),
        ({"containerOverrides": {"environment": [{"name": "X", "value": "x" * 31000}]}}, "less than 30 KiB"),
    ],
)
def test_what_batch_refuses_is_refused(aws: EmbeddedAws, request_: Json, message: str) -> None:
    client = aws.client("batch")

    with pytest.raises(client.exceptions.ClientException, match=message):
        submit(aws, ["true"], **request_)


def test_the_newest_active_revision_of_a_definition_is_used(aws: EmbeddedAws) -> None:
    client, name = aws.client("batch"), unique("definition")

    def register(command: str) -> str:
        return client.register_job_definition(
            jobDefinitionName=name,
            type="container",
            containerProperties={"image": "x", "vcpus": 1, "memory": 100, "command": [command]},
        )["jobDefinitionArn"]

    first, second = register("true"), register("false")

    def run(definition: str) -> str:
        job = client.submit_job(jobName=unique("job"), jobQueue=aws.job_queue, jobDefinition=definition)
        return str(wait_for(aws, job["jobId"])["jobDefinition"])

    assert [run(each) for each in (name, f"{name}:1", first)] == [second, first, first]
    client.deregister_job_definition(jobDefinition=second)
    assert run(name) == first


def test_a_disabled_queue_takes_no_jobs(aws: EmbeddedAws) -> None:
    client = aws.client("batch")
    client.update_job_queue(jobQueue="other_queue", state="DISABLED")
    try:
        with pytest.raises(client.exceptions.ClientException, match="not ENABLED"):
            submit(aws, ["true"], jobQueue="other_queue")
    finally:
        client.update_job_queue(jobQueue="other_queue", state="ENABLED")


def test_no_more_than_100_jobs_are_described_at_once(aws: EmbeddedAws) -> None:
    client = aws.client("batch")

    assert client.describe_jobs(jobs=["unknown"])["jobs"] == []
    with pytest.raises(client.exceptions.ClientException):
        client.describe_jobs(jobs=[str(n) for n in range(101)])
