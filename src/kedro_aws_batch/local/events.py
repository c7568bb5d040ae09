"""EventBridge: one thread delivers events, one by one, to the targets of matching rules.

Rules, buses and patterns are moto's. This module decides which rules an event
reaches, and what their targets get: moto ignores a rule's state and lets a rule
with only a schedule match everything.
"""

from __future__ import annotations

import json
import logging
import queue
import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar

from moto.events.models import EventPattern, EventsBackend, Rule, events_backends
from moto.sqs.models import sqs_backends

from kedro_aws_batch.local.jsons import Json
from kedro_aws_batch.local.schedules import next_time

if TYPE_CHECKING:
    from kedro_aws_batch.local.alarms import Alarm, Alarms
    from kedro_aws_batch.local.place import Place


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """An event on its way."""

    source: str
    detail_type: str
    detail: Json
    event_id: str
    time: float
    resources: tuple[str, ...] = ()
    bus: str = "default"

    def message(self, place: Place) -> Json:
        """Return the event as a target gets it."""
        moment = datetime.fromtimestamp(self.time, timezone.utc)
        return {
            "version": "0",
            "id": self.event_id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": place.account,
            "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": place.region,
            "resources": list(self.resources),
            "detail": self.detail,
        }


def new_event(source: str, detail_type: str, detail: Json, resources: tuple[str, ...] = ()) -> Event:
    """Return an event on the default bus with the current time."""
    return Event(
        source=source,
        detail_type=detail_type,
        detail=detail,
        event_id=str(uuid.uuid4()),
        time=time.time(),
        resources=resources,
    )


class EventBus:
    """Takes events from any thread, and delivers them in order."""

    def __init__(self, place: Place, alarms: Alarms, invoke: Callable[[str, bytes], None]) -> None:
        self._place = place
        self._alarms = alarms
        #: Invokes a function asynchronously, by its ARN.
        self._invoke = invoke
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._schedules: dict[str, Alarm] = {}
        self._thread = threading.Thread(target=self._run, name="event-bus", daemon=True)
        self._thread.start()

    def publish(self, event: Event) -> None:
        """Deliver an event soon."""
        self._events.put(event)

    def stop(self) -> None:
        """Deliver what was published before, then nothing more."""
        self._events.put(None)
        self._thread.join()

    def schedule(self, rule: Rule) -> None:
        """Let a rule fire by its schedule from now on, if it has one."""
        if (alarm := self._schedules.pop(rule.arn, None)) is not None:
            alarm.cancel()
        if rule.scheduled_expression:
            due = next_time(rule.scheduled_expression, time.time())
            self._schedules[rule.arn] = self._alarms.after(max(0.0, due - time.time()), lambda: self._fire(rule))

    def fire(self, name: str) -> None:
        """Fire a scheduled rule of the default bus now."""
        self._fire(self._rules("default")[name])

    def _fire(self, rule: Rule) -> None:
        if self._rules("default").get(rule.name) is not rule:
            return  # deleted, or replaced by a rule with its own alarm
        self.schedule(rule)
        if rule.state == "ENABLED":
            event = new_event("aws.events", "Scheduled Event", {}, (rule.arn,))
            self._deliver_to_targets(rule, event.message(self._place))

    def _rules(self, bus: str) -> dict[str, Rule]:
        backend = events_backends[self._place.account][self._place.region]
        return backend.describe_event_bus(bus).rules

    def _run(self) -> None:
        while (event := self._events.get()) is not None:
            message = event.message(self._place)
            flat = EventPattern._flatten_dict(message)  # noqa: SLF001 - once for all rules
            for rule in list(self._rules(event.bus).values()):
                if rule.state == "ENABLED" and _matches(rule, flat):
                    self._deliver_to_targets(rule, message)

    def _deliver_to_targets(self, rule: Rule, message: Json) -> None:
        for target in list(rule.targets):
            try:
                self._deliver(target, message)
            except Exception:
                logger.exception("an event could not be delivered", extra={"rule": rule.name, "target": target["Arn"]})

    def _deliver(self, target: Json, message: Json) -> None:
        arn, body = str(target["Arn"]), target_input(target, message)
        service = arn.split(":")[2]
        if service == "lambda":
            self._invoke(arn, body.encode())
        elif service == "sqs":
            group = (target.get("SqsParameters") or {}).get("MessageGroupId")
            backend = sqs_backends[self._place.account][self._place.region]
            backend.send_message(arn.rpartition(":")[2], body, group_id=group)
        else:
            raise NotImplementedError(f"the embedded EventBridge delivers to queues and functions, not to {arn}")


def _matches(rule: Rule, flat: Json) -> bool:
    pattern = rule.event_pattern.get_pattern()
    return bool(pattern) and rule.event_pattern._does_event_match(flat, pattern)  # noqa: SLF001


def target_input(target: Json, message: Json) -> str:
    """Return the input of a target: its own Input, a part by InputPath, a transformation, or the whole event."""
    if target.get("Input"):
        return str(target["Input"])
    if transformer := target.get("InputTransformer"):
        return _transform(transformer, message)
    return json.dumps(_part(message, target.get("InputPath") or "$"), separators=(",", ":"))


def _part(message: Json, path: str) -> Any:
    part: Any = message
    for key in path.split(".")[1:]:
        part = part.get(key) if isinstance(part, dict) else None
    return part


def _transform(transformer: Json, message: Json) -> str:
    """Fill in a template: raw text within a string, JSON elsewhere (moto takes all of it for text)."""
    template = str(transformer["InputTemplate"])
    values = {name: _part(message, path) for name, path in transformer.get("InputPathsMap", {}).items()}
    values["aws.events.event.json"] = message

    def fill(match: re.Match[str]) -> str:
        value = values[match[1]]
        within_string = template.count('"', 0, match.start()) % 2
        return value if within_string and isinstance(value, str) else json.dumps(value)

    return re.sub(f"<({'|'.join(map(re.escape, values))})>", fill, template)


class DeliveringEventsBackend(EventsBackend):
    """moto's EventBridge, with events delivered by the running embedded AWS's bus."""

    __module__ = EventsBackend.__module__  # moto finds a backend's URLs by this
    bus: ClassVar[EventBus | None] = None

    def put_rule(self, *args: Any, **kwargs: Any) -> Rule:
        """Create or change a rule, and start its schedule; refuse a schedule that can't be kept."""
        expression = kwargs.get("scheduled_expression")
        if expression:
            next_time(expression, 0)
        rule = super().put_rule(*args, **kwargs)
        if self.bus is not None:
            self.bus.schedule(rule)
        return rule

    def put_events(self, events: list[Json]) -> list[Json]:
        """Deliver the well-formed events, and report what is wrong with the others."""
        if len(events) > 10:
            return super().put_events(events)  # which refuses them
        return [self._put_event(each) for each in events]

    def _put_event(self, entry: Json) -> Json:
        for name in ("Source", "DetailType", "Detail"):
            if not entry.get(name):
                message = f"Parameter {name} is not valid. Reason: {name} is a required argument."
                return {"ErrorCode": "InvalidArgument", "ErrorMessage": message}
        try:
            detail = json.loads(entry["Detail"])
        except ValueError:
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        bus = self._normalize_event_bus_arn(entry.get("EventBusName"))
        self.describe_event_bus(bus)
        moment = float(entry.get("Time") or time.time())
        resources = tuple(entry.get("Resources") or ())
        event = Event(
            source=entry["Source"],
            detail_type=entry["DetailType"],
            detail=detail,
            event_id=str(uuid.uuid4()),
            time=moment,
            resources=resources,
            bus=bus,
        )
        if self.bus is not None:
            self.bus.publish(event)
        return {"EventId": event.event_id}
