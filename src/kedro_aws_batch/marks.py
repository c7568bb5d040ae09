"""Where each group begins in the log of a container that runs several: the equivalent `kedro run`, its first line."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MARK = re.compile(r"kedro run (?:--nodes=|'--nodes=).* '?--pipelines=.+")


def first_words(nodes: Sequence[str]) -> str:
    """Return how the first line of a group of these nodes begins."""
    return shlex.join(["kedro", "run", f"--nodes={','.join(nodes)}"])


def is_mark(line: str) -> bool:
    """Return whether a group begins with a line."""
    return _MARK.fullmatch(line) is not None


@dataclass(frozen=True)
class Beginning:
    """How a group's lines begin in the log of its container."""

    nodes: tuple[str, ...]
    #: The slice of partitions that it gets: `number` and `into`.
    slice: Mapping[str, int] | None = None
    #: Whether its container had run other groups before; if not, what comes before any mark is its own.
    carried: bool = False

    def is_at(self, line: str) -> bool:
        """Return whether the group begins with a line."""
        if not (is_mark(line) and line.startswith(f"{first_words(self.nodes)} ")):
            return False
        return self.slice is None or f"  # slice {self.slice['number']}/{self.slice['into']} of " in line

    def own_end(self, lines: Sequence[str], is_cut: bool) -> list[str]:
        """Return the group's own of the last lines of a log.

        If the log is cut, the group's first line may lie before them.
        """
        begun = not self.carried or (is_cut and not any(map(self.is_at, lines)))
        following = OwnLines(self, begun)
        return [line for line in lines if following.is_own(line)]


@dataclass
class OwnLines:
    """Tells line by line of a log whether it is a group's own."""

    beginning: Beginning
    inside: bool

    @classmethod
    def from_the_top(cls, beginning: Beginning) -> OwnLines:
        """Return one for a log that is read from its first line on."""
        return cls(beginning, not beginning.carried)

    def is_own(self, line: str) -> bool:
        """Return whether the next line is the group's."""
        if is_mark(line):
            self.inside = self.beginning.is_at(line)
        return self.inside
