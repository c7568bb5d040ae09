"""Options and outputs that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kedro_aws_batch.errors import KedroAwsBatchError
from kedro_aws_batch.problems import errors
from kedro_aws_batch.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kedro_aws_batch.problems import Problem

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class ProblemsFoundError(KedroAwsBatchError):
    """A run would fail; the message lists why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = "\n".join(f"  {number}. {problem}" for number, problem in enumerate(problems, start=1))
        super().__init__(f"{counted(len(problems), 'problem')} to solve first:\n{lines}")
        self.problems = tuple(problems)


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
        "--conf-source", type=click.Path(exists=True, file_okay=False), help="The folder of the configuration."
    )


def refuse(problems: Sequence[Problem]) -> None:
    """Print the warnings, and raise what is wrong in one list."""
    for problem in problems:
        if problem.warning:
            click.echo(f"Warning: {problem}", err=True)
    wrong = errors(list(problems))
    if wrong:
        raise ProblemsFoundError(wrong)
