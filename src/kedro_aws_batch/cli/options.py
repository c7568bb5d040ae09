"""Options and outputs that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kedro_aws_batch._service.dag.status import OnFailure
from kedro_aws_batch.graph.problems import require_none

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kedro_aws_batch.graph.problems import Problem

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def environment_option() -> Decorator:
    """Return the option --env, which is `aws_batch` if it isn't given."""
    return click.option(
        "-e",
        "--env",
        "environment",
        default="aws_batch",
        show_default=True,
        help="The Kedro environment whose catalog jobs use.",
    )


def conf_source_option() -> Decorator:
    """Return Kedro's option --conf-source."""
    return click.option(
        "--conf-source", metavar="PATH", callback=_existing, help="The folder of the configuration, or its URL."
    )


def service_option() -> Decorator:
    """Return the option --service."""
    return click.option(
        "--service",
        envvar="KEDRO_AWS_BATCH_SERVICE",
        metavar="PREFIX",
        help="The deployed service: the prefix of its functions' names. Else aws_batch.service in the parameters.",
    )


def on_failure_option() -> Decorator:
    """Return the option --on-failure."""
    words = [policy.value for policy in OnFailure]
    return click.option("--on-failure", type=click.Choice(words), help="What to do when a job fails.")


def _existing(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and "://" not in value and not Path(value).exists():
        raise click.BadParameter(f"'{value}' does not exist.", ctx, param)
    return value


def json_option() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option --json."""
    return click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")


def refuse(problems: Sequence[Problem]) -> None:
    """Print the warnings, and raise what is wrong in one list."""
    for problem in problems:
        if problem.warning:
            click.echo(f"Warning: {problem}", err=True)
    require_none(problems)
