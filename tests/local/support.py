"""Common code of the embedded AWS's tests."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kedro_aws_batch.local import EmbeddedAws

T = TypeVar("T")
Json = dict[str, Any]

_numbers = itertools.count()


def until(read: Callable[[], T | None], seconds: float = 15) -> T:
    """Read again and again until there is something; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := read()):
        assert time.monotonic() < deadline, f"nothing in {seconds} s"
        time.sleep(0.005)
    return value


def unique(stem: str) -> str:
    return f"{stem}-{os.getpid()}-{next(_numbers)}"


def alive(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        return stat.rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return sys.platform != "linux"


def submit(aws: EmbeddedAws, command: Sequence[str], **request: Any) -> str:
    """Submit a job with this command and return its id."""
    overrides = {"command": list(command), **request.pop("containerOverrides", {})}
    request = {"jobName": unique("job"), "jobQueue": aws.job_queue, "jobDefinition": aws.job_definition, **request}
    return aws.client("batch").submit_job(containerOverrides=overrides, **request)["jobId"]  # type: ignore[arg-type]


def describe(aws: EmbeddedAws, job_id: str) -> Json:
    return dict(aws.client("batch").describe_jobs(jobs=[job_id])["jobs"][0])


def wait_for(aws: EmbeddedAws, job_id: str, *statuses: str) -> Json:
    """Wait until a job is in one of these statuses, by default SUCCEEDED or FAILED."""
    wanted = statuses or ("SUCCEEDED", "FAILED")

    def seen() -> Json | None:
        job = describe(aws, job_id)
        return job if job["status"] in wanted else None

    return until(seen)


def log_of(aws: EmbeddedAws, job: Mapping[str, Any]) -> list[str]:
    stream = job["container"]["logStreamName"]
    events = aws.client("logs").get_log_events(logGroupName="/aws/batch/job", logStreamName=stream)["events"]
    return [event["message"] for event in events]


def function_log(aws: EmbeddedAws, key: str) -> list[str]:
    group, logs = f"/aws/lambda/{aws.function_name(key)}", aws.client("logs")
    return [
        event["message"]
        for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    ]


def messages(aws: EmbeddedAws, url: str, wait: int = 5) -> list[Json]:
    """Receive and delete the messages in a queue, waiting for the first."""
    sqs = aws.client("sqs")
    received: list[Json] = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait).get("Messages"):
        wait = 0
        for message in batch:
            received.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return received


def invoke(aws: EmbeddedAws, key: str, payload: Any = None) -> tuple[Any, str | None]:
    """Invoke a function, and return its answer and, if it failed, the kind of error."""
    answer = aws.client("lambda").invoke(FunctionName=aws.function_name(key), Payload=json.dumps(payload))
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


def write_service(root: Path, handlers: Mapping[str, str], **sections: Any) -> Path:
    """Write a service from these handlers' sources; its functions are declared unless `functions` declares them."""
    folder = root / "handlers"
    folder.mkdir(parents=True)
    for name, source in handlers.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    functions = {name: {"handler": f"handlers/{name}.handler"} for name in handlers}
    document = {"service": "tiny", "provider": {"name": "aws", "timeout": 20}, "functions": functions, **sections}
    (root / "serverless.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return root
