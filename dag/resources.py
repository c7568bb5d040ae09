"""What a job asks of Batch, and what Fargate has to offer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from .document import Node, Resources
from .errors import InvalidRequestError, did_you_mean
from .selection import in_namespace
from .shards import MOST_ATTEMPTS


def _whole(low: int, high: float = inf) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _environment(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, (str, int, float)) for one in value.values())


#: What may be asked for, and what it has to be; null takes back what an earlier layer says.
KEYS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "vcpus": ("a number above 0", lambda value: type(value) in (int, float) and 0 < value < inf),
    "memory": ("a whole number of MiB, at least 4", _whole(4)),
    "gpus": ("a whole number of at least 1", _whole(1)),
    "timeout": ("a whole number of seconds, at least 60", _whole(60)),
    "attempts": ("a whole number from 1 to 10", _whole(1, 10)),
    "job_definition": ("a name", _text),
    "job_queue": ("a name", _text),
    "environment": ("a mapping of names to texts or numbers", _environment),
    "share_identifier": ("a name", _text),
    "priority": ("a whole number from 0 to 9999", _whole(0, 9999)),
}
#: vCPUs → MiB that Fargate accepts with them (AWS Batch, "Fargate compute environments").
FARGATE: Mapping[float, Sequence[int]] = {
    0.25: (512, 1024, 2048),
    0.5: range(1024, 4096 + 1, 1024),
    1: range(2048, 8192 + 1, 1024),
    2: range(4096, 16384 + 1, 1024),
    4: range(8192, 30720 + 1, 1024),
    8: range(16384, 61440 + 1, 4096),
    16: range(32768, 122880 + 1, 8192),
    32: (61440, 122880, 249856),
}


def resolve(node: Node, overrides: Mapping[str, Any]) -> Resources:
    """Return a node's resources with a run's overrides on top: default, then tags, namespaces, nodes.

    Later ones win key by key, and within `environment` name by name; of two namespaces the inner one is later.
    """
    layers = [node.resources, overrides.get("default", {})]
    layers += [resources for tag, resources in overrides.get("tags", {}).items() if tag in node.tags]
    layers += [
        resources
        for namespace, resources in sorted(overrides.get("namespaces", {}).items(), key=lambda item: len(item[0]))
        if node.namespace and in_namespace(node.namespace, namespace)
    ]
    layers.append(overrides.get("nodes", {}).get(node.name, {}))
    found: dict[str, Any] = {}
    for layer in layers:
        environment = {**(found.get("environment") or {}), **(layer.get("environment") or {})}
        found.update(layer)
        if environment:
            found["environment"] = environment
    return found


def check_overrides(overrides: Mapping[str, Any], nodes: Sequence[Node]) -> None:
    """Raise InvalidRequestError for a key or a name in a run's resources that means nothing."""
    known = {
        "tags": {tag for node in nodes for tag in node.tags},
        "namespaces": {outer for node in nodes if node.namespace for outer in _prefixes(node.namespace)},
        "nodes": {node.name for node in nodes},
    }
    for level, entries in _mapping("resources", overrides).items():
        if level == "default":
            _check_values("resources.default", entries)
        elif level not in known:
            raise InvalidRequestError(
                f"aws_batch.resources has no '{level}'.{did_you_mean(level, ['default', *known])}"
            )
        else:
            for name, resources in _mapping(f"resources.{level}", entries).items():
                if name not in known[level]:
                    raise InvalidRequestError(
                        f"aws_batch.resources.{level} names '{name}', which this run does not have."
                        f"{did_you_mean(name, known[level])}"
                    )
                _check_values(f"resources.{level}.{name}", resources)


def _check_values(where: str, resources: Any) -> None:
    for key, value in _mapping(where, resources).items():
        if key not in KEYS:
            raise InvalidRequestError(f"aws_batch.{where} has an unknown key '{key}'.{did_you_mean(key, KEYS)}")
        wanted, fits = KEYS[key]
        if value is not None and not fits(value):
            raise InvalidRequestError(f"aws_batch.{where}.{key} is {value!r}; it must be {wanted}.")


def _mapping(where: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidRequestError(f"aws_batch.{where} is {value!r}; it must be a mapping.")
    return value


def _prefixes(namespace: str) -> list[str]:
    parts = namespace.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def combine(members: Sequence[Resources]) -> Resources:
    """Return what one job needs that runs all members, one after the other.

    The largest of each amount, the sum of the time-outs (a member without one leaves the job without one), the union of
    the environments. Raises InvalidRequestError when members want different definitions, queues or shares.
    """
    combined: dict[str, Any] = {}
    for key in ("vcpus", "memory", "gpus", "attempts", "priority"):
        if values := [resources[key] for resources in members if resources.get(key) is not None]:
            combined[key] = max(values)
    timeouts = [resources.get("timeout") for resources in members]
    if all(timeout is not None for timeout in timeouts):
        combined["timeout"] = sum(timeout for timeout in timeouts if timeout is not None)
    for key in ("job_definition", "job_queue", "share_identifier"):
        values = sorted({resources[key] for resources in members if resources.get(key) is not None})
        if len(values) > 1:
            raise InvalidRequestError(f"Nodes of one group want different values of '{key}': {', '.join(values)}.")
        if values:
            combined[key] = values[0]
    environment = {name: value for resources in members for name, value in (resources.get("environment") or {}).items()}
    if environment:
        combined["environment"] = environment
    return combined


@dataclass(frozen=True)
class MemoryRetry:
    """How much more memory a job gets that ran out of it."""

    factor: float
    most: int  #: MiB

    def memory(self, resources: Resources, attempt: int, fargate: bool) -> int | None:
        """Return the MiB for an attempt (0 for the first), or None when it would be no more than the one before had."""
        memory = last = resources.get("memory")
        if memory is None or last is None or attempt >= MOST_ATTEMPTS:
            return None
        sizes = [size for size in FARGATE.get(resources.get("vcpus", 1), ()) if size <= self.most] if fargate else []
        for _ in range(attempt):
            last, memory = memory, min(self.most, int(memory * self.factor))
            if fargate:  # the next size that there is, or the largest
                memory = next((size for size in sizes if size >= memory), max(sizes, default=last))
        return memory if not attempt or memory > last else None


def read_memory_retry(value: Any) -> MemoryRetry | None:
    """Return what `memory_retry` says. Raises InvalidRequestError."""
    if value is None:
        return None
    fits = isinstance(value, dict) and value.keys() == {"factor", "max"} and all(map(KEYS["vcpus"][1], value.values()))
    if not fits or value["factor"] <= 1:
        raise InvalidRequestError(
            f"memory_retry is {value!r}; it must be like {{factor: 2, max: 32000}}: a factor above 1 and the most MiB."
        )
    return MemoryRetry(value["factor"], int(value["max"]))
