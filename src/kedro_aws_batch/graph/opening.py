"""How a project is opened: what the command line says of it."""

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
    #: Of which run its configuration is to be: of one that begins now, or, if None, of none.
    run_id: str | None = field(default_factory=lambda: Moment.of_now().run_id, compare=False)


def as_deployed(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's parameters without those of the plugin: the service applies these to what is deployed."""
    return {key: value for key, value in params.items() if key != KEY}
