"""Where the configuration of a run comes from, if it isn't the project's own `conf`: the jobs must read the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.configuration import KEY
from kedro_aws_batch.container.payload import CONF_SOURCE
from kedro_aws_batch.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Sequence


def for_jobs(conf_source: str | None, project: Path) -> str | None:
    """Return the conf_source that jobs are given: relative to the project where it can be; None for the project's own.

    Raises ProjectError for a folder outside of the project, which no image has.
    """
    if conf_source is None or "://" in conf_source:
        return conf_source
    path = (Path.cwd() / conf_source).resolve()
    if not path.is_relative_to(project.resolve()):
        raise ProjectError(
            f"The configuration in '{path}' lies outside of the project '{project}', so that jobs don't have it. "
            "Move it into the project, or put it on S3."
        )
    return path.relative_to(project.resolve()).as_posix()


def with_conf_source(request: dict[str, Any], conf_source: str | None) -> dict[str, Any]:
    """Return the request with the conf_source in the environment of all of its jobs."""
    if conf_source is None:
        return request
    path = (KEY, "resources", "default", "environment", CONF_SOURCE)
    return {**request, "params": _with(request.get("params"), path, conf_source)}


def _with(below: Any, path: Sequence[str], value: Any) -> Any:
    """Return a mapping with a value at a path in it. What is no mapping stays as it is: whoever reads it refuses it."""
    if not (below is None or isinstance(below, dict)):
        return below
    head, *rest = path
    return {**(below or {}), head: _with((below or {}).get(head), rest, value) if rest else value}
