"""A table of figures, for people and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

Cell = str | int | float | None
_WIDEST = 1000  # characters of a table: rich asks for a bound


@dataclass
class Report:
    """The rows of one benchmark, with notes on how to read them."""

    name: str  #: of the file in benchmarks/results/
    title: str
    columns: Sequence[str]
    rows: list[Sequence[Cell]] = field(default_factory=list)
    notes: Sequence[str] = ()

    def show(self, console: Console) -> None:
        """Print the table and its notes, whatever the terminal's width."""
        table = Table(title=self.title, title_justify="left", header_style="bold")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number == 0 else "right")
        for row in self.rows:
            table.add_row(*map(as_text, row))
        width = console.measure(table, options=console.options.update(width=_WIDEST)).maximum
        narrow, console.width = console.width, max(console.width, width)  # nothing is printed wider than that
        console.print(table)
        console.width = narrow
        for note in self.notes:
            console.print(f"[dim]- {note}[/dim]", soft_wrap=True)

    def write(self, folder: Path) -> None:
        """Write the rows as JSON, each with its columns' names."""
        body: dict[str, Any] = {
            "title": self.title,
            "machine": {"python": platform.python_version(), "system": platform.system(), "cpus": os.cpu_count()},
            "notes": list(self.notes),
            "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows],
        }
        (folder / f"{self.name}.json").write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", "utf-8")


def as_text(cell: Cell) -> str:
    """Return a cell as text for a table."""
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}" if abs(cell) < 0.1 else f"{cell:.3f}"
    return f"{cell:,}" if isinstance(cell, int) else cell
