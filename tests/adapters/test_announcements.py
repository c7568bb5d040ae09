"""That announcements and messages arrive as docs/contracts.md and the queue's reader expect them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from adapters.announcements import EventBusAnnouncements, SqsMessages
from adapters.ports import UnavailableError
from kedro_aws_batch.local import EmbeddedAws
from tests.local.support import until

RUN_ID = "2026-11-22T13.11.00.123Z"
DETAIL = {
    "run_id": RUN_ID,
    "project": "spaceflights",
    "pipelines": ["__default__"],
    "status": "FAILED",
    "reason": "train failed: größer als π 🚀",
    "counts": {"SUCCEEDED": 2, "FAILED": 1},
    "ended_at": None,
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """An embedded AWS without functions."""
    with EmbeddedAws(jobs_cwd=tmp_path_factory.mktemp("project")) as running:
        yield running


def received(aws: EmbeddedAws, url: str) -> list[Any]:
    """Return the messages in a queue, after at most five seconds."""
    answer = aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


@pytest.fixture
def listener(aws: EmbeddedAws) -> str:
    """A queue that gets the ends of runs, by a rule like a user's."""
    url = aws.client("sqs").create_queue(QueueName="ends")["QueueUrl"]
    events = aws.client("events")
    pattern = {
        "source": ["kedro.aws-batch"],
        "detail-type": ["Kedro Run State Change"],
        "detail": {"status": ["FAILED"]},
    }
    events.put_rule(Name="ends", EventPattern=json.dumps(pattern))
    arn = f"arn:aws:sqs:us-east-1:{aws.account}:ends"
    events.put_targets(Rule="ends", Targets=[{"Id": "queue", "Arn": arn}])
    return url


def test_an_announcement_reaches_whoever_listens_for_it(aws: EmbeddedAws, listener: str) -> None:
    announcements = EventBusAnnouncements(aws.client("events"), "default")

    announcements.announce({**DETAIL, "status": "RUNNING"})
    announcements.announce(DETAIL)

    (event,) = received(aws, listener)
    assert (event["source"], event["detail-type"], event["detail"]) == (
        "kedro.aws-batch",
        "Kedro Run State Change",
        DETAIL,
    )


def test_an_announcement_that_the_bus_refuses_may_be_made_again(aws: EmbeddedAws) -> None:
    client = aws.client("events")
    refusal = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "try again"}]}
    with Stubber(client) as stubber:
        stubber.add_response("put_events", refusal)

        with pytest.raises(UnavailableError, match="try again"):
            EventBusAnnouncements(client, "default").announce(DETAIL)


def test_a_message_has_the_next_invocation_carry_on(aws: EmbeddedAws) -> None:
    url = aws.client("sqs").create_queue(QueueName="events")["QueueUrl"]

    SqsMessages(aws.client("sqs"), url).advance_later(RUN_ID)

    assert received(aws, url) == [{"advance": {"run_id": RUN_ID}}]


def test_a_message_for_later_comes_later(aws: EmbeddedAws) -> None:
    url = aws.client("sqs").create_queue(QueueName="later")["QueueUrl"]
    queue = SqsMessages(aws.client("sqs"), url)
    queue.advance_later(RUN_ID, 2)
    assert queue.receive() == []
    state = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesDelayed"])
    assert state["Attributes"] == {"ApproximateNumberOfMessagesDelayed": "1"}
    assert until(queue.receive, seconds=10)


def test_a_message_that_can_not_be_sent_is_an_error(aws: EmbeddedAws) -> None:
    url = aws.client("sqs").create_queue(QueueName="short-lived")["QueueUrl"]
    aws.client("sqs").delete_queue(QueueUrl=url)

    with pytest.raises(ClientError):
        SqsMessages(aws.client("sqs"), url).advance_later(RUN_ID)


def test_messages_are_received_as_lambda_hands_them_over_and_deleted(aws: EmbeddedAws) -> None:
    url = aws.client("sqs").create_queue(QueueName="full")["QueueUrl"]
    queue = SqsMessages(aws.client("sqs"), url)
    for number in range(12):
        queue.advance_later(str(number))

    got = queue.receive() + queue.receive()

    assert {json.loads(record["body"])["advance"]["run_id"] for record in got} == {str(number) for number in range(12)}
    assert len({record["messageId"] for record in got}) == 12
    queue.delete(got)
    assert queue.receive() == []
    waiting = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert waiting["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_messages_that_can_not_be_deleted_are_an_error(aws: EmbeddedAws) -> None:
    client = aws.client("sqs")
    failed = {"Id": "0", "SenderFault": False, "Code": "InternalError", "Message": "try again"}
    refusal = {"Successful": [], "Failed": [failed]}
    with Stubber(client) as stubber:
        stubber.add_response("delete_message_batch", refusal)

        with pytest.raises(UnavailableError, match="try again"):
            SqsMessages(client, "http://127.0.0.1/queue").delete([{"messageId": "m", "receiptHandle": "r"}])
