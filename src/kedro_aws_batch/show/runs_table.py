"""Runs as a table, and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from kedro_aws_batch.estimate import time_left
from kedro_aws_batch.wording import lasting, one_line

from .table import MEDIUM, NARROW, STYLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kedro_aws_batch.client import RunSummary
    from kedro_aws_batch.prices import Prices

    from .listing import Listed

#: Less room than this says nothing of what a run is.
LEAST = 12
_HEADS = (
    ("run", "left"),
    ("status", "left"),
    ("took", "right"),
    ("left", "right"),
    ("cost", "right"),
    ("jobs", "right"),
)


def runs_table(rows: Sequence[Listed], now: int, width: int, prices: Prices | None = None) -> Table:
    """Return runs as a table; a narrow one leaves out what matters least. Where nothing is known there is no column."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, pad_edge=False, header_style="dim")
    cells = [_cells(row, now, prices) for row in rows]
    room = width
    for number, (head, justify) in enumerate(_HEADS):
        column = [each[number] for each in cells]
        size = max(len(cell or "") for cell in (head, *column))
        if (head in ("left", "cost") and (width < NARROW or not any(column))) or (number > 1 and width < MEDIUM):
            cells = [(*each[:number], None, *each[number + 1 :]) for each in cells]
            continue
        table.add_column(head, no_wrap=True, justify=justify, min_width=size)  # type: ignore[arg-type]  # literals
        room -= size + 2
    whole = width >= NARROW and room >= LEAST
    if whole:
        table.add_column("what", overflow="ellipsis", no_wrap=True, max_width=room)  # if wider, others would be lost
    for row, each in zip(rows, cells, strict=True):
        texts = [Text(cell) for cell in each if cell is not None]
        texts[1].stylize(STYLES.get(row.run.status, ""))
        table.add_row(*texts, *([Text(_what(row.run))] if whole else []))
    return table


def _cells(row: Listed, now: int, prices: Prices | None) -> tuple[str | None, ...]:
    run = row.run
    jobs = f"{run.groups_total:,}"
    if row.state is not None and not row.state.ended:
        jobs = f"{_done(row):,}/{jobs}"
    return (run.run_id, run.status, lasting(run.seconds_until(now)), _left(row), _cost(row, prices), jobs)


def _what(run: RunSummary) -> str:
    return one_line(" · ".join(filter(None, (", ".join(run.pipelines), run.description, run.reason))))


def _done(row: Listed) -> int:
    counts = row.state.counts if row.state is not None else {}
    return sum(counts.get(status, 0) for status in ("SUCCEEDED", "FAILED", "CANCELLED"))


def _left(row: Listed) -> str:
    """Return `~8 min`; `>8 min` where some jobs never ran before, and `?` where none did."""
    if row.state is None or row.run.status != "RUNNING":
        return ""
    left = time_left(row.state)
    return "?" if left is None else left.short


def _cost(row: Listed, prices: Prices | None) -> str:
    if row.state is None or prices is None:
        return ""
    spent = prices.spent(row.state)
    return spent.words.replace("at least ", ">") if spent.known else "?"


def as_data(row: Listed, prices: Prices | None) -> dict[str, Any]:
    """Return a run for programs. What only its state tells is null where that was not asked for."""
    left = None if row.state is None or row.run.status != "RUNNING" else time_left(row.state)
    spent = None if row.state is None or prices is None else prices.spent(row.state)
    return {
        **asdict(row.run),
        "counts": None if row.state is None else dict(row.state.counts),
        "seconds_left": None if left is None else left.seconds,
        "jobs_of_unknown_length": None if left is None else left.unknown,
        "cost": dict(spent.by_currency) if spent is not None and spent.known else None,
        "jobs_of_unknown_cost": None if spent is None else spent.unknown,
    }
