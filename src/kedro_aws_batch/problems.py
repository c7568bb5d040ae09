"""A problem: where it is, what it is, what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


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
