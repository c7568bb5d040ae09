"""Dead letters of a deployed service: failed messages go back to the queue that they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from kedro_aws_batch.aws_errors import Call, why_refused
from kedro_aws_batch.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Their logical names in the stack.
DEAD_LETTERS, EVENTS = "DeadLetterQueue", "EventsQueue"


def queues(stack: str, cloudformation: Any) -> tuple[str, str]:
    """Return the URLs of a stack's dead-letter queue and of its events queue. Raises ServiceError."""
    try:
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        found = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages
            for each in page["StackResourceSummaries"]
            if each["LogicalResourceId"] in (DEAD_LETTERS, EVENTS)
        }
    except (ClientError, BotoCoreError) as error:
        call = Call(f"look for the queues of the stack '{stack}'", "cloudformation:ListStackResources")
        raise ServiceError(why_refused(error, call), "Refused") from error
    if len(found) != len((DEAD_LETTERS, EVENTS)):
        raise ServiceError(f"The stack '{stack}' has no queues of kedro-aws-batch: is it another service's?", "Refused")
    return found[DEAD_LETTERS], found[EVENTS]


def move(dead_letters: str, events: str, sqs: Any) -> int:
    """Move all messages from one queue to the other, both given by URL, and return their number. Raises ServiceError.

    A message is deleted only after the other queue has it. One that arrives twice, or late, changes nothing.
    """
    moved = 0
    try:
        for message in _received(dead_letters, sqs):
            sqs.send_message(QueueUrl=events, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=dead_letters, ReceiptHandle=message["ReceiptHandle"])
            moved += 1
    except (ClientError, BotoCoreError) as error:
        call = Call(
            f"move dead letters ({moved} were moved)",
            "sqs:ReceiveMessage and DeleteMessage on the dead letters, and sqs:SendMessage on the events",
        )
        raise ServiceError(why_refused(error, call), "Refused") from error
    return moved


def _received(queue: str, sqs: Any) -> Iterator[dict[str, Any]]:
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages"):
        yield from messages
