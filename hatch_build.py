"""Carries the service inside a standard wheel, as kedro_aws_batch/_service/."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SERVICE = ("adapters", "dag", "handlers", "resources", "runs", "requirements.txt", "serverless.yml")


class CarryService(BuildHookInterface):  # type: ignore[type-arg]
    """Add the service tree to the wheel; an editable install reads the checkout instead."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Map each top-level part of the service to its place under kedro_aws_batch/_service/."""
        if version == "standard":
            for part in SERVICE:
                build_data["force_include"][str(Path(self.root, part))] = f"kedro_aws_batch/_service/{part}"
