"""Runs that start by the clock: from the user's list to what serverless.yml declares as events of start_run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from kedro_aws_batch._service.dag.errors import did_you_mean
from kedro_aws_batch.package.errors import PackageError
from kedro_aws_batch.service_root import service_root

Event = dict[str, Any]

_WHEN = re.compile(r"cron\((\S+ ){5}\S+\)|rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)")
#: Set by us for each event, or at odds with a schedule that outlives deployments.
_NOT_YOURS = ("idempotency_key", "graph_digest", "resume_from")


def read_schedules(path: Path) -> list[Event]:
    """Return the events of start_run that a YAML list of schedules declares. Raises PackageError.

    Each entry has `schedule`, `cron(…)` or `rate(…)` in UTC, and fields of a start_run request.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise PackageError(f"The schedules in {path} can't be read: {error}") from error
    if entries is None:
        return []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise PackageError(
            f"{path} is not a list of schedules, each with `schedule` and fields of a start_run request."
        )
    known = json.loads((service_root() / "handlers/schemas/start_run.json").read_text(encoding="utf-8"))["properties"]
    allowed = [name for name in known if name not in _NOT_YOURS]
    return [_event(f"Schedule {number} in {path}", entry, allowed) for number, entry in enumerate(entries, start=1)]


def _event(where: str, entry: Mapping[str, Any], allowed: list[str]) -> Event:
    request = {name: value for name, value in entry.items() if name != "schedule"}
    when = entry.get("schedule")
    if not isinstance(when, str) or not _WHEN.fullmatch(when):
        raise PackageError(f"{where} is to start {when!r}: write cron(0 3 * * ? *) or rate(12 hours), in UTC.")
    for name in request:
        if name not in allowed:
            near = did_you_mean(name, allowed)
            raise PackageError(f"{where} has a field '{name}'.{near} It may have: schedule, {', '.join(allowed)}.")
    # An event that is delivered twice has one id, and so starts one run.
    template = json.dumps({**request, "idempotency_key": "schedule:<id>"})
    for sign, why in (("<", "EventBridge"), (">", "EventBridge"), ("${", "osls")):
        if sign in template.replace("<id>", ""):
            raise PackageError(f"{where} has '{sign}' in a value, which {why} would take for a variable of its own.")
    description = str(entry.get("description") or f"Starts {entry.get('pipeline', 'a run')}")
    transformer = {"inputPathsMap": {"id": "$.id"}, "inputTemplate": template}
    return {"schedule": {"rate": [when], "description": description, "inputTransformer": transformer}}
