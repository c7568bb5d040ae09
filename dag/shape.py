"""Which runtime parameters a graph's shape depends on: with others, the graph that is deployed isn't the one meant.

A parameter that changes paths and values alone is the jobs' business. One that changes what datasets are, or what jobs
ask for, was looked at when the graph was compiled. The service can't look again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import ShapeMismatchError

#: Of each parameter, the values for which a graph holds: their fingerprints, and None for not given.
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
    """Return 16 hex digits of a value, which may be private; None for a value that isn't given."""
    return None if value is None else hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def refuse_another_shape(shaped_by: ShapedBy, params: Mapping[str, Any]) -> None:
    """Raise ShapeMismatchError for parameters with which the project would be another graph than this one."""
    for name, held in sorted(shaped_by.items()):
        if fingerprint(given(params, name)) not in held:
            way = "Leave it out" if None in held else "Give it the value that it was compiled with"
            raise ShapeMismatchError(
                f"The runtime parameter '{name}' changes the catalog or what jobs ask for, and the deployed graph is "
                f"not of this value. {way}, or deploy the graph of this one: compile or package with --params={name}=…."
            )
