"""What Batch is asked: which jobs, queues and definitions there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
)
from botocore.stub import Stubber

from adapters.job_queue import BatchJobQueue
from adapters.ports import UnavailableError
from tests.adapters.clock import VirtualClock

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient

from tests.adapters.batch import Wire, batch_client, error, stubbed, submitter


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


def test_a_hundred_names_are_looked_up_one_by_one() -> None:
    names = [f"p--{number}-0" for number in range(100)]

    def add(stubber: Stubber) -> None:
        for name in names:
            asked: dict[str, Any] = {"jobQueue": "q", "filters": [{"name": "JOB_NAME", "values": [name]}]}
            stubber.add_response("list_jobs", {"jobSummaryList": []}, asked)

    with stubbed(add) as queue:
        assert queue.find("q", names, "p--") == {}


def test_of_jobs_of_a_name_the_oldest_is_found_in_whatever_order_they_are_listed() -> None:
    jobs = [listed("2", "a", 5), listed("1", "a", 3), listed("3", "a", 7)]

    with stubbed(lambda stubber: stubber.add_response("list_jobs", {"jobSummaryList": jobs})) as queue:
        assert queue.find("q", ["a"], "") == {"a": "1"}


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


def test_a_server_s_fault_is_not_taken_for_a_queue_that_is_gone() -> None:
    """Else a claim would be thought to have no job, and get a second one."""

    def add(stubber: Stubber) -> None:
        stubber.add_client_error("list_jobs", "ServerException", "try again", 500)

    with stubbed(add) as queue, pytest.raises(ClientError, match="ServerException"):
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
