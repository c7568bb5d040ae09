"""The alarms of resources/alarms.yml, evaluated on a stage's counts, as CloudWatch does."""

from __future__ import annotations

import operator
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.runs.stage import Counted

ROOT = Path(__file__).parents[2]
STALLED_HOURS = 6
_STATISTICS: Mapping[str, Callable[[Sequence[int]], int]] = {"Sum": sum, "Minimum": min, "SampleCount": len}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
}


@dataclass(frozen=True)
class Alarm:
    """An alarm on the functions' metrics."""

    properties: Mapping[str, Any]

    def raised(self, counted: Sequence[Counted], now: int) -> bool:
        """Return whether it is in ALARM at a time, in ms."""
        periods = self._setting("EvaluationPeriods", STALLED_HOURS)
        return all(self._breaching(counted, now - number * self._length) for number in range(periods))

    @property
    def _length(self) -> int:
        stated = [self.properties, *(each.get("MetricStat", {}) for each in self.properties.get("Metrics", ()))]
        (length,) = {each["Period"] for each in stated if "Period" in each}
        return int(length) * 1000

    def _setting(self, name: str, instead: int) -> int:
        value = self.properties[name]
        return value if isinstance(value, int) else instead  # ${file(…)} is read when the service is deployed

    def _breaching(self, counted: Sequence[Counted], end: int) -> bool:
        first, last = (bisect_right(counted, at, key=lambda one: one.at) for at in (end - self._length, end))
        value = self._value(counted[first:last])
        if value is None:
            return bool(self.properties["TreatMissingData"] == "breaching")
        return _COMPARISONS[self.properties["ComparisonOperator"]](value, float(self.properties["Threshold"]))

    def _value(self, counted: Sequence[Counted]) -> float | None:
        if "Metrics" not in self.properties:
            return _statistic(counted, self.properties["MetricName"], self.properties["Statistic"])
        stats = {each["Id"]: each["MetricStat"] for each in self.properties["Metrics"] if "MetricStat" in each}
        values = {name: _statistic(counted, one["Metric"]["MetricName"], one["Stat"]) for name, one in stats.items()}
        (expression,) = (each["Expression"] for each in self.properties["Metrics"] if "Expression" in each)
        return _evaluate(expression, values)


def _statistic(counted: Sequence[Counted], metric: str, name: str) -> float | None:
    found = [one.value for one in counted if one.name == metric]
    return float(_STATISTICS[name](found)) if found else None


def _evaluate(expression: str, values: Mapping[str, float | None]) -> float | None:
    """Return the result of metric math; None if a value that isn't filled is missing."""
    filled = re.sub(r"FILL\((\w+), 0\)", lambda match: str(values[match[1]] or 0.0), expression)
    if any(values[name] is None for name in re.findall(r"[a-z]+", filled)):
        return None
    match = re.fullmatch(r"IF\((.+), 1, 0\)", filled)
    assert match, filled
    known = {name: value for name, value in values.items() if value is not None}
    return float(bool(eval(match[1].replace("AND", "and"), {"__builtins__": {}}, known)))  # noqa: S307 - our own file


@cache
def alarms() -> dict[str, Alarm]:
    """Return the alarms on the functions' metrics, by name."""
    resources = yaml.safe_load((ROOT / "resources/alarms.yml").read_text(encoding="utf-8"))["Resources"]
    ours = {name: each["Properties"] for name, each in resources.items() if each["Type"] == "AWS::CloudWatch::Alarm"}
    return {name: Alarm(each) for name, each in ours.items() if "KedroAwsBatch" in str(each)}
