"""What a job may ask of Batch: one table, a row for each key, from the configuration to SubmitJob.

A key is added by adding its row here, and a line in docs/configuration.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import rules
from .document import Node, Resources
from .errors import InvalidRequestError, did_you_mean
from .namespaces import in_namespace, prefixes
from .rules import Rule
from .shards import MOST_ATTEMPTS


def amount(value: float) -> str:
    """Return an amount as Batch takes it: plain digits, and a fraction only where there is one."""
    return str(int(value) if value == int(value) else value)


def _largest(values: Iterable[Any]) -> Any:
    return max((value for value in values if value is not None), default=None)


def _sum(values: Sequence[Any]) -> Any:
    return None if None in values else sum(values)


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None), None)


def _later(_: Any, value: Any) -> Any:
    return value


def _union(values: Iterable[Any]) -> Any:
    return {name: text for value in values if value for name, text in value.items()} or None


def _named(below: Any, value: Any) -> Any:
    """Return an environment with a later layer's on top: name by name, as text; null takes a name back, or all."""
    if value is None:
        return None
    merged = {**(below or {}), **value}
    return {name: _as_text(one) for name, one in merged.items() if one is not None} or None


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, kw_only=True)
class Key:
    """One thing that a job may ask for."""

    rule: Rule
    #: Its part of a SubmitJob request.
    written: Callable[[Any], Mapping[str, Any]]
    #: What a group asks for, of what its members do, None for a member that asks for none.
    combined: Callable[[Sequence[Any]], Any] = _largest
    #: What is asked for after a later layer, of what was before and what that layer says; null takes back.
    over: Callable[[Any, Any], Any] = _later
    #: Whether the members of a group may not differ.
    agreed: bool = False
    #: How `--dry-run` says it; nothing of what is said elsewhere.
    shown: Callable[[Any], str] = str
    #: What it is an amount of.
    unit: str = ""


def _field(name: str) -> Callable[[Any], Mapping[str, Any]]:
    return lambda value: {name: value}


def _required(kind: str) -> Callable[[Any], Mapping[str, Any]]:
    def written(value: Any) -> Mapping[str, Any]:
        return {"containerOverrides": {"resourceRequirements": [{"type": kind, "value": amount(value)}]}}

    return written


def _nothing(_: Any) -> str:
    return ""


#: What may be asked for. Null takes back what an earlier layer says; the rest is the job definition's business.
KEYS: Mapping[str, Key] = {
    "vcpus": Key(rule=rules.positive, written=_required("VCPU"), shown=amount, unit="vCPUs"),
    "memory": Key(rule=rules.whole(4, unit=" of MiB"), written=_required("MEMORY"), unit="MiB"),
    "gpus": Key(rule=rules.whole(1), written=_required("GPU"), unit="GPUs"),
    "timeout": Key(
        rule=rules.whole(60, unit=" of seconds"),  # SubmitJob: attemptDurationSeconds >= 60
        combined=_sum,
        written=lambda seconds: {"timeout": {"attemptDurationSeconds": seconds}},
    ),
    "attempts": Key(rule=rules.whole(1, 10), written=lambda tries: {"retryStrategy": {"attempts": tries}}),
    "job_definition": Key(
        rule=rules.batch_name, combined=_first, agreed=True, written=_field("jobDefinition"), shown=_nothing
    ),
    "job_queue": Key(rule=rules.batch_name, combined=_first, agreed=True, written=_field("jobQueue"), shown=_nothing),
    "environment": Key(
        rule=rules.environment,
        over=_named,
        combined=_union,
        written=lambda variables: {
            "containerOverrides": {"environment": [{"name": name, "value": variables[name]} for name in variables]}
        },
        shown=", ".join,
    ),
    "share_identifier": Key(
        rule=rules.share_identifier, combined=_first, agreed=True, written=_field("shareIdentifier")
    ),
    "priority": Key(rule=rules.whole(0, 9999), written=_field("schedulingPriorityOverride")),
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
    layers = [overrides.get("default", {})]
    layers += [resources for tag, resources in overrides.get("tags", {}).items() if tag in node.tags]
    layers += [
        resources
        for namespace, resources in sorted(overrides.get("namespaces", {}).items(), key=lambda item: len(item[0]))
        if in_namespace(node.namespace, namespace)
    ]
    layers.append(overrides.get("nodes", {}).get(node.name, {}))
    found = dict(node.resources)
    for layer in layers:
        found.update({key: KEYS[key].over(found.get(key), value) for key, value in layer.items()})
    return {key: value for key, value in found.items() if value is not None}


def check_overrides(overrides: Mapping[str, Any], nodes: Sequence[Node]) -> None:
    """Raise InvalidRequestError for a key or a name in a run's resources that means nothing."""
    known = {
        "tags": {tag for node in nodes for tag in node.tags},
        "namespaces": {outer for node in nodes for outer in prefixes(node.namespace)},
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
        if value is not None and (wrong := KEYS[key].rule(value)):
            raise InvalidRequestError(f"aws_batch.{where}.{key} {wrong}.")


def _mapping(where: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidRequestError(f"aws_batch.{where} is {value!r}; it must be a mapping.")
    return value


def combine(members: Sequence[Resources]) -> Resources:
    """Return what one job asks for that runs all members, one after the other.

    The largest of each amount, the sum of the time-outs (a member without one leaves the job without one), the union of
    the environments. Raises InvalidRequestError when members want different definitions, queues or shares.
    """
    combined: dict[str, Any] = {}
    for name, key in KEYS.items():
        values = [member.get(name) for member in members]
        if key.agreed and len(different := sorted({value for value in values if value is not None})) > 1:
            raise InvalidRequestError(f"Nodes of one group want different values of '{name}': {', '.join(different)}.")
        if (value := key.combined(values)) is not None:
            combined[name] = value
    return combined


def written(resources: Resources) -> dict[str, Any]:
    """Return the parts of a SubmitJob request that ask for these resources."""
    request: dict[str, Any] = {}
    for name, key in KEYS.items():
        if (value := resources.get(name)) is not None:
            request = _joined(request, key.written(value))
    return request


def _joined(below: Any, above: Any) -> Any:
    """Return two parts of a request as one: what stands in both is joined if it has parts itself."""
    if isinstance(below, dict) and isinstance(above, dict):
        both = {key: _joined(below[key], above[key]) for key in below.keys() & above.keys()}
        return {**below, **above, **both}
    return [*below, *above] if isinstance(below, list) else above


def shown(resources: Resources) -> list[str]:
    """Return what is asked for as `--dry-run` says it: `vcpus 2`, `memory 3000`, `environment A, B`."""
    texts = ((name, key.shown(resources[name])) for name, key in KEYS.items() if resources.get(name) is not None)
    return [f"{name} {text}" for name, text in texts if text]


def amounts(resources: Resources) -> str:
    """Return the amounts that are asked for, in words: `4 vCPUs, 8000 MiB, 1 GPUs`."""
    asked = ((key.unit, resources.get(name)) for name, key in KEYS.items() if key.unit)
    return ", ".join(f"{amount(value)} {unit}" for unit, value in asked if value)


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
    if wrong := rules.memory_retry(value):
        raise InvalidRequestError(f"memory_retry {wrong}.")
    return MemoryRetry(value["factor"], value["max"])
