"""What local runs have taught: how long groups take, and containers to start."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag.durations import durations_of, load_durations

from .items import read_items
from .place import folder, locked
from .state import ITEMS

if TYPE_CHECKING:
    from pathlib import Path


def kept_durations(place: Path, project: str, environment: str) -> dict[str, float]:
    """Return what the local runs in a folder have learned of a project; nothing if there were none."""
    if not (folder(place) / ITEMS).is_file():
        return {}
    with locked(place) as kept:
        items = read_items(kept / ITEMS).values()
    key = {"pk": {"S": durations_of(project)}, "sk": {"S": environment}}
    packed = next((item.attributes["body"]["B"] for item in items if item.key == key and item.attributes), None)
    return load_durations(None if packed is None else base64.b64decode(packed))
