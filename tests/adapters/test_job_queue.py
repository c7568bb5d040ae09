"""Submissions when Batch, or the way to it, is in trouble."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
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
from adapters.ports import Accepted, Postponed, Rejected, SubmitAnswer, Unknown
from dag.records import LONGEST_REASON
from dag.shards import Mark
from dag.submission import Submission
from tests.adapters.batch import OK, REQUEST, SUBMISSION, Wire, batch_client, error, stubbed, submitter
from tests.adapters.clock import VirtualClock
from tests.simulation.batch import Faults, SimulatedBatch

ACCEPTED = {"jobId": "id", "jobName": "a"}
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


def test_what_the_sdk_refuses_at_length_is_told_no_longer_than_a_reason_may_be() -> None:
    with submitter(Wire(OK), VirtualClock()) as queue:
        (answer,) = queue.submit([Submission((Mark(0),), {"x" * 1000: "a"})])
    assert isinstance(answer, Rejected)
    assert len(answer.reason) == LONGEST_REASON
