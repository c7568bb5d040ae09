"""Which runtime parameters a configuration asks for, and what stands in for those that nobody has given."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kedro.config import OmegaConfigLoader
from omegaconf.errors import InterpolationResolutionError

from kedro_aws_batch._service.dag.configuration import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass
class Asked:
    """The runtime parameters that a configuration asks for, by their dotted names."""

    #: Whether a parameter has no default wherever it is asked for.
    required: dict[str, bool] = field(default_factory=dict)

    def note(self, name: str, required: bool) -> None:
        """Note that a parameter is asked for; ours, like `aws_batch.run_id`, jobs are always given."""
        if name.partition(".")[0] != KEY:
            self.required[name] = required or self.required.get(name, False)

    def missing(self, params: Mapping[str, Any]) -> list[str]:
        """Return those without a default that these parameters lack."""
        return sorted(name for name, required in self.required.items() if required and given(params, name) is None)


def stand_in(name: str) -> str:
    """Return the text that stands in for a parameter that nobody has given."""
    return f"<{name}>"


def begins_with_stand_in(text: str) -> bool:
    """Whether a text begins with a parameter that nobody has given, so that it may be anything."""
    return text.startswith("<")


def given(params: Mapping[str, Any], name: str) -> Any:
    """Return the value of a dotted name; None if there is none."""
    found: Any = params
    for part in name.split("."):
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return found


def with_param(params: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """Return parameters with one more, or with another value of one, at its dotted name."""
    first, _, rest = name.partition(".")
    below = params.get(first)
    return {**params, first: with_param(below if isinstance(below, dict) else {}, rest, value) if rest else value}


@contextmanager
def stand_ins() -> Iterator[Asked]:
    """Note what the configurations that are read meanwhile ask for; a text stands in for what they don't get."""

    asked = Asked()
    before = OmegaConfigLoader._get_runtime_value  # noqa: SLF001  (there is no public door)

    def _get_runtime_value(self: Any, variable: str, *default: Any) -> Any:
        asked.note(variable, required=not default)
        try:
            return before(self, variable, *default)
        except InterpolationResolutionError:
            return stand_in(variable)

    setattr(OmegaConfigLoader, "_get_runtime_value", _get_runtime_value)  # noqa: B010  (mypy knows it as a method)
    try:
        yield asked
    finally:
        setattr(OmegaConfigLoader, "_get_runtime_value", before)  # noqa: B010
