"""Paths that `.dockerignore` keeps out of an image."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

_PARTS = re.compile(r"\*\*/|\*\*|\*|\?|\[[^\]]*\]|\\.|.", re.DOTALL)


class _Line(NamedTuple):
    pattern: re.Pattern[str]
    out: bool  #: whether what matches stays out


@dataclass(frozen=True)
class Ignored:
    """The lines of a `.dockerignore`. The last line that matches a path, or a folder above it, decides."""

    rules: tuple[_Line, ...]

    @classmethod
    def read(cls, lines: Iterable[str]) -> Ignored:
        """Return what these lines say."""
        stripped = (line.strip() for line in lines if not line.startswith("#"))
        return cls(tuple(_Line(_pattern(line.removeprefix("!").strip()), line[0] != "!") for line in stripped if line))

    @property
    def has_exceptions(self) -> bool:
        """Whether something in an excluded folder may go in."""
        return not all(out for _, out in self.rules)

    def __contains__(self, path: object) -> bool:
        """Whether a path, relative to the project and with `/`, stays out."""
        found = False
        for pattern, out in self.rules:
            if out != found and pattern.fullmatch(str(path)):
                found = out
        return found


def _pattern(line: str) -> re.Pattern[str]:
    """Return a pattern for the paths that a line means, and for all below them."""
    return re.compile("".join(map(_translated, _PARTS.findall(line.strip("/")))) + "(?:/.*)?", re.DOTALL)


def _translated(part: str) -> str:
    if part == "**/":
        return "(?:.*/)?"
    if part == "**":
        return ".*"
    if part in {"*", "?"}:
        return "[^/]" + part.replace("?", "")
    if part.startswith("[") and len(part) > 1:
        return part
    return re.escape(part[-1])
