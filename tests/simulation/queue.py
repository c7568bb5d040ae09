"""The queue between events and job_state_change: what is delivered when, to whom, and again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from runs.messages import FULL, take_all
from tests.simulation.deployed import deployed
from tests.simulation.fibers import Timeline


@dataclass
class Message:
    """A message in the queue."""

    body: str
    number: int
    receives: int = 0


class EventsQueue:
    """The queue, and Lambda's mapping of it. `invoke` gets a name, an action, and who gets its result."""

    def __init__(self, timeline: Timeline, invoke: Callable[..., None], *, orderly: bool) -> None:
        self.waiting: list[Message] = []
        self.dead_letters = 0
        self._timeline = timeline
        self._invoke = invoke
        self._orderly = orderly  #: first in, first out, and as many at once as there are
        self._fetched: dict[str, Message] = {}
        self._consumers = 0
        self._sent = 0

    def send(self, body: str, delay: int) -> None:
        """Take a message that arrives in so many ms."""
        self._sent += 1
        message = Message(body, self._sent)
        self._timeline.later(delay, lambda: self._arrive(message))

    def receive(self) -> list[Mapping[str, Any]]:
        """Give messages to an invocation that fetches more; they come again unless it deletes them."""
        got = self._take()
        for message in got:
            self._fetched[str(message.number)] = message
            self._timeline.later(deployed().visibility, partial(self._unless_deleted, message))
        return [{"messageId": str(m.number), "body": m.body, "receiptHandle": str(m.number)} for m in got]

    def delete(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Delete messages that an invocation received by itself."""
        for record in records:
            self._fetched.pop(record["receiptHandle"], None)

    def _unless_deleted(self, message: Message) -> None:
        if self._fetched.pop(str(message.number), None):
            self._again(message)

    def _arrive(self, message: Message) -> None:
        self.waiting.append(message)
        self._consume()

    def _take(self) -> list[Message]:
        got = self._first(deployed().batch_size) if self._orderly else self._any()
        for message in got:
            message.receives += 1
        return got

    def _first(self, most: int) -> list[Message]:
        got, self.waiting[:most] = self.waiting[:most], []
        return got

    def _any(self) -> list[Message]:
        """Take some in any order, however many there are: each changes places with the last and is taken from there."""
        rng, waiting = self._timeline.rng, self.waiting
        got = []
        for _ in range(min(len(waiting), rng.randint(1, deployed().batch_size))):
            place = rng.randrange(len(waiting))
            waiting[place], waiting[-1] = waiting[-1], waiting[place]
            got.append(waiting.pop())
        return got

    def _consume(self) -> None:
        if self._consumers >= deployed().consumers or not self.waiting:
            return
        batch = self._take()
        self._consumers += 1
        records = [{"messageId": str(message.number), "body": message.body} for message in batch]

        def done(taken: Any) -> None:
            self._consumers -= 1
            for message in batch:
                if taken is None or str(message.number) in taken.failed:
                    self._timeline.later(deployed().visibility, partial(self._again, message))
            self._consume()

        full = FULL if self._orderly else self._timeline.rng.choice((1, FULL))
        self._invoke("job_state_change", lambda dispatcher: take_all(dispatcher, records, full), done)

    def _again(self, message: Message) -> None:
        if message.receives >= deployed().receives:
            self.dead_letters += 1
        else:
            self._arrive(message)


def event(detail: Mapping[str, Any]) -> str:
    """Return the message about a job."""
    return json.dumps({"detail-type": "Batch Job State Change", "source": "aws.batch", "detail": detail})
