"""A node on many machines: which partitions belong to which slice, with one slice a job."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_UNIT = re.compile(r"(?P<node>.+)\[(?P<number>\d+)/(?P<into>\d+)\]", re.DOTALL)


def slice_of(partition: str, into: int) -> int:
    """Return the slice of a partition, counted from 1.

    It depends only on a hash of the id, so that jobs agree even if their listings don't. It never changes: a resumed
    run relies on it.
    """
    digest = hashlib.sha256(partition.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % into + 1


@dataclass(frozen=True)
class Slice:
    """The part of their partitions that the nodes of one job get."""

    number: int  #: from 1
    into: int  #: the number of slices
    over: Mapping[str, str]  #: node → the input whose partitions are split
    new_ids: tuple[str, ...] = ()  #: nodes that write partitions of other ids than they read
    #: Nodes whose input is made slice by slice: other slices of it may not be there yet.
    in_parts: tuple[str, ...] = ()
    passed_on: tuple[str, ...] = ()  #: outputs that such nodes read: each must be listed under the ids it has here

    def __str__(self) -> str:
        return f"{self.number}/{self.into}"

    def holds(self, partition: str) -> bool:
        """Return whether a partition belongs to this slice."""
        return slice_of(partition, self.into) == self.number

    def as_json(self) -> dict[str, Any]:
        """Return it as in plans and payloads."""
        new = {"new_ids": list(self.new_ids)} if self.new_ids else {}
        parts = {key: list(value) for key in ("in_parts", "passed_on") if (value := getattr(self, key))}
        return {"number": self.number, "into": self.into, "over": dict(self.over), **new, **parts}


def read_slice(raw: Mapping[str, Any] | None) -> Slice | None:
    """Return the slice from `as_json`; None if nothing is split."""
    if raw is None:
        return None
    more = {key: tuple(raw.get(key, ())) for key in ("new_ids", "in_parts", "passed_on")}
    return Slice(raw["number"], raw["into"], over=dict(raw["over"]), **more)


def unit(node: str, part: Slice | None) -> str:
    """Return the name of a node's part: `clean[7/50]`, or the node's own name if it isn't split."""
    return node if part is None else f"{node}[{part}]"


def read_unit(name: str) -> tuple[str, int, int] | None:
    """Return the node, the number and the width in a slice's name; None for a whole node's."""
    match = _UNIT.fullmatch(name)
    return (match["node"], int(match["number"]), int(match["into"])) if match else None
