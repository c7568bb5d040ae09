"""A job's surroundings, and its result."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .support import alive, describe, log_of, submit, until, wait_for

if TYPE_CHECKING:
    import pytest

    from kedro_aws_batch.local import EmbeddedAws

PRINT_ENVIRONMENT = "import os, json; print(json.dumps(dict(os.environ)))"


def fail_until(attempt: int, code: int = 3) -> list[str]:
    source = f"import os, sys; sys.exit({code} if int(os.environ['AWS_BATCH_JOB_ATTEMPT']) < {attempt} else 0)"
    return ["python", "-c", source]


def test_a_job_is_a_process_of_its_own_on_a_copy_of_the_project(aws: EmbeddedAws) -> None:
    source = "import os, sys; print(os.getpid()); print(os.getcwd()); print(sys.executable)"

    job = wait_for(aws, submit(aws, ["python", "-c", source]))

    pid, directory, executable = log_of(aws, job)
    assert job["status"] == "SUCCEEDED"
    assert int(pid) != os.getpid()
    assert Path(directory).name == aws.jobs_cwd.name
    assert Path(directory) != aws.jobs_cwd
    assert executable == sys.executable


def test_a_job_sees_its_environment_and_nothing_of_its_parents_account(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    monkeypatch.setenv("OTHER_SETTING", "of mine")
    overrides = {"environment": [{"name": "KEDRO_AWS_BATCH_JOB", "value": "{}"}]}

    job_id = submit(aws, ["python", "-c", PRINT_ENVIRONMENT], containerOverrides=overrides)
    job = wait_for(aws, job_id)

    environment = json.loads(log_of(aws, job)[0])
    expected = {
        "AWS_BATCH_JOB_ID": job_id,
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "AWS_BATCH_JQ_NAME": aws.job_queue,
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "AWS_EXECUTION_ENV": "AWS_ECS_EC2",
        "TZ": "UTC",
        "KEDRO_AWS_BATCH_JOB": "{}",
    }
    assert {name: environment.get(name) for name in expected} == expected
    foreign = {"AWS_PROFILE", "OTHER_SETTING", "AWS_BATCH_JOB_ARRAY_INDEX"}
    assert not (foreign | {"AWS_REGION", "AWS_DEFAULT_REGION"}) & set(environment), "ECS tells them on Fargate alone"


def test_a_log_is_read_while_the_job_runs_and_its_errors_are_in_it(aws: EmbeddedAws) -> None:
    source = "import sys, time; print('out', flush=True); print('err', file=sys.stderr, flush=True); time.sleep(60)"
    job_id = submit(aws, ["python", "-c", source])

    job = wait_for(aws, job_id, "RUNNING")
    assert until(lambda: log_of(aws, job) if len(log_of(aws, job)) == 2 else None) == ["out", "err"]
    assert job["container"]["logStreamName"].startswith(f"{aws.job_definition}/default/")

    aws.client("batch").terminate_job(jobId=job_id, reason="seen enough")
    wait_for(aws, job_id, "FAILED")


def test_an_exit_code_and_the_attempt_are_reported(aws: EmbeddedAws) -> None:
    job = wait_for(aws, submit(aws, ["python", "-c", "raise SystemExit(7)"]))

    assert (job["status"], job["statusReason"]) == ("FAILED", "Essential container in task exited")
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [7]
    assert job["container"]["exitCode"] == 7
    assert job["createdAt"] <= job["startedAt"] <= job["stoppedAt"]


def test_a_job_killed_by_a_signal_has_the_exit_code_128_and_the_signal(aws: EmbeddedAws) -> None:
    job = wait_for(aws, submit(aws, ["python", "-c", "import os; os.kill(os.getpid(), 9)"]))

    assert job["container"]["exitCode"] == 137


def test_a_command_that_does_not_exist_fails_with_the_reason(aws: EmbeddedAws) -> None:
    job = wait_for(aws, submit(aws, ["no-such-program"]))

    assert job["status"] == "FAILED"
    assert "no-such-program" in job["attempts"][0]["container"]["reason"]
    assert "logStreamName" not in job["attempts"][0]["container"]  # it never came to RUNNING


def test_what_a_job_leaves_running_ends_with_it(aws: EmbeddedAws) -> None:
    source = "import subprocess, sys; print(subprocess.Popen(['sleep', '600']).pid)"

    job = wait_for(aws, submit(aws, ["python", "-c", source]))

    pid = int(log_of(aws, job)[0])
    until(lambda: not alive(pid))


def test_a_failed_attempt_is_retried_and_a_later_one_succeeds(aws: EmbeddedAws) -> None:
    job = wait_for(aws, submit(aws, fail_until(attempt=3), retryStrategy={"attempts": 4}))

    assert job["status"] == "SUCCEEDED"
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [3, 3, 0]
    assert len({attempt["container"]["logStreamName"] for attempt in job["attempts"]}) == 3


def test_a_rule_on_the_exit_code_decides_whether_it_is_retried(aws: EmbeddedAws) -> None:
    rules = [
        {"onExitCode": "13*", "action": "RETRY"},
        {"onStatusReason": "Host EC2*", "action": "RETRY"},
        {"onReason": "*", "onExitCode": "4", "action": "exit"},
    ]
    exits = {
        code: wait_for(
            aws,
            submit(
                aws,
                ["python", "-c", f"raise SystemExit({code})"],
                retryStrategy={"attempts": 2, "evaluateOnExit": rules},
            ),
        )
        for code in (4, 137, 5)
    }

    # 137 by its rule; 5 because a failure that no rule matches is retried.
    assert {code: len(job["attempts"]) for code, job in exits.items()} == {4: 1, 137: 2, 5: 2}


def test_an_attempt_whose_host_is_taken_away_ends_without_an_exit_code_and_by_rule_is_retried(aws: EmbeddedAws) -> None:
    source = "import os, time; time.sleep(60 if os.environ['AWS_BATCH_JOB_ATTEMPT'] == '1' else 0)"
    rules = [{"onStatusReason": "Host EC2*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]
    job_id = submit(aws, ["python", "-c", source], retryStrategy={"attempts": 3, "evaluateOnExit": rules})
    wait_for(aws, job_id, "RUNNING")

    assert aws.reclaim_host(job_id)
    job = wait_for(aws, job_id)

    assert (job["status"], aws.reclaim_host(job_id)) == ("SUCCEEDED", False)
    lost, _ = job["attempts"]
    assert lost["statusReason"] == "Host EC2 (instance i-0123456789abcdef0) terminated."
    assert "exitCode" not in lost["container"]


def test_an_attempt_that_takes_too_long_is_ended_and_not_retried(aws: EmbeddedAws) -> None:
    job_id = submit(
        aws,
        ["python", "-c", "import time; time.sleep(60)"],
        timeout={"attemptDurationSeconds": 1},
        retryStrategy={"attempts": 3},
    )

    job = wait_for(aws, job_id)

    assert (job["status"], job["statusReason"]) == ("FAILED", "Job attempt duration exceeded timeout")
    assert len(job["attempts"]) == 1
    assert job["stoppedAt"] - job["startedAt"] < 10_000


def test_terminating_a_job_ends_its_grandchildren_and_is_not_retried(aws: EmbeddedAws) -> None:
    source = (
        "import signal, subprocess, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"
    )
    job_id = submit(aws, ["python", "-c", source], retryStrategy={"attempts": 3})
    wait_for(aws, job_id, "RUNNING")
    grandchild = int(until(lambda: log_of(aws, describe(aws, job_id)))[0])

    aws.client("batch").terminate_job(jobId=job_id, reason="no longer wanted")
    aws.client("batch").terminate_job(jobId=job_id, reason="said twice")
    job = wait_for(aws, job_id)

    assert (job["status"], job["statusReason"]) == ("FAILED", "no longer wanted")
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [137]
    assert not alive(grandchild)


def test_cancelling_leaves_a_running_job_alone(aws: EmbeddedAws) -> None:
    job_id = submit(aws, ["sleep", "600"])
    wait_for(aws, job_id, "RUNNING")

    aws.client("batch").cancel_job(jobId=job_id, reason="too late")

    assert describe(aws, job_id)["status"] == "RUNNING"
    aws.client("batch").terminate_job(jobId=job_id, reason="done")
    wait_for(aws, job_id, "FAILED")


def test_a_job_logs_to_the_group_that_its_definition_names(aws: EmbeddedAws) -> None:
    options = {"logDriver": "awslogs", "options": {"awslogs-group": "/aws/batch/spaceflights-dev"}}
    properties: Any = {
        "image": "any",
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}],
        "logConfiguration": options,
    }
    aws.client("batch").register_job_definition(
        jobDefinitionName="logs_elsewhere", type="container", containerProperties=properties
    )

    job = wait_for(aws, submit(aws, ["echo", "hello"], jobDefinition="logs_elsewhere"))

    assert job["container"]["logConfiguration"] == options
    found = aws.client("logs").get_log_events(
        logGroupName="/aws/batch/spaceflights-dev", logStreamName=job["container"]["logStreamName"]
    )
    assert [event["message"] for event in found["events"]] == ["hello"]
