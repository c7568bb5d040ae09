"""The runtime parameters that a graph's shape depends on: other values would need another graph.

Parameters that change only paths and values concern only the jobs. Parameters that change what datasets are, or what
jobs ask for, were evaluated when the graph was compiled. The service can't evaluate them again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import ShapeMismatchError

#: For each parameter, the values for which a graph holds: their fingerprints, and None for not given.
ShapedBy = Mapping[str, Sequence[str | None]]


def given(params: Mapping[str, Any], name: str) -> Any:
    """Return the value of a dotted name; None if there is none."""
    found: Any = params
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def fingerprint(value: Any) -> str | None:
    """Return 16 hex digits of a value, which may be private; None if it isn't given."""
    return None if value is None else hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def refuse_another_shape(shaped_by: ShapedBy, params: Mapping[str, Any]) -> None:
    """Raise ShapeMismatchError for parameters with which the project would have another graph."""
    for name, held in sorted(shaped_by.items()):
        if fingerprint(given(params, name)) not in held:
            way = "Leave it out" if None in held else "Give it the value that the graph was compiled with"
            raise ShapeMismatchError(
                f"The runtime parameter '{name}' changes the catalog or what jobs ask for, but the deployed graph is "
                f"for another value. {way}, or deploy a graph for this one: compile or package with --params={name}=…."
            )
