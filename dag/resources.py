"""A job's requests to Batch: one table, a row for each key, from the configuration to SubmitJob.

To add a key, add its row here, and a line in docs/configuration.md.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import limits, rules
from .document import Resources
from .rules import Rule


def amount(value: float) -> str:
    """Return an amount in Batch's form: plain digits, and a fraction only if there is one."""
    return str(int(value) if value == int(value) else value)


def _largest(values: Iterable[Any]) -> Any:
    return max((value for value in values if value is not None), default=None)


def _seconds(values: Sequence[Any]) -> Any:
    return None if None in values else min(sum(values), limits.TIMEOUT_SECONDS.most)


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None), None)


def _within(has: Any, wants: Any) -> bool:
    """Return whether there is enough. The definition's own amount is unknown, so only the same request fits."""
    return bool(has == wants or (has is not None and wants is not None and wants <= has))


def _fewer_gpus(has: Any, wants: Any) -> bool:
    return (wants or 0) <= (has or 0)


def _tries(has: Any, wants: Any) -> bool:
    """Return whether Batch tries a container often enough; if it would try it too often, the container sees to it."""
    return (has or 1) >= (wants or 1)


def _limited(has: Any, wants: Any) -> bool:
    """Return whether a container's time limit leaves a group its own; a group without one needs such a container."""
    return has is None or wants is not None


def _any(_: Any, __: Any) -> bool:
    return True


def _later(_: Any, value: Any) -> Any:
    return value


def _union(values: Iterable[Any]) -> Any:
    return {name: text for value in values if value for name, text in value.items()} or None


def _named(below: Any, value: Any) -> Any:
    """Return an environment with a later layer's on top, as text; null unsets a name, or all."""
    if value is None:
        return None
    merged = {**(below or {}), **value}
    return {name: _as_text(one) for name, one in merged.items() if one is not None} or None


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, kw_only=True)
class ResourceKey:
    """One thing that a job may ask for."""

    rule: Rule
    #: Its part of a SubmitJob request.
    written: Callable[[Any], Mapping[str, Any]]
    #: A group's value, from those of its members; None for a member without one.
    combined: Callable[[Sequence[Any]], Any] = _largest
    #: The value after a later layer, from the one before and that layer's; null unsets.
    over: Callable[[Any, Any], Any] = _later
    #: Whether the members of a group may not differ.
    agreed: bool = False
    #: Whether a container with one value can run a group that needs another.
    serves: Callable[[Any, Any], bool] = operator.eq
    #: Its text in `--dry-run`; empty if it is shown elsewhere.
    shown: Callable[[Any], str] = str
    #: Its unit.
    unit: str = ""
    #: Whether a job definition has one of its own, which is the default.
    defined: bool = False
    #: The launch types that don't have it, each with the sentence that says so.
    lacking: Mapping[str, str] = field(default_factory=dict)


def _field(name: str) -> Callable[[Any], Mapping[str, Any]]:
    return lambda value: {name: value}


def _required(kind: str) -> Callable[[Any], Mapping[str, Any]]:
    def written(value: Any) -> Mapping[str, Any]:
        return {"containerOverrides": {"resourceRequirements": [{"type": kind, "value": amount(value)}]}}

    return written


def _nothing(_: Any) -> str:
    return ""


#: The keys. Null unsets an earlier layer's value; then the job definition decides.
KEYS: Mapping[str, ResourceKey] = {
    "vcpus": ResourceKey(
        rule=rules.positive, written=_required("VCPU"), serves=_within, shown=amount, unit="vCPUs", defined=True
    ),
    "memory": ResourceKey(
        rule=rules.within(limits.MEMORY_MIB, " of MiB"),
        written=_required("MEMORY"),
        serves=_within,
        unit="MiB",
        defined=True,
    ),
    "gpus": ResourceKey(
        rule=rules.whole(1),
        written=_required("GPU"),
        serves=_fewer_gpus,
        unit="GPUs",
        lacking={"FARGATE": "Fargate has no GPUs."},
    ),
    "timeout": ResourceKey(
        rule=rules.within(limits.TIMEOUT_SECONDS, " of seconds"),
        combined=_seconds,
        serves=_limited,
        written=lambda seconds: {"timeout": {"attemptDurationSeconds": seconds}},
        defined=True,
    ),
    "attempts": ResourceKey(
        rule=rules.within(limits.ATTEMPTS),
        serves=_tries,
        written=lambda tries: {"retryStrategy": {"attempts": tries}},
    ),
    "job_definition": ResourceKey(
        rule=rules.batch_name, combined=_first, agreed=True, written=_field("jobDefinition"), shown=_nothing
    ),
    "job_queue": ResourceKey(
        rule=rules.batch_name, combined=_first, agreed=True, written=_field("jobQueue"), shown=_nothing
    ),
    "environment": ResourceKey(
        rule=rules.environment,
        over=_named,
        combined=_union,
        written=lambda variables: {
            "containerOverrides": {"environment": [{"name": name, "value": variables[name]} for name in variables]}
        },
        shown=", ".join,
    ),
    "share_identifier": ResourceKey(
        rule=rules.share_identifier, combined=_first, agreed=True, written=_field("shareIdentifier")
    ),
    "priority": ResourceKey(
        rule=rules.within(limits.PRIORITY), serves=_any, written=_field("schedulingPriorityOverride")
    ),
    # dag.reuse asks for this: no job asks Batch for it.
    "reuse": ResourceKey(rule=rules.flag, combined=lambda _: None, serves=_any, written=lambda _: {}, shown=_nothing),
    # dag.splitting makes groups from this: no job asks Batch for it.
    "split": ResourceKey(rule=rules.split, combined=lambda _: None, serves=_any, written=lambda _: {}, shown=_nothing),
}


def combine(members: Sequence[Resources]) -> Resources:
    """Return the resources of one job that runs all members, one after the other.

    They are the largest of each amount, the sum of the time-outs (none if a member has none), and the union of
    the environments; keys in which members may not differ have the first member's value.
    """
    combined: dict[str, Any] = {}
    for name, key in KEYS.items():
        if (value := key.combined([member.get(name) for member in members])) is not None:
            combined[name] = value
    return combined


def serves(has: Resources, wants: Resources) -> bool:
    """Return whether a container with these resources can run a group that needs others."""
    return all(key.serves(has.get(name), wants.get(name)) for name, key in KEYS.items())


def disagreements(members: Sequence[Resources]) -> dict[str, list[Any]]:
    """Return the differing values of those keys in which a group's members may not differ."""
    asked = {name: {member[name] for member in members if name in member} for name, key in KEYS.items() if key.agreed}
    return {name: sorted(values) for name, values in asked.items() if len(values) > 1}


def written(resources: Resources) -> dict[str, Any]:
    """Return the parts of a SubmitJob request that ask for these resources."""
    request: dict[str, Any] = {}
    for name, key in KEYS.items():
        if (value := resources.get(name)) is not None:
            request = _joined(request, key.written(value))
    return request


def _joined(below: Any, above: Any) -> Any:
    """Return two parts of a request as one: values in both are joined if they have parts themselves."""
    if isinstance(below, dict) and isinstance(above, dict):
        both = {key: _joined(below[key], above[key]) for key in below.keys() & above.keys()}
        return {**below, **above, **both}
    return [*below, *above] if isinstance(below, list) else above


def shown(resources: Resources) -> list[str]:
    """Return the resources as `--dry-run` shows them: `vcpus 2`, `memory 3000`, `environment A, B`."""
    texts = ((name, key.shown(resources[name])) for name, key in KEYS.items() if resources.get(name) is not None)
    return [f"{name} {text}" for name, text in texts if text]


def left_to_definition(resources: Resources) -> list[str]:
    """Return the keys that are left to the job definition."""
    return [name for name, key in KEYS.items() if key.defined and resources.get(name) is None]


def amounts(resources: Resources) -> str:
    """Return the requested amounts, in words: `4 vCPUs, 8000 MiB, 1 GPUs`."""
    asked = ((key.unit, resources.get(name)) for name, key in KEYS.items() if key.unit)
    return ", ".join(f"{amount(value)} {unit}" for unit, value in asked if value)
