"""A node on many machines: which of its partitions fall into which slice, one slice a job."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_UNIT = re.compile(r"(?P<node>.+)\[(?P<number>\d+)/(?P<into>\d+)\]", re.DOTALL)


def slice_of(partition: str, into: int) -> int:
    """Return into which of so many slices, counted from 1, a partition falls.

    By a hash of its id alone, so that jobs agree whose listings don't. It never changes: a resumed run relies on it.
    """
    digest = hashlib.sha256(partition.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % into + 1


@dataclass(frozen=True)
class Slice:
    """The part of their partitions that the nodes of one job get."""

    number: int  #: from 1
    into: int  #: how many slices there are
    over: Mapping[str, str]  #: node → the input whose partitions are shared out
    new_ids: tuple[str, ...] = ()  #: nodes that write partitions of other ids than they read

    def __str__(self) -> str:
        return f"{self.number}/{self.into}"

    def holds(self, partition: str) -> bool:
        """Return whether a partition falls into this slice."""
        return slice_of(partition, self.into) == self.number

    def as_json(self) -> dict[str, Any]:
        """Return it as plans and payloads have it."""
        new = {"new_ids": list(self.new_ids)} if self.new_ids else {}
        return {"number": self.number, "into": self.into, "over": dict(self.over), **new}


def read_slice(raw: Mapping[str, Any] | None) -> Slice | None:
    """Return what `as_json` wrote; None where nothing is split."""
    if raw is None:
        return None
    return Slice(raw["number"], raw["into"], dict(raw["over"]), tuple(raw.get("new_ids", ())))


def unit(node: str, part: Slice | None) -> str:
    """Return the name of a node's part: `clean[7/50]`, or of a node that isn't split its own."""
    return node if part is None else f"{node}[{part}]"


def read_unit(name: str) -> tuple[str, int, int] | None:
    """Return the node, the number and the width that the name of a slice says; None for that of a whole node."""
    match = _UNIT.fullmatch(name)
    return (match["node"], int(match["number"]), int(match["into"])) if match else None
