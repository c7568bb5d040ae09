"""Runs that start by the clock: from the user's list to the events of start_run in serverless.yml."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kedro_aws_batch._service.dag.document import GraphDocument
from kedro_aws_batch._service.dag.errors import DagError, did_you_mean
from kedro_aws_batch._service.dag.limits import RULE_DESCRIPTION, RULE_INPUT
from kedro_aws_batch._service.dag.preview import preview
from kedro_aws_batch.package.errors import PackageError
from kedro_aws_batch.package.expressions import wrong_expression
from kedro_aws_batch.package.zoned import POINT_OF_TIME, wrong_zone, zoned_schedule, zoned_template
from kedro_aws_batch.service_root import service_root

ScheduleEvent = dict[str, Any]

#: In the folder of an environment, next to its parameters.
SCHEDULES_FILE = "schedules.yml"

#: Fields that we set for each event, or that don't fit a schedule which outlives deployments.
_NOT_YOURS = ("idempotency_key", "graph_digest", "resume_from", "stored", "dry_run")
#: The types in a request's schema, and their words.
_TYPES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "string": (lambda value: isinstance(value, str) and bool(value), "a text"),
    "array": (
        lambda value: isinstance(value, list) and bool(value) and all(_TYPES["string"][0](one) for one in value),
        "a list of texts",
    ),
    "object": (lambda value: isinstance(value, dict), "a mapping"),
    "boolean": (lambda value: isinstance(value, bool), "true or false"),
    "integer": (lambda value: type(value) is int and value >= 1, "a whole number of at least 1"),
}


@dataclass(frozen=True)
class _Entry:
    """A schedule, and its place in the list."""

    where: str
    content: Mapping[str, Any]

    def refuse(self, what: str) -> PackageError:
        return PackageError(f"{self.where} {what}")


@dataclass(frozen=True)
class Schedules:
    """Runs that start by the clock."""

    #: In UTC, as events of start_run: rules of the event bus.
    events: Sequence[ScheduleEvent] = ()
    #: In local time, as resources: schedules of EventBridge Scheduler.
    zoned: Sequence[ScheduleEvent] = ()

    @property
    def any(self) -> bool:
        """Whether anything starts runs by the clock."""
        return bool(self.events or self.zoned)

    def packaged(self) -> dict[str, Any]:
        """Return their part of packaged.json, for the templates."""
        return {"schedules": list(self.events), "zonedSchedules": zoned_template(list(self.zoned))}


def read_schedules(path: Path, graph: GraphDocument, mark: str) -> Schedules:
    """Return the schedules in a YAML list. Raises PackageError.

    Each entry has `schedule`, `cron(…)` or `rate(…)`, in UTC or in its `timezone`, and fields of a start_run request.
    The graph must be able to run it, since nobody reads start_run's answer to a schedule. start_run recognises
    schedules by `mark`.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise PackageError(f"The schedules in {path} can't be read: {error}") from error
    if entries is None:
        return Schedules()
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise PackageError(
            f"{path} is not a list of schedules, each with `schedule` and fields of a start_run request."
        )
    known = json.loads((service_root() / "handlers/schemas/start_run.json").read_text(encoding="utf-8"))["properties"]
    fields = {name: declared["type"] for name, declared in known.items() if name not in _NOT_YOURS}
    places = (f"Schedule {number} in {path}" for number in range(1, len(entries) + 1))
    told = [_Entry(where, entry) for where, entry in zip(places, entries, strict=True)]
    return Schedules(
        events=[_event(entry, fields, graph, mark) for entry in told if "timezone" not in entry.content],
        zoned=[_zoned(entry, fields, graph, mark) for entry in told if "timezone" in entry.content],
    )


def _event(entry: _Entry, fields: Mapping[str, str], graph: GraphDocument, mark: str) -> ScheduleEvent:
    # An event that is delivered twice has one id, so it starts one run.
    when, said, request = _read(entry, fields, graph, f"{mark}:<id>")
    transformer = {"inputPathsMap": {"id": "$.id"}, "inputTemplate": request}
    return {"schedule": {"rate": [when], "description": said, "inputTransformer": transformer}}


def _zoned(entry: _Entry, fields: Mapping[str, str], graph: GraphDocument, mark: str) -> ScheduleEvent:
    zone = entry.content["timezone"]
    if wrong := wrong_zone(zone, str(entry.content.get("schedule"))):
        raise entry.refuse(wrong)
    return zoned_schedule(zone, *_read(entry, fields, graph, f"{mark}:{_digest(entry)}:{POINT_OF_TIME}"))


def _digest(entry: _Entry) -> str:
    """Return what tells an entry from others that are due at the same time."""
    return hashlib.sha256(repr(sorted(map(repr, entry.content.items()))).encode()).hexdigest()[:16]


def _read(entry: _Entry, fields: Mapping[str, str], graph: GraphDocument, key: str) -> tuple[str, str, str]:
    """Return when an entry is due, what it says of itself, and the request; `key` is filled in for each time."""
    when = entry.content.get("schedule")
    if wrong := wrong_expression(when if isinstance(when, str) else ""):
        raise entry.refuse(f"can't start at {when!r}: {wrong}.")
    request = _request(entry, fields)
    if request.get("reuse") and not graph.run.get("reuse"):
        raise entry.refuse(
            "has 'reuse: true', but start_run learns only from 'aws_batch.reuse: true' where the data lies. Set that, "
            "and 'reuse: false' for schedules that make all anew."
        )
    sent = _template(entry, {**request, "idempotency_key": f"schedule:{key}"}, key)
    try:
        preview(graph, request)
    except DagError as error:
        raise entry.refuse(f"would start nothing: {error}") from error
    said = str(entry.content.get("description") or f"Starts {entry.content.get('pipeline', 'a run')}")
    return str(when), said[: RULE_DESCRIPTION.most], sent


def _request(entry: _Entry, fields: Mapping[str, str]) -> dict[str, Any]:
    request = {name: value for name, value in entry.content.items() if name not in ("schedule", "timezone")}
    for name, value in request.items():
        if name not in fields:
            near = did_you_mean(str(name), fields)
            raise entry.refuse(f"has a field '{name}'.{near} It may have: schedule, timezone, {', '.join(fields)}.")
        fits, wanted = _TYPES[fields[name]]
        if not fits(value):
            raise entry.refuse(f"has {value!r} as '{name}', which must be {wanted}.")
    return request


def _template(entry: _Entry, request: Mapping[str, Any], key: str) -> str:
    """Return the template of the request, into which EventBridge fills its part of the key."""
    try:
        sent = json.dumps(request)
    except (TypeError, ValueError) as error:  # YAML has types that JSON lacks, for example dates
        raise entry.refuse(
            f"can't be sent to start_run, whose requests are JSON: {error}. Put it in quotes."
        ) from error
    for sign, why in (("<", "EventBridge"), (">", "EventBridge"), ("${", "osls")):
        if sign in sent.replace(key, "", 1):
            raise entry.refuse(f"has '{sign}' in a value, which {why} would take for a variable.")
    if not RULE_INPUT.allows(len(sent)):
        raise entry.refuse(
            f"has {len(sent):,} characters of JSON, but EventBridge takes {RULE_INPUT.most:,}. Move some of "
            "its params to the project's parameters."
        )
    return sent
