"""The `aws_batch` key of a project's or a run's parameters: read strictly, with every mistake reported at once.

Nothing here raises for user input: mistakes come back as problems beside the valid settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import layers, rules
from .errors import did_you_mean
from .layers import Layers
from .problems import Problem
from .resources import KEYS
from .rules import Rule
from .status import OnFailure

#: The key of all this in the parameters.
KEY = "aws_batch"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One key of `aws_batch` beside `resources`."""

    rule: Rule
    #: The default, if it is absent or null.
    default: Any = None
    required: bool = False
    #: Whether a run's own parameters may set it.
    for_one_run: bool = True


#: The settings in the `run` part of the graph document.
RUN: Mapping[str, Setting] = {
    "job_queue": Setting(rule=rules.batch_name, required=True),
    "job_definition": Setting(rule=rules.batch_name, required=True),
    "job_command": Setting(rule=rules.one_of("job", "kedro-run"), default="job", for_one_run=False),
    "max_workers": Setting(rule=rules.whole(1, 1_000_000)),  # more than a run has jobs; the table keeps 38 digits
    "group_by": Setting(rule=rules.group_by, default=["memory"]),
    "array_jobs": Setting(rule=rules.flag, default=True),
    "on_failure": Setting(rule=rules.one_of(*(policy.value for policy in OnFailure)), default=OnFailure.ABORT.value),
    "memory_retry": Setting(rule=rules.memory_retry),
    "warm_containers": Setting(rule=rules.flag, default=False),
    "reuse": Setting(rule=rules.flag, default=False),
    "warm_seconds": Setting(rule=rules.whole(60, 86_400), default=3600),
    "launch_type": Setting(rule=rules.one_of("EC2", "FARGATE"), default="EC2", for_one_run=False),
    "request_environment": Setting(rule=rules.variable_names, default=[], for_one_run=False),
    "conf_sources": Setting(rule=rules.conf_sources, default=[], for_one_run=False),
}
#: The setting of the prefix of the functions' names.
SERVICE = Setting(rule=rules.function_prefix, default="kedro-aws-batch-dev")


@dataclass(frozen=True)
class Configuration:
    """The valid settings of `aws_batch`."""

    settings: Mapping[str, Any]  #: the given settings; the default for null
    layers: Layers

    def named(self, key: str) -> set[Any]:
        """Return all values for a key that is a setting as well as a resource."""
        return self.layers.named(key) | ({self.settings[key]} if self.settings.get(key) is not None else set())


def read_configuration(raw: Any, known: Mapping[str, Setting], where: str) -> tuple[Configuration, list[Problem]]:
    """Return a project's settings in `aws_batch`, and what is wrong with them; each place begins with `where`.

    `known` are the existing settings, including those of RUN.
    """
    reading = _Reading(where, known)
    said = reading.configuration(raw)
    return said, reading.problems


def read_overrides(params: Mapping[str, Any]) -> tuple[Configuration, list[Problem]]:
    """Return the settings in a run's own parameters, and what is wrong with them."""
    reading = _Reading(f"params.{KEY}", {**RUN, "service": SERVICE}, one_run=True)
    said = reading.configuration(params.get(KEY))
    return said, reading.problems


@dataclass
class _Reading:
    where: str
    known: Mapping[str, Setting]
    one_run: bool = False
    problems: list[Problem] = field(default_factory=list)

    def configuration(self, raw: Any) -> Configuration:
        values = self._mapping("", raw)
        if values or self.one_run:
            self._refuse_unknown("", values, [*self.known, "resources"])
            self._refuse_absent(values)
        elif not self.problems:
            self._report("", "is missing.", "Add it, with at least job_queue and job_definition.")
        settings = {key: values[key] for key in values if key in self.known}
        kept = self._keep("", settings, {key: self._rule(setting) for key, setting in self.known.items()})
        said = {key: self.known[key].default if value is None else value for key, value in kept.items()}
        return Configuration(said, self._layers(values.get("resources")))

    def _rule(self, setting: Setting) -> Rule:
        if self.one_run and not setting.for_one_run:
            return lambda _: "can't be changed for one run"
        return setting.rule

    def _refuse_absent(self, values: Mapping[str, Any]) -> None:
        for key, setting in self.known.items():
            if setting.required and values.get(key) is None and (key in values or not self.one_run):
                self._report(f".{key}", "is missing.", f"Name the {key.replace('_', ' ')} to submit to.")

    def _layers(self, raw: Any) -> Layers:
        found = self._mapping(".resources", raw)
        self._refuse_unknown(".resources", found, layers.NAMES)
        named = {
            name: {
                key: self._layer(f".resources.{name}.{key}", layer)
                for key, layer in self._mapping(f".resources.{name}", found.get(name)).items()
            }
            for name in ("tags", "namespaces", "nodes")
        }
        return Layers(default=self._layer(".resources.default", found.get("default")), **named)

    def _layer(self, where: str, raw: Any) -> dict[str, Any]:
        values = self._mapping(where, raw)
        self._refuse_unknown(where, values, KEYS)
        return self._keep(where, values, {name: key.rule for name, key in KEYS.items()})

    def _keep(self, where: str, values: Mapping[str, Any], known: Mapping[str, Rule]) -> dict[str, Any]:
        kept = {}
        for key, value in values.items():
            wrong = known[key](value) if key in known and value is not None else None
            if wrong:
                self._report(f"{where}.{key}", rules.sentence(wrong), "")
            elif key in known:
                kept[key] = value
        return kept

    def _mapping(self, where: str, raw: Any) -> dict[str, Any]:
        if raw is None:
            return {}
        if isinstance(raw, dict):
            return {str(key): value for key, value in raw.items()}
        self._report(where, f"must contain keys and values, not {raw!r}.", "")
        return {}

    def _refuse_unknown(self, where: str, values: Mapping[str, Any], known: Iterable[str]) -> None:
        names = list(known)
        for key in values:
            if key not in names:
                to_do = did_you_mean(key, names).strip() or f"There are: {', '.join(names)}."
                self._report(f"{where}.{key}", "is not a known key.", to_do)

    def _report(self, where: str, what: str, to_do: str) -> None:
        self.problems.append(Problem(f"{self.where}{where}", what, to_do))
