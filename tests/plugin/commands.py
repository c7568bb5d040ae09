"""Calls `kedro aws-batch …` in the test's own process."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from kedro_aws_batch.cli import aws_batch

if TYPE_CHECKING:
    from click.testing import Result


def call(*words: str) -> Result:
    """Run a command and return its result, with stdout and stderr apart."""
    # Before 8.2, which Kedro 1.0 doesn't accept, click mixes the two by default.
    apart: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
    return CliRunner(**apart).invoke(aws_batch, list(words))


def call_in(project: Path, *words: str) -> Result:
    """Do so in the folder of a project."""
    before = Path.cwd()
    os.chdir(project)
    try:
        return call(*words)
    finally:
        os.chdir(before)
