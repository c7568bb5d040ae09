"""Finds a project's folder, importing only the quick parts of Kedro."""

from __future__ import annotations

from pathlib import Path

from kedro.utils import find_kedro_project

from kedro_aws_batch.errors import ProjectError


def find_project(start: Path | None = None) -> Path:
    """Return the Kedro project that contains this folder."""
    here = start or Path.cwd()
    found = find_kedro_project(here)
    if found is None:
        raise ProjectError(
            f"'{here}' is not in a Kedro project. Change to a folder whose pyproject.toml has a [tool.kedro] section."
        )
    return Path(found)
