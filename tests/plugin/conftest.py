from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from .project import Sources, write_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Undo what opening a project does to a process: its search path and its environment."""
    path, environment = list(sys.path), dict(os.environ)
    os.environ["KEDRO_DISABLE_TELEMETRY"] = "1"
    yield
    sys.path[:] = path
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[[Sources], Path]:
    return lambda sources: write_project(tmp_path, sources)
