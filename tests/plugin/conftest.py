from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.forking import Interpreter

from .project import Sources, write_project

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Forked = Callable[..., subprocess.CompletedProcess[str]]


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


@pytest.fixture(scope="session")
def forked() -> Iterator[Forked]:
    """Return what runs a command on this machine in a process of its own, which need not import what all of them do."""
    with Interpreter("kedro_aws_batch.local") as interpreter:

        def run(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
            environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            return interpreter.run(["kedro_aws_batch", *words, "--local"], project, environment, timeout=240)

        yield run
