"""The event bus, and the queue by which one invocation has another carry on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapters.ports import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient

SOURCE = "kedro.aws-batch"
DETAIL_TYPE = "Kedro Run State Change"
_AT_ONCE = 10  # messages of ReceiveMessage and DeleteMessageBatch


class EventBusAnnouncements:
    """Publishes announcements (docs/contracts.md)."""

    def __init__(self, client: EventBridgeClient, bus: str) -> None:
        self._client = client
        self._bus = bus

    def announce(self, detail: Mapping[str, Any]) -> None:
        entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": json.dumps(detail), "EventBusName": self._bus}
        answer = self._client.put_events(Entries=[entry])  # type: ignore[list-item]
        if answer["FailedEntryCount"]:
            raise UnavailableError(f"PutEvents refused an announcement: {answer['Entries'][0].get('ErrorMessage')}")


class SqsMessages:
    """The queue that job_state_change reads."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def advance_later(self, run_id: str, seconds: int = 0) -> None:
        body = json.dumps({"advance": {"run_id": run_id}})
        self._client.send_message(QueueUrl=self._url, MessageBody=body, DelaySeconds=seconds)

    def receive(self) -> list[Mapping[str, Any]]:
        answer = self._client.receive_message(QueueUrl=self._url, MaxNumberOfMessages=_AT_ONCE)
        return [
            {"messageId": message["MessageId"], "body": message["Body"], "receiptHandle": message["ReceiptHandle"]}
            for message in answer.get("Messages", ())
        ]

    def delete(self, records: Sequence[Mapping[str, Any]]) -> None:
        for start in range(0, len(records), _AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": str(record["receiptHandle"])}
                for number, record in enumerate(records[start : start + _AT_ONCE])
            ]
            answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type]
            if answer.get("Failed"):
                raise UnavailableError(f"DeleteMessageBatch left messages: {answer['Failed'][0].get('Message')}")
