"""What a run would be: the service's own planning, asked in a process of its own, for the plugin shares no code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.service_root import service_root

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class PlannedGroup:
    """The nodes of one job."""

    index: int
    nodes: tuple[str, ...]
    parents: tuple[int, ...]
    #: How many groups lie on the longest way to it.
    step: int
    resources: Mapping[str, Any]
    #: Why several nodes share the job.
    why: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """What a request would run."""

    nodes: int
    groups: tuple[PlannedGroup, ...]
    #: What would be submitted, if each step became ready as a whole.
    jobs: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any]
    #: As the service gave it.
    raw: Mapping[str, Any] = field(repr=False)


def previews(document: Mapping[str, Any], requests: Sequence[Mapping[str, Any]]) -> list[Preview | ServiceError]:
    """Return of each request what it would run, or why the service would refuse it."""
    asked = json.dumps({"document": document, "requests": list(requests)})
    ended = subprocess.run(
        [sys.executable, "-m", "handlers.preview"],
        input=asked.encode(),
        cwd=service_root(),
        env=_environment(),
        capture_output=True,
        check=False,
    )
    if ended.returncode:
        raise ServiceError(f"The run can't be planned: {ended.stderr.decode(errors='replace').strip()}", "Failed")
    return [_preview(answer) for answer in json.loads(ended.stdout)["previews"]]


def preview(document: Mapping[str, Any], request: Mapping[str, Any]) -> Preview:
    """Return what a request would run. Raises ServiceError for what the service would refuse."""
    found = previews(document, [request])[0]
    if isinstance(found, ServiceError):
        raise found
    return found


def _environment() -> dict[str, str]:
    """Return this process's environment without what would keep the child from the service's tree."""
    unwanted = ("PYTHONPATH", "PYTHONSAFEPATH", "PYTHONHOME")
    return {
        **{name: value for name, value in os.environ.items() if name not in unwanted},
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _preview(answer: Mapping[str, Any]) -> Preview | ServiceError:
    if "error" in answer:
        return ServiceError(answer["error"]["message"], answer["error"]["type"])
    groups = tuple(
        PlannedGroup(
            group["index"],
            tuple(group["nodes"]),
            tuple(group["parents"]),
            group["step"],
            group["resources"],
            tuple(group["why"]),
        )
        for group in answer["groups"]
    )
    return Preview(answer["nodes"], groups, answer["jobs"], answer["settings"], answer)
