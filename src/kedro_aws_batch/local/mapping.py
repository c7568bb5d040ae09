"""Event source mappings from queues to functions: real batches, partial failures, no sleeping.

A mapping's thread waits on the queue's condition, in the same process, and hands
each batch to a thread of its own, at most MaximumConcurrency of them.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

from moto.awslambda.models import EventSourceMapping, LambdaBackend
from moto.sqs.exceptions import QueueDoesNotExist, ReceiptHandleIsInvalid
from moto.sqs.models import sqs_backends

from kedro_aws_batch.local.errors import ApiError, EmbeddedAwsError
from kedro_aws_batch.local.queues import arrivals, seconds_until_visible

if TYPE_CHECKING:
    from moto.sqs.models import Message, Queue

    from kedro_aws_batch.local.functions import Functions
    from kedro_aws_batch.local.place import Place

logger = logging.getLogger(__name__)

#: Lambda begins with five pollers of a queue by default.
_DEFAULT_CONCURRENCY = 5
#: Functions share this machine: more than its CPUs only start cold and wait for each other.
_AT_ONCE = max(2, os.cpu_count() or 2)


class Mapping:
    """Reads one queue for one function until it is stopped."""

    def __init__(self, settings: EventSourceMapping, place: Place, functions: Functions) -> None:
        self._settings = settings
        self._place = place
        self._functions = functions
        self._queue_name = settings.event_source_arn.rpartition(":")[2]
        self._stopping = False
        self._busy: set[threading.Thread] = set()
        self._thread = threading.Thread(target=self._run, name=f"mapping {self._queue_name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Receive nothing more."""
        with arrivals:
            self._stopping = True
            arrivals.notify_all()
        self._thread.join(timeout=5)

    def join(self) -> None:
        """Wait for the batches under way."""
        with arrivals:
            busy = list(self._busy)
        for thread in busy:
            thread.join(timeout=5)

    def _run(self) -> None:
        with contextlib.suppress(QueueDoesNotExist):  # deleting the queue ends the mapping
            self._read()

    def _read(self) -> None:
        while (batch := self._next_batch()) is not None:
            thread = threading.Thread(target=self._handle, args=(batch,), name=f"batch {self._queue_name}", daemon=True)
            with arrivals:
                self._busy.add(thread)
            thread.start()

    def _next_batch(self) -> list[Message] | None:
        """Wait for messages and a free slot; then for more messages, for the length of the window."""
        window = float(self._settings.max_batch_window or 0)
        size = self._settings.batch_size
        batch: list[Message] = []
        deadline: float | None = None
        with arrivals:
            while not self._stopping:
                if self._settings.enabled and (batch or len(self._busy) < self._concurrency):
                    batch += self._receive(size - len(batch))
                if batch and deadline is None:
                    deadline = time.monotonic() + window
                left = None if deadline is None else deadline - time.monotonic()
                if batch and (len(batch) >= size or (left is not None and left <= 0)):
                    return batch
                arrivals.wait(self._until_next(left))
        return None

    def _until_next(self, left: float | None) -> float | None:
        full = not self._settings.enabled or len(self._busy) >= self._concurrency
        due = None if full else seconds_until_visible(self._queue)
        known = [each for each in (left, due) if each is not None]
        return min(known) if known else None

    @property
    def _queue(self) -> Queue:
        return sqs_backends[self._place.account][self._place.region].get_queue(self._queue_name)

    @property
    def _concurrency(self) -> int:
        allowed = int((self._settings.scaling_config or {}).get("MaximumConcurrency") or _DEFAULT_CONCURRENCY)
        return min(allowed, _AT_ONCE)

    def _receive(self, count: int) -> list[Message]:
        backend = sqs_backends[self._place.account][self._place.region]
        visibility = int(self._queue.visibility_timeout)  # type: ignore[attr-defined]  # set by moto's setattr
        return backend.receive_message(self._queue_name, count, 0, visibility, ["All"])

    def _handle(self, batch: list[Message]) -> None:
        try:
            failed = self._invoke(batch)
            backend = sqs_backends[self._place.account][self._place.region]
            with arrivals:
                for message in batch:
                    if message.id in failed:
                        continue
                    # SQS ignores a message that came again meanwhile and went to the dead letters.
                    with contextlib.suppress(ReceiptHandleIsInvalid):
                        backend.delete_message(self._queue_name, str(message.receipt_handle))
        except (ApiError, EmbeddedAwsError, OSError) as error:
            if not self._stopping:  # else the functions may be gone, and the batch is left to the next time
                logger.warning("a batch could not be handled", extra={"queue": self._queue_name, "reason": str(error)})
        finally:
            with arrivals:
                self._busy.discard(threading.current_thread())
                arrivals.notify_all()

    def _invoke(self, batch: list[Message]) -> set[str]:
        """Return the ids of the messages to deliver again."""
        records = [_record(message, self._settings.event_source_arn, self._place.region) for message in batch]
        invocation = self._functions.invoke(self._settings.function_arn, json.dumps({"Records": records}).encode())
        sent = {message.id for message in batch}
        if invocation.failed:
            return sent
        if "ReportBatchItemFailures" not in (self._settings.function_response_types or []):
            return set()
        return reported_failures(invocation.answer, sent)


def reported_failures(answer: bytes, sent: set[str]) -> set[str]:
    """Return the messages that a function reported as failed: all of them, if its answer makes no sense.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    try:
        reported = (json.loads(answer) or {}).get("batchItemFailures") or []
        failed = {each["itemIdentifier"] for each in reported}
    except (ValueError, AttributeError, KeyError, TypeError):
        return sent
    return sent if failed - sent else failed


def _record(message: Message, queue_arn: str, region: str) -> dict[str, Any]:
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    message_attributes = {
        name: {
            "stringValue": value.get("StringValue"),
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": value["DataType"],
        }
        for name, value in message.message_attributes.items()
    }
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": message_attributes,
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": region,
    }


class Mappings:
    """All event source mappings of the embedded AWS."""

    def __init__(self, place: Place, functions: Functions) -> None:
        self._place = place
        self._functions = functions
        self._mappings: dict[str, Mapping] = {}

    def start(self, settings: EventSourceMapping) -> None:
        """Begin to read a queue."""
        self._mappings[settings.uuid] = Mapping(settings, self._place, self._functions)

    def end(self, uuid: str) -> None:
        """Stop reading a queue whose mapping was deleted."""
        if (mapping := self._mappings.pop(uuid, None)) is not None:
            mapping.stop()

    def stop(self) -> None:
        """Receive nothing more, from any queue."""
        for mapping in self._mappings.values():
            mapping.stop()

    def join(self) -> None:
        """Wait for the batches under way."""
        for mapping in self._mappings.values():
            mapping.join()


class MappedLambdaBackend(LambdaBackend):
    """moto's Lambda, with mappings read by `Mappings`: moto's own run inside SendMessage, a message at a time."""

    __module__ = LambdaBackend.__module__  # moto finds a backend's URLs by this
    mappings: ClassVar[Mappings | None] = None

    def create_event_source_mapping(self, spec: dict[str, Any]) -> EventSourceMapping:
        """Create a mapping, and begin to read its queue."""
        created = super().create_event_source_mapping(spec)
        for queue in sqs_backends[self.account_id][self.region_name].queues.values():
            queue.lambda_event_source_mappings.clear()
        if self.mappings is not None:
            self.mappings.start(created)
        return created

    def update_event_source_mapping(self, uuid: str, spec: dict[str, Any]) -> EventSourceMapping | None:
        """Change a mapping; it takes effect with the next batch."""
        with arrivals:
            updated = super().update_event_source_mapping(uuid, spec)
            for queue in sqs_backends[self.account_id][self.region_name].queues.values():
                queue.lambda_event_source_mappings.clear()
            arrivals.notify_all()
        return updated

    def delete_event_source_mapping(self, uuid: str) -> EventSourceMapping | None:
        """Delete a mapping, and stop reading its queue."""
        if self.mappings is not None:
            self.mappings.end(uuid)
        return super().delete_event_source_mapping(uuid)
