"""The runtime parameters that a configuration asks for, and placeholders for those that nobody has given."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kedro.config import OmegaConfigLoader
from omegaconf.errors import InterpolationResolutionError

from kedro_aws_batch._service.dag.configuration import KEY
from kedro_aws_batch._service.dag.shape import given

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass
class RuntimeParameters:
    """The runtime parameters that a configuration asks for, by their dotted names."""

    #: Whether a parameter never has a default where it is asked for.
    required: dict[str, bool] = field(default_factory=dict)
    #: One default of each that has any.
    defaults: dict[str, Any] = field(default_factory=dict)

    def note(self, name: str, default: tuple[Any, ...]) -> None:
        """Note that a parameter is asked for, unless it is one of `aws_batch`, which aren't the project's."""
        if name.partition(".")[0] != KEY:
            self.required[name] = not default or self.required.get(name, False)
            if default and isinstance(default[0], (str, int, float)):
                self.defaults[name] = default[0]

    def missing(self, params: Mapping[str, Any]) -> list[str]:
        """Return the parameters without a default that are missing here."""
        return sorted(name for name, required in self.required.items() if required and given(params, name) is None)


def stand_in(name: str) -> str:
    """Return the placeholder of a parameter that nobody has given."""
    return f"<{name}>"


def begins_with_stand_in(text: str) -> bool:
    """Whether a text begins with a placeholder, so that it may be anything."""
    return text.startswith("<")


def with_param(params: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """Return parameters with the value of one set at its dotted name."""
    first, _, rest = name.partition(".")
    below = params.get(first)
    return {**params, first: with_param(below if isinstance(below, dict) else {}, rest, value) if rest else value}


@contextmanager
def stand_ins() -> Iterator[RuntimeParameters]:
    """Record what configurations read in this context ask for, and give placeholders for missing parameters."""

    asked = RuntimeParameters()
    before = OmegaConfigLoader._get_runtime_value  # noqa: SLF001  (there is no public door)

    def _get_runtime_value(self: Any, variable: str, *default: Any) -> Any:
        asked.note(variable, default)
        try:
            return before(self, variable, *default)
        except InterpolationResolutionError:
            return stand_in(variable)

    setattr(OmegaConfigLoader, "_get_runtime_value", _get_runtime_value)  # noqa: B010  (mypy knows it as a method)
    try:
        yield asked
    finally:
        setattr(OmegaConfigLoader, "_get_runtime_value", before)  # noqa: B010
