"""The source of a run's configuration, if it isn't the project's own `conf`: the jobs must read the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.framework.project import settings

from kedro_aws_batch.errors import ProjectError


def for_jobs(conf_source: str | None, project: Path) -> str | None:
    """Return the conf_source for the jobs: relative to the project if possible; None for the project's own.

    Raises ProjectError for a folder outside the project, which no image has.
    """
    if conf_source is None or "://" in conf_source:
        return conf_source
    path = (Path.cwd() / conf_source).resolve()
    if path == (project / settings.CONF_SOURCE).resolve():
        return None
    if not path.is_relative_to(project.resolve()):
        raise ProjectError(
            f"The configuration in '{path}' lies outside the project '{project}', so jobs can't read it. "
            "Move it into the project, or put it on S3."
        )
    return path.relative_to(project.resolve()).as_posix()


def with_conf_source(request: dict[str, Any], conf_source: str | None) -> dict[str, Any]:
    """Return the request with this source of the jobs' configuration."""
    return request if conf_source is None else {**request, "conf_source": conf_source}
