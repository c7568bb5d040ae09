"""Fills the tables of docs/performance.md from benchmarks/results, so that the page can only say what was measured.

A table stands between `<!-- table: NAME | column | column … -->` (no columns: all) and `<!-- end -->`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from benchmarks.report import as_text

PAGE = Path(__file__).parents[1] / "docs/performance.md"
RESULTS = Path(__file__).parent / "results"
_TABLE = re.compile(r"(<!-- table: ([^\n]*) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str) -> str:
    """Return a page with its tables filled from the results."""

    def fill(match: re.Match[str]) -> str:
        name, *columns = (part.strip() for part in match[2].split("|"))
        rows: list[dict[str, Any]] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))["rows"]
        columns = columns or list(rows[0])
        lines = [columns, ["---", *["--:"] * (len(columns) - 1)]]
        lines += [[as_text(row[column]) for column in columns] for row in rows]
        return match[1] + "".join(f"| {' | '.join(line)} |\n" for line in lines) + match[3]

    return _TABLE.sub(fill, page)


def fill_in() -> None:
    """Bring the page up to date."""
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
