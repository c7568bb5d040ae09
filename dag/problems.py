"""A problem: its place, what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
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


def listed(names: Iterable[str], limit: int = 5) -> str:
    """Return names in quotes, the first few of them, for a sentence."""
    quoted = [f"'{name}'" for name in names]
    more = f" and {len(quoted) - limit} more" if len(quoted) > limit else ""
    return ", ".join(quoted[:limit]) + more
