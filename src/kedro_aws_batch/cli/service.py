"""Finds a command's runs: without pipelines, and without boto3 for ended local runs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.aws import client
from kedro_aws_batch.client import Service
from kedro_aws_batch.graph.config import read_project_configuration
from kedro_aws_batch.graph.folder import find_project
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.problems import require_none
from kedro_aws_batch.launch.runs import LocalRuns, live_client
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.show.causes import in_cloudwatch

if TYPE_CHECKING:
    from pathlib import Path

    from kedro_aws_batch.graph.config import ProjectConfiguration

    from .options import Where


def this_project() -> Path:
    """Return the folder of the project that the command is called in."""
    with stdout_kept_clean():
        return find_project()


def runs_of(where: Where) -> Service | LocalRuns:
    """Return the source of the runs."""
    if where.local:
        return LocalRuns(this_project())
    return Service(prefix_of(where), client("lambda"), in_cloudwatch(cache(lambda: client("logs"))))


def client_of(where: Where, run_id: str, name: str) -> Any | None:
    """Return a client of the AWS that a run is on; None for a local run that has ended."""
    return live_client(this_project(), run_id, name) if where.local else client(name)


def configuration_of(where: Where, key: str) -> ProjectConfiguration:
    """Return the plugin's settings in the parameters. Raises what is wrong with a key of it."""
    with stdout_kept_clean():
        from kedro_aws_batch.graph.project import read_parameters  # noqa: PLC0415  (Kedro's framework is slow)

        parameters = read_parameters(Opening(where.environment, conf_source=where.conf_source))
    configuration, problems = read_project_configuration(parameters, where.environment)
    require_none([each for each in problems if each.where.endswith(f"aws_batch.{key}")])
    return configuration


def prefix_of(where: Where) -> str:
    """Return the prefix of the deployed functions' names, which is also the stack's name."""
    return where.service or configuration_of(where, "service").service
