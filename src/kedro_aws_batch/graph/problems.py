"""A problem: where it is, what it is, what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kedro_aws_batch.errors import KedroAwsBatchError
from kedro_aws_batch.wording import counted


@dataclass(frozen=True)
class Problem:
    """One reason why a run would fail on AWS Batch, or a warning that it may."""

    where: str
    what: str
    to_do: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what} {self.to_do}".rstrip()


def errors(problems: list[Problem]) -> list[Problem]:
    """Return those that are no mere warnings."""
    return [problem for problem in problems if not problem.warning]


class ProblemsFoundError(KedroAwsBatchError):
    """A run would fail; the message lists why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = "\n".join(f"  {number}. {problem}" for number, problem in enumerate(problems, start=1))
        super().__init__(f"{counted(len(problems), 'problem')} to solve first:\n{lines}")
        self.problems = tuple(problems)


def require_none(problems: Sequence[Problem]) -> None:
    """Raise what is wrong in one list, warnings left out."""
    wrong = errors(list(problems))
    if wrong:
        raise ProblemsFoundError(wrong)
