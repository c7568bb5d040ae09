from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import boto3
import pytest

from .project import Sources, write_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Undo what a command does to a process: its search path, its environment, and whose keys boto3 remembers."""
    path, environment = list(sys.path), dict(os.environ)
    os.environ["KEDRO_DISABLE_TELEMETRY"] = "1"
    boto3.DEFAULT_SESSION = None
    yield
    sys.path[:] = path
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[[Sources], Path]:
    return lambda sources: write_project(tmp_path, sources)
