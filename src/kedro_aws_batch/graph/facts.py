"""The facts of an opened project, in a form that two processes can compare."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from kedro_aws_batch._service.dag.document import is_parameter, signature

from .datasets import entry

if TYPE_CHECKING:
    from .project import Project


class Fact(NamedTuple):
    """The subject of a value."""

    kind: str  #: `dataset` (for its entry), `parameter` or `node`
    name: str
    key: str = ""  #: the place in it, with dots


def facts(project: Project, salt: str) -> list[tuple[Fact, str]]:
    """Return the facts, with a digest of each value: values may be secret, and two processes may share a salt.

    It leaves out credentials, since each process may have its own.
    """
    nodes = {node for pipeline in project.pipelines.values() for node in pipeline.nodes}
    found = {Fact("node", node.name): signature(node.name, node.inputs, node.outputs) for node in nodes}
    made = getattr(project.catalog, "_datasets", {})
    for name in sorted({name for pipeline in project.pipelines.values() for name in pipeline.datasets()}):
        if name not in made and not is_parameter(name):
            found.update((Fact("dataset", name, key), value) for key, value in _leaves(entry(project.catalog, name)))
    found.update((Fact("parameter", key), value) for key, value in _leaves(project.parameters))
    return [(fact, _digest(salt, value)) for fact, value in sorted(found.items())]


def _leaves(config: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each value of a configuration as text, with its place."""
    if isinstance(config, (Mapping, list, tuple)):
        for name, value in config.items() if isinstance(config, Mapping) else enumerate(config):
            if name != "credentials":
                yield from _leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, _text(config)


def _text(value: Any) -> str:
    """Return a text that two processes agree on; for objects only the type, since their texts may hold addresses."""
    if value is None or isinstance(value, (str, int, float)):
        return json.dumps(value)
    if isinstance(value, date):
        return value.isoformat()
    named = value if isinstance(value, type) else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def _digest(salt: str, value: str) -> str:
    return hashlib.sha256(f"{salt} {value}".encode()).hexdigest()[:16]
