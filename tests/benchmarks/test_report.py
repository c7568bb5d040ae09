"""How a benchmark shows its table."""

from __future__ import annotations

import io

from rich.console import Console

from benchmarks.report import Report


def test_a_table_is_whole_however_narrow_the_terminal_is() -> None:
    columns = [f"the column number {number}" for number in range(9)]
    report = Report("wide", "A wide table", columns, [[number * 1000 for number in range(9)]])
    console = Console(file=io.StringIO(), width=40)

    report.show(console)

    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(f" {column} " in shown.splitlines()[2] for column in columns)
    assert "8,000" in shown
    assert console.width == 40
