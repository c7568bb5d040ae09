"""A Batch without a network: what it answers is said beforehand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.stub import Stubber

from adapters.job_queue import BatchJobQueue
from dag.shards import Mark
from dag.submission import Submission
from tests.adapters.clock import VirtualClock

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient

REQUEST = {"jobName": "a", "jobQueue": "queue", "jobDefinition": "definition"}
SUBMISSION = Submission((Mark(0),), REQUEST)


def batch_client(total_max_attempts: int = 1) -> BatchClient:
    """Return a client that sends nothing unless a test lets it."""
    return boto3.client(
        "batch",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - nobody reads it
        config=Config(retries={"mode": "standard", "total_max_attempts": total_max_attempts}, proxies={}),
    )


class Wire:
    """Replaces HTTP: answers each request with the next of its answers, and repeats the last."""

    def __init__(self, *answers: Exception | tuple[int, str]) -> None:
        self.answers = list(answers)
        self.requests: list[str] = []
        self.lock = threading.Lock()

    def answer(self, client: BatchClient) -> None:
        """Answer all requests of a client from now on."""
        register: Callable[[str, Any], None] = client.meta.events.register
        register("before-send.batch.*", self)

    def __call__(self, request: AWSRequest, **_: Any) -> AWSResponse:
        with self.lock:
            self.requests.append(str(request.url))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        headers = {"Content-Type": "application/json"}
        return AWSResponse(request.url, status, headers, _Raw(body.encode()))  # type: ignore[arg-type]


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._body


def error(code: str, status: int, message: str = "no") -> tuple[int, str]:
    """Return Batch's answer when it refuses."""
    return status, f'{{"__type": "{code}", "message": "{message}"}}'


OK = (200, '{"jobId": "id", "jobName": "a"}')


@contextmanager
def submitter(wire: Wire, clock: VirtualClock, at_once: int = 1) -> Iterator[BatchJobQueue]:
    """Yield a job queue whose SubmitJob goes to the wire."""
    client = batch_client()
    wire.answer(client)
    yield BatchJobQueue((client, client), clock, clock.sleep, at_once)
    client.close()


@contextmanager
def stubbed(add: Callable[[Stubber], None]) -> Iterator[BatchJobQueue]:
    """Yield a job queue whose client expects certain calls, all of which must have been made in the end."""
    client, clock = batch_client(), VirtualClock()
    with Stubber(client) as stubber:
        add(stubber)
        yield BatchJobQueue((client, client), clock, clock.sleep, at_once=1)
        stubber.assert_no_pending_responses()
    client.close()
