"""The functions from the zip, run by AWS' own runtime client, which can import only what Lambda provides."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch.local import EmbeddedAws, JobDefinitionSettings, service_root
from kedro_aws_batch.local.function import FunctionSettings
from kedro_aws_batch.local.runtime_api import Invocation, RuntimeApi

from .conftest import GOLDEN, provide

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The runtime client of Lambda's Python, and its own requirements; in Lambda they are in /var/runtime.
CLIENT = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")
FUNCTIONS = ("start_run", "job_state_change", "reconcile", "next_group", "describe_run", "list_runs", "cancel_run")
START = """
import sys
sys.path[:0] = sys.argv[1:3]
del sys.argv[1:3]
from awslambdaric.__main__ import main
main(sys.argv)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric is for Linux alone")


class Lambda:
    """One instance of a function."""

    def __init__(self, settings: FunctionSettings, aws: EmbeddedAws, site: Path) -> None:
        self.api = RuntimeApi(settings)
        variables = {
            **aws.environment,
            **settings.environment,
            "PATH": "/usr/bin:/bin",
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "AWS_LAMBDA_FUNCTION_NAME": settings.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.memory),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "LAMBDA_TASK_ROOT": str(settings.code),
            "_HANDLER": settings.handler,
        }
        words = [sys.executable, "-S", "-B", "-c", START, str(settings.code), str(site), settings.handler]
        self.process = subprocess.Popen(
            words, env=variables, cwd=settings.code, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def invoke(self, event: Any) -> Any:
        while not self.api.ready.wait(0.1):
            assert self.process.poll() is None, self.process.communicate()[0]
        assert self.api.init_error is None, self.api.init_error
        invocation = Invocation(str(uuid.uuid4()), json.dumps(event).encode())
        self.api.offer(invocation)
        assert invocation.done.wait(60)
        assert not invocation.failed, invocation.answer
        return json.loads(invocation.answer)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.api.close("the test is over")


@pytest.fixture
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(
        service=service_root(),
        graph_document=GOLDEN,
        job_queue="flights_queue",
        job_definition="kedro_run",
        job_definitions={"kedro_run_large": JobDefinitionSettings()},
    ) as running:
        yield running


@pytest.fixture
def functions(aws: EmbeddedAws, unpacked: Path, lambda_site: Path) -> Iterator[dict[str, Lambda]]:
    provide(lambda_site, *CLIENT)
    with ExitStack() as stack:
        started = {name: Lambda(settings(aws, name, unpacked), aws, lambda_site) for name in FUNCTIONS}
        for each in started.values():
            stack.callback(each.end)
        yield started


def settings(aws: EmbeddedAws, key: str, code: Path) -> FunctionSettings:
    """Return a function as deployed, without its code."""
    found = aws.client("lambda").get_function(FunctionName=aws.function_name(key))["Configuration"]
    variables = {**found["Environment"]["Variables"]}
    variables.pop("GRAPH_DOCUMENT")  # the zip has its own
    name, arn = found["FunctionName"], found["FunctionArn"]
    return FunctionSettings(
        name=name,
        arn=arn,
        handler=found["Handler"],
        timeout=found["Timeout"],
        memory=found["MemorySize"],
        environment=variables,
        code=code,
    )


def test_aws_own_runtime_client_runs_each_function_from_the_zip(aws: EmbeddedAws, functions: dict[str, Lambda]) -> None:
    started = functions["start_run"].invoke({"on_failure": "continue"})
    assert (started["status"], started["groups"]) == ("RUNNING", 3)

    run_id = started["run_id"]
    assert [run["run_id"] for run in functions["list_runs"].invoke({})["runs"]] == [run_id]
    group = functions["describe_run"].invoke({"run_id": run_id})["groups"][0]
    assert group["job_name"].startswith("golden_flights--")

    event = {"source": "aws.batch", "detail-type": "Batch Job State Change", "detail": ended_job(aws, group["job_id"])}
    record = {"messageId": "1", "body": json.dumps(event), "eventSource": "aws:sqs"}
    assert functions["job_state_change"].invoke({"Records": [record]}) == {"batchItemFailures": []}
    functions["reconcile"].invoke({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}})
    assert functions["describe_run"].invoke({"run_id": run_id})["groups"][0]["status"] in {"FAILED", "SUCCEEDED"}

    assert functions["cancel_run"].invoke({"run_id": run_id})["run_id"] == run_id
    assert functions["start_run"].invoke({"pipelin": "x"})["error"]["type"] == "InvalidRequest"


def ended_job(aws: EmbeddedAws, job_id: str) -> dict[str, Any]:
    """Return a job as an event has it, with an end."""
    (found,) = aws.client("batch").describe_jobs(jobs=[job_id])["jobs"]
    job: dict[str, Any] = {**found}
    kept = ("jobName", "jobId", "jobQueue", "createdAt", "container", "attempts", "parameters")
    told = {key: job[key] for key in kept if key in job}
    return {**told, "status": "FAILED", "statusReason": "Essential container in task exited", "stoppedAt": 1}
