"""The contents of an AWS, in the form that moves from one embedded AWS to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The ETags of objects, by bucket and key.
Objects = dict[str, dict[str, str]]
#: When objects were put, in ms, by bucket and key.
Times = dict[str, dict[str, int]]


@dataclass(frozen=True)
class StoredItem:
    """An item of a table, in DynamoDB's own JSON."""

    table: str
    key: Mapping[str, Any]
    #: None after its deletion.
    attributes: Mapping[str, Any] | None
