"""The `aws_batch` key of the parameters: read strictly, every mistake reported at once.

Nothing here raises for what a user wrote: mistakes come back as problems beside what could be understood.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.errors import did_you_mean
from kedro_aws_batch.prices import read_prices

from . import rules
from .problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kedro.pipeline.node import Node

    from kedro_aws_batch._service.dag.rules import Rule
    from kedro_aws_batch.prices import Prices

RUN_DEFAULTS: Mapping[str, Any] = {
    "job_queue": None,
    "job_definition": None,
    "job_command": "job",
    "max_workers": None,
    "group_by": ["memory"],
    "array_jobs": True,
    "on_failure": "abort",
    "memory_retry": None,
    "launch_type": "EC2",
}
DEFAULT_SERVICE = "kedro-aws-batch-dev"
#: The bucket of a catalog that `init` writes without being told one: no bucket's name has capitals.
NO_BUCKET = "CHANGE-ME"


@dataclass(frozen=True)
class Resources:
    """What jobs ask for, layer by layer; later layers win."""

    default: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    namespaces: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    nodes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, node: Node) -> dict[str, Any]:
        """Return what this node's job asks for, key by key; `environment` is merged name by name."""
        found: dict[str, Any] = {}
        for layer in self._layers(node):
            merged = {**found.get("environment", {}), **layer.get("environment", {})}
            found.update(layer)
            if merged:
                found["environment"] = merged
        return found

    def _layers(self, node: Node) -> Iterable[Mapping[str, Any]]:
        namespace = node.namespace or ""
        yield self.default
        yield from (layer for tag, layer in self.tags.items() if tag in node.tags)
        for name in sorted(self.namespaces, key=len):  # of two that hold the node, the longer is the nearer
            if namespace == name or namespace.startswith(f"{name}."):
                yield self.namespaces[name]
        yield self.nodes.get(node.name, {})


@dataclass(frozen=True)
class Configuration:
    """The `aws_batch` key, checked and completed."""

    run: Mapping[str, Any]
    resources: Resources
    service: str
    #: Local folders that every job sees: a mounted file system, or what the image carries.
    shared_paths: tuple[str, ...]
    #: What jobs are priced at, as it was given.
    prices: Any = None

    @property
    def price_list(self) -> Prices:
        """Return what jobs are priced at."""
        return read_prices(self.prices, self.run["launch_type"])


@dataclass
class Reading:
    """Reads a configuration, collecting what is wrong with it."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def configuration(self, raw: Any) -> Configuration:
        """Return what the value of `aws_batch` says; what is wrong is left at its default and reported."""
        values = self._mapping("aws_batch", raw)
        if not values:
            self._report("aws_batch", "is missing.", "Add it, with at least job_queue and job_definition.")
            return Configuration(dict(RUN_DEFAULTS), Resources(), DEFAULT_SERVICE, ())
        run, plugin = rules.RUN_RULES, rules.PLUGIN_RULES
        self._refuse_unknown("aws_batch", values, [*run, *plugin, "resources"])
        for key in ("job_queue", "job_definition"):
            if values.get(key) is None:
                self._report(f"aws_batch.{key}", "is missing.", f"Name the {key.replace('_', ' ')} to submit to.")
        nullable = {key: values[key] for key in values if values[key] is not None or key not in RUN_DEFAULTS}
        mine = self._keep("aws_batch", nullable, plugin)
        return Configuration(
            run={**RUN_DEFAULTS, **self._keep("aws_batch", nullable, run)},
            resources=self._resources(values.get("resources")),
            service=mine.get("service", DEFAULT_SERVICE),
            shared_paths=tuple(mine.get("shared_paths", ())),
            prices=mine.get("prices"),
        )

    def _resources(self, raw: Any) -> Resources:
        where = "aws_batch.resources"
        layers = self._mapping(where, raw)
        self._refuse_unknown(where, layers, rules.LAYERS)
        named = {
            name: {
                key: self._layer(f"{where}.{name}.{key}", layer)
                for key, layer in self._mapping(f"{where}.{name}", layers.get(name)).items()
            }
            for name in ("tags", "namespaces", "nodes")
        }
        return Resources(default=self._layer(f"{where}.default", layers.get("default")), **named)

    def _layer(self, where: str, raw: Any) -> dict[str, Any]:
        values = self._mapping(where, raw)
        self._refuse_unknown(where, values, rules.RESOURCE_RULES)
        given = {key: value for key, value in values.items() if value is not None}
        kept = self._keep(where, given, rules.RESOURCE_RULES)
        if "environment" in kept:
            kept["environment"] = {name: _text(value) for name, value in kept["environment"].items()}
        return kept

    def _keep(self, where: str, values: Mapping[str, Any], known: Mapping[str, Rule]) -> dict[str, Any]:
        kept = {}
        for key, value in values.items():
            wrong = known[key](value) if key in known else None
            if wrong:
                self._report(f"{where}.{key}", f"{wrong}.", "")
            elif key in known:
                kept[key] = value
        return kept

    def _mapping(self, where: str, raw: Any) -> dict[str, Any]:
        if raw is None:
            return {}
        if isinstance(raw, dict):
            return {str(key): value for key, value in raw.items()}
        self._report(where, f"must hold keys and values, not {raw!r}.", "")
        return {}

    def _refuse_unknown(self, where: str, values: Mapping[str, Any], known: Iterable[str]) -> None:
        names = list(known)
        for key in values:
            if key not in names:
                to_do = did_you_mean(key, names).strip() or f"There are: {', '.join(names)}."
                self._report(f"{where}.{key}", "is not a key that exists.", to_do)

    def _report(self, where: str, what: str, to_do: str) -> None:
        self.problems.append(Problem(f"{self.file}, {where}", what, to_do))


def read_configuration(raw: Any, environment: str) -> tuple[Configuration, list[Problem]]:
    """Return what `aws_batch` says in the parameters of an environment, and what is wrong with it."""
    reading = Reading(f"parameters of '{environment}'")
    return reading.configuration(raw), reading.problems


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
