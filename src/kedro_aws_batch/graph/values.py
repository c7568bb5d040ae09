"""Digests of what nodes read as parameters: by them a resumed run sees that a value was changed meanwhile."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.configuration import KEY
from kedro_aws_batch._service.dag.document import is_parameter
from kedro_aws_batch._service.dag.resume import concerns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Hex digits of a digest.
_DIGITS = 12


def parameter_digests(parameters: Mapping[str, Any], inputs: Iterable[str], given: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of each parameter among the inputs, as configured.

    What a run's own parameters concern has none: a resumed run compares those themselves.
    """
    keys = list(_leaves(given))
    found: dict[str, str] = {}
    for name in sorted(set(filter(is_parameter, inputs))):
        if not any(concerns(key, name) for key in keys):
            value = _value(parameters, name)
            text = json.dumps(value, sort_keys=True, default=repr, ensure_ascii=False)
            found[name] = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
    return found


def _value(parameters: Mapping[str, Any], name: str) -> Any:
    if name == "parameters":
        return {key: value for key, value in parameters.items() if key != KEY}
    value: Any = parameters
    for part in name.removeprefix("params:").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _leaves(given: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in given.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
