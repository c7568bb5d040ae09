"""How to open a project, by the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kedro_aws_batch._service.dag.configuration import KEY
from kedro_aws_batch.moment import Moment

from . import ENVIRONMENT


@dataclass(frozen=True)
class Opening:
    """Which project to open, and how."""

    environment: str = ENVIRONMENT
    path: Path | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    conf_source: str | None = None
    #: The run that its configuration is for: one that begins now, or None for no run.
    run_id: str | None = field(default_factory=lambda: Moment.of_now().run_id, compare=False)


def as_deployed(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's parameters without the plugin's: the service applies those to what is deployed."""
    return {key: value for key, value in params.items() if key != KEY}
