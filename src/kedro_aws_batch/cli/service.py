"""The options by which a command reaches runs, and what they lead to. No pipeline is imported for it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kedro_aws_batch.graph.problems import require_none
from kedro_aws_batch.launch.commands import Commands
from kedro_aws_batch.quiet import stdout_kept_clean

from .options import conf_source_option, environment_option, service_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from kedro_aws_batch.launch.runs import Runs


@dataclass(frozen=True)
class Place:
    """Where runs are: on AWS, or in the project's local state."""

    local: bool
    environment: str
    conf_source: str | None
    service: str | None

    @property
    def commands(self) -> Commands:
        """Return how commands reach the same place."""
        return Commands(self.environment, self.local)

    @property
    def project(self) -> Path:
        """Return the folder of the project."""
        from kedro_aws_batch.graph.project import find_project  # noqa: PLC0415

        with stdout_kept_clean():
            return find_project()

    def runs(self) -> Runs:
        """Return what tells of the runs."""
        if self.local:  # whose ended runs are files: boto3, which is slow to import, is not needed to read them
            from kedro_aws_batch.launch.runs import LocalRuns  # noqa: PLC0415

            return LocalRuns(self.project)
        from kedro_aws_batch.aws import client  # noqa: PLC0415
        from kedro_aws_batch.client import Service  # noqa: PLC0415

        return Service(self._prefix(), client("lambda"))

    def client(self, name: str) -> Any | None:
        """Return a client of AWS; None for local runs that have ended."""
        if self.local:
            from kedro_aws_batch.launch.runs import live_client  # noqa: PLC0415

            return live_client(self.project, name)
        from kedro_aws_batch.aws import client  # noqa: PLC0415

        return client(name)

    def _prefix(self) -> str:
        if self.service:
            return self.service
        from kedro_aws_batch.graph.config import read_configuration  # noqa: PLC0415
        from kedro_aws_batch.graph.project import Opening, read_parameters  # noqa: PLC0415

        with stdout_kept_clean():
            parameters = read_parameters(Opening(self.environment, conf_source=self.conf_source))
        configuration, problems = read_configuration(parameters.get("aws_batch"), self.environment)
        require_none([each for each in problems if each.where.endswith("aws_batch.service")])
        return configuration.service


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that make a Place, which the command takes as `place`."""

    @functools.wraps(command)
    def with_place(local: bool, environment: str, conf_source: str | None, service: str | None, **given: Any) -> Any:
        return command(Place(local, environment, conf_source, service), **given)

    wrapped: Callable[..., Any] = with_place
    for option in (
        service_option(),
        conf_source_option(),
        environment_option(),
        click.option("--local", is_flag=True, help="Runs of `run --local`: the one in progress, or those that ended."),
    ):
        wrapped = option(wrapped)
    return wrapped


def run_argument() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the argument RUN."""
    return click.argument("run", required=False)
