"""SQS, made safe for threads, with a notice when a message arrives."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, ParamSpec, TypeVar

from moto.sqs.models import Message, Queue, SQSBackend

P = ParamSpec("P")
R = TypeVar("R")

#: Guards every queue; notified when a message may have become visible.
arrivals = threading.Condition(threading.RLock())


def _atomic(method: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(method)
    def locked(*args: P.args, **kwargs: P.kwargs) -> R:
        with arrivals:
            result = method(*args, **kwargs)
            arrivals.notify_all()
            return result

    return locked


class QuickQueue(Queue):
    """moto's queue, but it asks for the time once for all messages, since it counts them at every call."""

    @property
    def messages(self) -> list[Message]:
        """Return the messages that can be received now."""
        now = time.time() * 1000
        return [each for each in self._messages if each.visible_at < now and each.delayed_until <= now]

    @property
    def approximate_number_of_messages_delayed(self) -> int:
        """Return how many have yet to become visible for the first time."""
        now = time.time() * 1000
        return sum(each.delayed_until > now for each in self._messages)

    @property
    def approximate_number_of_messages_not_visible(self) -> int:
        """Return how many were received but not deleted."""
        now = time.time() * 1000
        return sum(each.visible_at >= now for each in self._messages)


class AtomicSqsBackend(SQSBackend):
    """moto's SQS; of two receivers at the same time only one gets a message."""

    __module__ = SQSBackend.__module__  # moto finds a backend's URLs by this

    #: Seconds that replace every queue's own visibility timeout, or None.
    visibility_timeout: ClassVar[int | None] = None

    send_message = _atomic(SQSBackend.send_message)
    send_message_batch = _atomic(SQSBackend.send_message_batch)
    delete_message = _atomic(SQSBackend.delete_message)
    delete_message_batch = _atomic(SQSBackend.delete_message_batch)
    change_message_visibility = _atomic(SQSBackend.change_message_visibility)
    purge_queue = _atomic(SQSBackend.purge_queue)

    def create_queue(self, name: str, tags: dict[str, str] | None = None, **kwargs: Any) -> Queue:
        """Create a queue, with this embedded AWS's visibility timeout if it has one."""
        if self.visibility_timeout is not None:
            kwargs["VisibilityTimeout"] = self.visibility_timeout
        queue = super().create_queue(name, tags, **kwargs)
        queue.__class__ = QuickQueue  # type: ignore[type-abstract]  # moto's own has no more to it
        return queue

    def is_message_valid_based_on_retention_period(self, queue_name: str, message: Message) -> bool:
        """Return whether a message is not too old; moto computes all attributes of the queue for each message."""
        kept: int = self.get_queue(queue_name).message_retention_period  # type: ignore[attr-defined]  # by moto's setattr
        return kept + float(message.sent_timestamp or 0) / 1000 > time.time()

    def receive_message(
        self,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Message]:
        """Receive visible messages, or wait for them; the lock is free while waiting."""
        deadline = time.monotonic() + int(wait_seconds_timeout or 0)
        with arrivals:
            while True:
                found = self._receive_now(queue_name, count, visibility_timeout, message_attribute_names)
                left = deadline - time.monotonic()
                if found or left <= 0:
                    return found
                due = seconds_until_visible(self.get_queue(queue_name))
                arrivals.wait(left if due is None else min(left, due))

    def _receive_now(self, name: str, count: int, visibility_timeout: int, wanted: list[str] | None) -> list[Message]:
        queue = self.get_queue(name)
        before = len(queue._messages)  # noqa: SLF001
        found = super().receive_message(name, count, 0, visibility_timeout, wanted)
        if len(queue._messages) < before:  # noqa: SLF001 - some went to the dead-letter queue
            arrivals.notify_all()
        return found


def seconds_until_visible(queue: Queue) -> float | None:
    """Return how long until the next message can be received: 0 if one can be now, None if none will come."""
    now = time.time() * 1000
    due = [max(each.visible_at, each.delayed_until) for each in queue._messages]  # noqa: SLF001 - moto has no name for it
    return max(0.0, (min(due) - now) / 1000 + 0.001) if due else None
