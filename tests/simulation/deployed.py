"""The deployed times and numbers, from serverless.yml and resources/."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Deployed:
    """Times are ms."""

    timeouts: dict[str, int]  #: of each function
    lifetime: int  #: after which reconcile takes a claim's owner for lost
    visibility: int  #: after which a message that was not deleted is delivered again
    receives: int  #: of a message, before it is a dead letter
    batch_size: int
    consumers: int  #: batches of messages that are handled at once


@cache
def deployed() -> Deployed:
    """Return the present settings."""
    service = _read("serverless.yml")
    usual = service["provider"]["timeout"]
    functions = service["functions"]
    (mapping,) = (event["sqs"] for event in functions["job_state_change"]["events"] if "sqs" in event)
    queue = _read("resources/events.yml")["Resources"]["EventsQueue"]["Properties"]
    return Deployed(
        timeouts={name: each.get("timeout", usual) * 1000 for name, each in functions.items()},
        lifetime=int(service["provider"]["environment"]["LONGEST_INVOCATION_SECONDS"]) * 2000,
        visibility=queue["VisibilityTimeout"] * 1000,
        receives=queue["RedrivePolicy"]["maxReceiveCount"],
        batch_size=mapping["batchSize"],
        consumers=mapping["maximumConcurrency"],
    )


def _read(name: str) -> Any:
    return yaml.safe_load((_ROOT / name).read_text(encoding="utf-8"))
