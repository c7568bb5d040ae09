"""The start and end of the embedded AWS: alone in its process, and with nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from kedro_aws_batch.aws_errors import may_pass
from kedro_aws_batch.local import EmbeddedAws, EmbeddedAwsError

from .support import alive, describe, function_log, invoke, submit, until, wait_for, write_service

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK = "import os\n\ndef handler(event, context):\n    return os.getpid()\n"

# A program that runs a job with a child, and a function, prints their ids and folders, and waits.
PROGRAM = """
import json, sys, time
from pathlib import Path
from kedro_aws_batch.local import EmbeddedAws

root = Path(sys.argv[1])
command = ["python", "-c", "import subprocess, os, time\\n"
           "child = subprocess.Popen(['sleep', '600'])\\n"
           "print(os.getpid(), child.pid, os.getcwd(), flush=True)\\n"
           "time.sleep(600)"]
with EmbeddedAws(service=root, jobs_cwd=root) as aws:
    batch, logs = aws.client("batch"), aws.client("logs")
    job = batch.submit_job(jobName="sleeper", jobQueue=aws.job_queue, jobDefinition=aws.job_definition,
                           containerOverrides={"command": command})["jobId"]
    told = []
    while len(told) < 3:
        time.sleep(0.01)
        container = batch.describe_jobs(jobs=[job])["jobs"][0]["container"]
        if "logStreamName" in container:
            events = logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=container["logStreamName"])
            told = [word for event in events["events"] for word in event["message"].split()]
    answer = aws.client("lambda").invoke(FunctionName=aws.function_name("look"))
    print(json.dumps([told[2], [*map(int, told[:2]), json.loads(answer["Payload"].read())]]), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path, list[int]]]:
    """A process with an embedded AWS, its job's folder, and the processes that it started."""
    root = write_service(tmp_path / "service", {"look": LOOK})
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        folder, pids = json.loads(process.stdout.readline())
        yield process, Path(folder), pids
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_its_process_however_that_ends(
    program: tuple[subprocess.Popen[str], Path, list[int]], number: signal.Signals
) -> None:
    process, folder, pids = program
    assert ([alive(pid) for pid in pids], folder.exists()) == ([True, True, True], True)

    process.send_signal(number)
    process.wait(10)

    until(lambda: not any(alive(pid) for pid in pids) and not folder.parents[1].exists(), seconds=10)


def test_an_exception_ends_it_and_all_that_runs(tmp_path: Path) -> None:
    root = write_service(tmp_path / "service", {"look": LOOK})

    def fail() -> None:
        with EmbeddedAws(service=root, jobs_cwd=tmp_path) as aws:
            pids.append(invoke(aws, "look")[0])
            job = wait_for(aws, submit(aws, ["python", "-c", "import time; time.sleep(600)"]), "RUNNING")
            assert job["status"] == "RUNNING"
            raise KeyError("of the user's")

    pids: list[int] = []
    before = {thread.name for thread in threading.enumerate()}
    with pytest.raises(KeyError, match="of the user's"):
        fail()

    assert not alive(pids[0])
    assert {thread.name for thread in threading.enumerate()} <= before


def test_a_call_of_a_function_that_ends_with_it_is_told_so_by_the_service(tmp_path: Path) -> None:
    """The function didn't fail: who asks for a run's state as its command ends reads that the AWS is gone."""
    waiting = "import time\n\ndef handler(event, context):\n    print('here', flush=True)\n    time.sleep(600)\n"
    root = write_service(tmp_path / "service", {"wait": waiting})
    with ThreadPoolExecutor() as pool:
        with EmbeddedAws(service=root, jobs_cwd=tmp_path) as aws:
            once = boto3.client(
                "lambda",
                endpoint_url=aws.endpoint_url,
                region_name=aws.region,
                aws_access_key_id=aws.access_key.id,
                aws_secret_access_key=aws.access_key.secret,
                config=Config(retries={"total_max_attempts": 1}),
            )
            call = pool.submit(once.invoke, FunctionName=aws.function_name("wait"))
            until(lambda: "here" in function_log(aws, "wait"))

        with pytest.raises(ClientError, match="the embedded AWS is stopping") as refused:
            call.result(10)

    assert may_pass(refused.value)


def test_one_after_another_starts_with_nothing(tmp_path: Path) -> None:
    with EmbeddedAws(jobs_cwd=tmp_path) as first:
        first.client("s3").create_bucket(Bucket="data")
        first.client("sqs").create_queue(QueueName="queue")
        job_id = submit(first, ["true"])
        endpoint = first.endpoint_url

    with EmbeddedAws(jobs_cwd=tmp_path) as second:
        assert second.client("s3").list_buckets()["Buckets"] == []
        assert "QueueUrls" not in second.client("sqs").list_queues()
        assert second.client("batch").describe_jobs(jobs=[job_id])["jobs"] == []
        assert second.endpoint_url != endpoint


def test_two_at_once_in_one_process_are_refused(tmp_path: Path) -> None:
    with EmbeddedAws(jobs_cwd=tmp_path) as aws:
        with pytest.raises(EmbeddedAwsError, match="already"), EmbeddedAws(jobs_cwd=tmp_path):
            pass
        assert wait_for(aws, submit(aws, ["true"]))["status"] == "SUCCEEDED"


def test_it_must_be_started_to_be_used() -> None:
    with pytest.raises(EmbeddedAwsError, match="with"):
        _ = EmbeddedAws().endpoint_url


def test_another_process_uses_it_by_its_environment(tmp_path: Path) -> None:
    source = (
        "import boto3; s3 = boto3.client('s3'); s3.create_bucket(Bucket='made-elsewhere'); "
        "s3.put_object(Bucket='made-elsewhere', Key='ä b/_c+d', Body=b'x' * 3000000, Metadata={'a_b': '1'})"
    )
    with EmbeddedAws(jobs_cwd=tmp_path) as aws:
        environment = {"PATH": os.environ["PATH"], **aws.environment}
        subprocess.run([sys.executable, "-c", source], env=environment, check=True)

        found = aws.client("s3").get_object(Bucket="made-elsewhere", Key="ä b/_c+d")
        assert len(found["Body"].read()) == 3_000_000
        assert found["Metadata"] == {"a_b": "1"}


def test_calls_share_a_connection_and_wait_for_no_acknowledgement(tmp_path: Path) -> None:
    with EmbeddedAws(jobs_cwd=tmp_path) as aws:
        client: Any = aws.client("batch")
        took = []
        for _ in range(100):
            begin = time.monotonic()
            client.describe_jobs(jobs=["none"])
            took.append(time.monotonic() - begin)

        assert min(took) < 0.03  # a packet held back for the one before it to be acknowledged takes 40 ms
        pool = client._endpoint.http_session._manager.connection_from_url(aws.endpoint_url)
        assert pool.num_requests >= 100
        assert pool.num_connections == 1


def test_clients_of_the_users_own_account_stay_as_they_are(tmp_path: Path) -> None:
    before = dict(os.environ)
    with EmbeddedAws(jobs_cwd=tmp_path) as aws:
        assert dict(os.environ) == before
        mine = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")  # noqa: S106
        client = mine.client("sqs")
        assert aws.endpoint_url not in client.meta.endpoint_url
        client.close()


def test_a_job_ended_by_the_end_is_not_reported_as_anything_else(tmp_path: Path) -> None:
    with EmbeddedAws(jobs_cwd=tmp_path) as aws:
        job_id = submit(aws, ["sleep", "600"], retryStrategy={"attempts": 10})
        wait_for(aws, job_id, "RUNNING")
        begin = time.monotonic()
        assert describe(aws, job_id)["status"] == "RUNNING"

    assert time.monotonic() - begin < 5
