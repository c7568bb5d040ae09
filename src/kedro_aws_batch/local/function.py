"""A Lambda function with its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class FunctionSettings:
    """A function's present configuration."""

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
        """The log group of its instances."""
        return f"/aws/lambda/{self.name}"
