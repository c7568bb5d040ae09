"""Lists problems, and raises them."""

from __future__ import annotations

from collections.abc import Sequence

from kedro_aws_batch._service.dag.problems import Problem
from kedro_aws_batch.errors import KedroAwsBatchError
from kedro_aws_batch.wording import counted


def errors(problems: list[Problem]) -> list[Problem]:
    """Return the problems that are not just warnings."""
    return [problem for problem in problems if not problem.warning]


def numbered(problems: Sequence[Problem]) -> str:
    """Return problems as one numbered list."""
    lines = "\n".join(f"  {number}. {problem}" for number, problem in enumerate(problems, start=1))
    return f"{counted(len(problems), 'problem')} to solve first:\n{lines}"


class ProblemsFoundError(KedroAwsBatchError):
    """A run would fail; the message lists why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(numbered(problems))
        self.problems = tuple(problems)


def require_none(problems: Sequence[Problem]) -> None:
    """Raise all errors in one list, without warnings."""
    wrong = errors(list(problems))
    if wrong:
        raise ProblemsFoundError(wrong)
