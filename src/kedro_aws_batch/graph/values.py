"""Digests of what nodes read as parameters: by them a resumed run sees that a value was changed meanwhile."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.configuration import KEY
from kedro_aws_batch._service.dag.document import is_parameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Hex digits of a digest.
_DIGITS = 12
#: Python's own text of an object tells where it lies.
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def parameter_digests(
    parameters: Mapping[str, Any], inputs: Iterable[str], given: Mapping[str, Any], moving: Iterable[str] = ()
) -> dict[str, str]:
    """Return the digest of each parameter among the inputs, as configured.

    What the run's own parameters set is left out of it: a resumed run compares those themselves. So are the texts in
    `moving`, which each run has of its own: its id and its date.
    """
    configured = _without({key: value for key, value in parameters.items() if key != KEY}, given)
    found: dict[str, str] = {}
    for name in sorted(set(filter(is_parameter, inputs))):
        text = value_text(configured, name)
        for own in moving:
            text = text.replace(own, "")
        found[name] = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
    return found


def value_text(parameters: Mapping[str, Any], name: str) -> str:
    """Return a text that is the same for equal values of a node's input, in all processes."""
    return _text(_value(parameters, name))


def _without(parameters: Mapping[Any, Any], given: Mapping[str, Any]) -> dict[Any, Any]:
    """Return the parameters without what is given."""
    left: dict[Any, Any] = {}
    for key, value in parameters.items():
        if key not in given:
            left[key] = value
        elif isinstance(value, dict) and isinstance(given[key], dict):
            left[key] = _without(value, given[key])
    return left


def _value(parameters: Mapping[Any, Any], name: str) -> Any:
    if name == "parameters":
        return parameters
    value: Any = parameters
    for part in name.removeprefix("params:").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    """Return a text that is the same for equal values in all processes, and another for others.

    What YAML can't make comes of resolvers. Of such an object without a text of its own counts what it holds.
    """
    if isinstance(value, dict):
        return f"{{{', '.join(sorted(f'{_text(key)}: {_text(inner)}' for key, inner in value.items()))}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(_text, value)))}}}"
    if value is None or isinstance(value, (str, bytes, bool, int, float, date)):
        return repr(value)
    named = value if hasattr(value, "__qualname__") else type(value)
    told = "" if named is value else _told(value)
    return f"<{named.__module__}.{named.__qualname__} {told}>"


def _told(value: Any) -> str:
    """Return what tells an object from others of its type, without addresses."""
    shown = repr(value)
    if _ADDRESS.search(shown) is None:
        return shown
    try:
        return _text(getattr(value, "__dict__", None))
    except RecursionError:  # it holds itself
        return ""
