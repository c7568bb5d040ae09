"""A function of Lambda, as the stack configures it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class FunctionSettings:
    """A function as it is configured now."""

    name: str
    arn: str
    handler: str
    #: In seconds.
    timeout: int
    #: In MiB; told to the function, not enforced.
    memory: int
    environment: Mapping[str, str]
    code: Path

    @property
    def log_group(self) -> str:
        """Where its instances' output goes."""
        return f"/aws/lambda/{self.name}"
