"""Submissions when Batch, or the way to it, is in trouble."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.stub import Stubber

from adapters.job_queue import BatchJobQueue
from adapters.ports import Accepted, Postponed, Rejected, SubmitAnswer, UnavailableError, Unknown
from dag.records import LONGEST_REASON
from dag.shards import Mark
from dag.submission import Submission
from tests.adapters.clock import VirtualClock
from tests.simulation.batch import Faults, SimulatedBatch

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient

REQUEST = {"jobName": "a", "jobQueue": "queue", "jobDefinition": "definition"}
SUBMISSION = Submission((Mark(0),), REQUEST)
ACCEPTED = {"jobId": "id", "jobName": "a"}


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


@contextmanager
def submitter(wire: Wire, clock: VirtualClock, at_once: int = 1) -> Iterator[BatchJobQueue]:
    """Yield a job queue whose SubmitJob goes to the wire."""
    client = batch_client()
    wire.answer(client)
    yield BatchJobQueue((client, client), clock, clock.sleep, at_once)
    client.close()


def error(code: str, status: int, message: str = "no") -> tuple[int, str]:
    """Return Batch's answer when it refuses."""
    return status, f'{{"__type": "{code}", "message": "{message}"}}'


OK = (200, '{"jobId": "id", "jobName": "a"}')
THROTTLED = error("TooManyRequestsException", 429)


def submit(*answers: Exception | tuple[int, str], timeout: float = 60) -> tuple[SubmitAnswer, int]:
    """Submit one job, and return the answer and how many requests were made."""
    wire = Wire(*answers)
    with submitter(wire, VirtualClock(timeout)) as queue:
        (answer,) = queue.submit([SUBMISSION])
    return answer, len(wire.requests)


def test_an_accepted_job_is_one_request() -> None:
    assert submit(OK) == (Accepted("id"), 1)


@pytest.mark.parametrize(
    "throttled",
    [
        THROTTLED,
        error("ThrottlingException", 400),
        error("Throttling", 400),
        error("RequestLimitExceeded", 503),
        error("LimitOfAnotherName", 429),
        (429, ""),
    ],
)
def test_throttling_is_waited_out(throttled: tuple[int, str]) -> None:
    assert submit(throttled, throttled, throttled, OK) == (Accepted("id"), 4)


def test_a_job_throttled_until_time_is_short_is_unknown() -> None:
    clock = VirtualClock(timeout=30)
    wire = Wire(THROTTLED)
    with submitter(wire, clock) as queue:
        assert queue.submit([SUBMISSION]) == [Unknown()]

    assert 5 <= len(wire.requests) <= 60
    assert 0 < clock.left() < 15


def test_without_time_nothing_is_asked() -> None:
    assert submit(OK, timeout=0) == (Unknown(), 0)


@pytest.mark.parametrize("status", [400, 403, 404, 413])
def test_what_batch_refuses_is_rejected_at_once(status: int) -> None:
    answer = submit(error("ClientException", status, "Job queue x does not exist"))

    assert answer == (Rejected("ClientException: Job queue x does not exist"), 1)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 403),
        ("AccessDeniedException", 400),
        ("ExpiredTokenException", 403),
        ("RequestExpired", 400),
        ("UnrecognizedClientException", 403),
        ("InvalidSignatureException", 403),
        ("RequestTimeoutException", 408),
    ],
)
def test_what_may_heal_is_postponed_with_its_reason_and_asked_once(code: str, status: int) -> None:
    assert submit(error(code, status)) == (Postponed(f"{code}: no"), 1)


def test_a_rejection_is_no_longer_than_a_reason_may_be() -> None:
    answer, _ = submit(error("ClientException", 400, "x" * 1000))

    assert isinstance(answer, Rejected)
    assert len(answer.reason) == LONGEST_REASON


@pytest.mark.parametrize(
    "trouble",
    [
        error("ServerException", 500),
        error("ServiceUnavailable", 503),
        (502, "<html>Bad Gateway</html>"),
        (504, ""),
        ReadTimeoutError(endpoint_url="batch"),
        ConnectTimeoutError(endpoint_url="batch"),
        EndpointConnectionError(endpoint_url="batch"),
        ConnectionClosedError(endpoint_url="batch", request=None),
        HTTPClientError(error="connection reset"),
    ],
    ids=lambda trouble: type(trouble).__name__ if isinstance(trouble, Exception) else str(trouble[0]),
)
def test_what_may_have_been_accepted_is_unknown_and_asked_once(trouble: Exception | tuple[int, str]) -> None:
    assert submit(trouble, OK) == (Unknown(), 1)


def test_without_credentials_nothing_is_known() -> None:
    assert submit(NoCredentialsError()) == (Unknown(), 1)


def test_each_submission_has_its_own_answer() -> None:
    wire = Wire(OK, error("ClientException", 400), error("ServerException", 500), OK)
    with submitter(wire, VirtualClock()) as queue:
        answers = queue.submit([SUBMISSION] * 4)

    assert answers == [Accepted("id"), Rejected("ClientException: no"), Unknown(), Accepted("id")]


def test_a_slice_submitted_by_many_threads_keeps_to_the_rate() -> None:
    wire, clock = Wire(OK), VirtualClock(1e9)
    naps: list[float] = []
    client = batch_client()
    wire.answer(client)
    answers = BatchJobQueue((client, client), clock, naps.append, at_once=8).submit([SUBMISSION] * 50)
    client.close()

    assert answers == [Accepted("id")] * 50
    assert sorted(naps) == pytest.approx([number / 50 for number in range(1, 50)], abs=0.002)


@pytest.mark.parametrize("seed", range(20))
def test_no_fault_of_batch_doubles_or_loses_a_job(seed: int) -> None:
    clock = VirtualClock()
    faults = Faults(throttled=0.3, lost_before=0.1, lost_after=0.1)
    batch = SimulatedBatch(random.Random(seed), clock.now, lambda _: None, lambda *_: None, faults)
    client: Any = batch
    submissions = [_named(number) for number in range(30)]

    answers = BatchJobQueue((client, client), clock, clock.sleep, at_once=1).submit(submissions)

    times = Counter(job.name for job in batch.jobs.values())
    for each, answer in zip(submissions, answers, strict=True):
        name = str(each.request["jobName"])
        assert times[name] == 1 if isinstance(answer, Accepted) else times[name] <= 1
        if isinstance(answer, Accepted):
            assert batch.jobs[answer.job_id].name == name


def _named(number: int) -> Submission:
    payload = {"name": "KEDRO_AWS_BATCH_JOB", "value": f'{{"groups": [{{"nodes": ["n{number}"]}}]}}'}
    request = {**REQUEST, "jobName": f"job-{number}", "containerOverrides": {"environment": [payload]}}
    return Submission((Mark(number),), request)


@contextmanager
def stubbed(add: Callable[[Stubber], None]) -> Iterator[BatchJobQueue]:
    """Yield a job queue whose client expects certain calls, all of which must have been made in the end."""
    client, clock = batch_client(), VirtualClock()
    with Stubber(client) as stubber:
        add(stubber)
        yield BatchJobQueue((client, client), clock, clock.sleep, at_once=1)
        stubber.assert_no_pending_responses()
    client.close()


def test_find_reads_all_pages_and_takes_the_whole_name_alone() -> None:
    asked: dict[str, Any] = {"jobQueue": "queue", "filters": [{"name": "JOB_NAME", "values": ["a"]}]}
    first = {"jobSummaryList": [listed("1", "a", 7), listed("2", "A", 1)], "nextToken": "on"}
    second = {"jobSummaryList": [listed("3", "ab", 1), listed("4", "a", 5)]}

    def add(stubber: Stubber) -> None:
        stubber.add_response("list_jobs", first, asked)
        stubber.add_response("list_jobs", second, {**asked, "nextToken": "on"})

    with stubbed(add) as queue:
        assert queue.find("queue", ["a"], "") == {"a": "4"}


def listed(job_id: str, name: str, created_at: int) -> dict[str, Any]:
    return {"jobId": job_id, "jobName": name, "createdAt": created_at}


def test_many_names_are_looked_up_by_ten_lists() -> None:
    names = [f"p--{number}-0" for number in range(101)]

    def add(stubber: Stubber) -> None:
        for digit in range(10):
            asked: dict[str, Any] = {"jobQueue": "q", "filters": [{"name": "JOB_NAME", "values": [f"p--{digit}*"]}]}
            found = [listed("1", "p--7-0", 5), listed("2", "p--7-1", 5)] if digit == 7 else []
            stubber.add_response("list_jobs", {"jobSummaryList": found}, asked)

    with stubbed(add) as queue:
        assert queue.find("q", names, "p--") == {"p--7-0": "1"}


@pytest.mark.parametrize("status", [None, "DELETED", "DELETING", "VALID"])
def test_a_queue_that_is_gone_has_no_jobs(status: str | None) -> None:
    described = [] if status is None else [{**a_queue("q"), "status": status}]

    def add(stubber: Stubber) -> None:
        stubber.add_client_error("list_jobs", "ClientException", "The specified job queue does not exist", 400)
        stubber.add_response("describe_job_queues", {"jobQueues": described}, {"jobQueues": ["q"]})

    with stubbed(add) as queue:
        if status in (None, "DELETED"):
            assert queue.find("q", ["a"], "") == {}
        else:
            with pytest.raises(ClientError):
                queue.find("q", ["a"], "")


def a_queue(name: str) -> dict[str, Any]:
    arn = f"arn:aws:batch:eu-west-1:123456789012:job-queue/{name}"
    about = {"jobQueueName": name, "jobQueueArn": arn, "priority": 1, "computeEnvironmentOrder": []}
    return {**about, "state": "ENABLED", "status": "VALID"}


def test_describe_is_one_call_and_none_for_nothing() -> None:
    detail = {"jobId": "1", "jobName": "a", "jobQueue": "q", "status": "RUNNING", "startedAt": 1, "jobDefinition": "d"}

    with stubbed(lambda stubber: stubber.add_response("describe_jobs", {"jobs": [detail]}, {"jobs": ["1", "2"]})) as q:
        assert q.describe(["1", "2"]) == [detail]
        assert q.describe([]) == []


def test_the_newest_revision_of_a_definition_may_be_on_any_page() -> None:
    def add(stubber: Stubber) -> None:
        stubber.add_response("describe_job_queues", {"jobQueues": []}, {"jobQueues": []})
        asked = {"jobDefinitionName": "d", "status": "ACTIVE"}
        for more, revisions in (({}, (3, 12)), ({"nextToken": "on"}, (7,))):
            page: Any = {"jobDefinitions": [definition("d", revision) for revision in revisions]}
            if not more:
                page["nextToken"] = "on"
            stubber.add_response("describe_job_definitions", page, {**asked, **more})

    with stubbed(add) as queue:
        assert queue.offer([], ["d"]).definitions == {"d": 12}


def definition(name: str, revision: int) -> dict[str, Any]:
    arn = f"arn:aws:batch:eu-west-1:123456789012:job-definition/{name}:{revision}"
    return {"jobDefinitionName": name, "jobDefinitionArn": arn, "revision": revision, "type": "container"}


def test_what_the_sdk_itself_refuses_is_rejected_and_never_sent() -> None:
    wire = Wire(OK)
    with submitter(wire, VirtualClock()) as queue:
        (answer,) = queue.submit([Submission((Mark(0),), {"jobName": "a"})])
    assert isinstance(answer, Rejected)
    assert ("jobQueue" in answer.reason, wire.requests) == (True, [])


def test_what_is_accepted_lets_the_rate_climb_again() -> None:
    wire = Wire(THROTTLED, THROTTLED, OK)
    with submitter(wire, VirtualClock()) as queue:
        queue.submit([SUBMISSION])
        slowed = queue._limiter._rate
        queue.submit([SUBMISSION] * 5)
        assert queue._limiter._rate == slowed + 5


def test_queues_are_asked_for_by_the_client_that_makes_no_retries() -> None:
    wire = Wire((200, '{"jobQueues": []}'), (200, '{"jobQueues": []}'))
    client, clock, none = batch_client(), VirtualClock(), cast("BatchClient", None)
    wire.answer(client)

    assert BatchJobQueue((client, none), clock, clock.sleep, 1).offer(["q"], []).queues == []

    assert len(wire.requests) == 2  # for the queue, and for those that there are
    client.close()


def test_queues_are_asked_for_once_and_a_refusal_says_that_they_could_not_be() -> None:
    wire = Wire(error("AccessDeniedException", 403), (200, '{"jobDefinitions": []}'), (200, '{"jobDefinitions": []}'))
    with submitter(wire, VirtualClock(), at_once=1) as queue, pytest.raises(UnavailableError, match="AccessDenied"):
        queue.offer(["q"], [])

    assert len(wire.requests) == 1


def test_where_batch_is_out_of_reach_queues_can_not_be_asked_for() -> None:
    wire = Wire(ConnectTimeoutError(endpoint_url="batch"))
    with submitter(wire, VirtualClock()) as queue, pytest.raises(UnavailableError, match="Connect timeout"):
        queue.offer(["q"], [])


def test_every_job_is_terminated_with_the_reason() -> None:
    def add(stubber: Stubber) -> None:
        for job_id in ("1", "2"):
            stubber.add_response("terminate_job", {}, {"jobId": job_id, "reason": "enough"})

    with stubbed(add) as queue:
        queue.terminate(["1", "2"], "enough")


def test_a_termination_that_fails_is_said_after_the_others_were_made() -> None:
    wire = Wire(error("ServerException", 500), (200, "{}"))
    with submitter(wire, VirtualClock(), at_once=4) as queue, pytest.raises(ClientError, match="ServerException"):
        queue.terminate(["1", "2", "3"], "enough")

    assert len(wire.requests) == 3


def test_without_time_to_record_nothing_is_terminated() -> None:
    wire = Wire((200, "{}"))
    with submitter(wire, VirtualClock(timeout=4.9)) as queue:
        assert queue.terminate(["1", "2"], "enough") == 0
    assert wire.requests == []
    with submitter(wire, VirtualClock(timeout=5.0)) as queue:
        assert queue.terminate(["1", "2"], "enough") == 2


def test_a_server_s_fault_is_not_taken_for_a_queue_that_is_gone() -> None:
    """Else a claim would be thought to have no job, and get a second one."""

    def add(stubber: Stubber) -> None:
        stubber.add_client_error("list_jobs", "ServerException", "try again", 500)

    with stubbed(add) as queue, pytest.raises(ClientError, match="ServerException"):
        queue.find("q", ["a"], "")


def test_of_jobs_of_a_name_the_oldest_is_found_in_whatever_order_they_are_listed() -> None:
    jobs = [listed("2", "a", 5), listed("1", "a", 3), listed("3", "a", 7)]

    with stubbed(lambda stubber: stubber.add_response("list_jobs", {"jobSummaryList": jobs})) as queue:
        assert queue.find("q", ["a"], "") == {"a": "1"}


def test_a_hundred_names_are_looked_up_one_by_one() -> None:
    names = [f"p--{number}-0" for number in range(100)]

    def add(stubber: Stubber) -> None:
        for name in names:
            asked: dict[str, Any] = {"jobQueue": "q", "filters": [{"name": "JOB_NAME", "values": [name]}]}
            stubber.add_response("list_jobs", {"jobSummaryList": []}, asked)

    with stubbed(add) as queue:
        assert queue.find("q", names, "p--") == {}


def test_where_a_definition_is_missing_those_that_there_are_are_offered_instead() -> None:
    def add(stubber: Stubber) -> None:
        asked = {"jobDefinitionName": "b", "status": "ACTIVE"}
        stubber.add_response("describe_job_queues", {"jobQueues": [a_queue("q")]}, {"jobQueues": ["q"]})
        stubber.add_response("describe_job_definitions", {"jobDefinitions": []}, asked)
        stubber.add_response("describe_job_definitions", {"jobDefinitions": [definition("d", 1)]}, {"status": "ACTIVE"})

    with stubbed(add) as queue:
        offer = queue.offer(["q"], ["b"])
    # A queue without environments asks for none: for an empty list Batch would describe all.
    assert (offer.definitions, set(offer.near), offer.environments) == ({}, {"d"}, [])


def test_what_the_sdk_refuses_at_length_is_told_no_longer_than_a_reason_may_be() -> None:
    with submitter(Wire(OK), VirtualClock()) as queue:
        (answer,) = queue.submit([Submission((Mark(0),), {"x" * 1000: "a"})])
    assert isinstance(answer, Rejected)
    assert len(answer.reason) == LONGEST_REASON
