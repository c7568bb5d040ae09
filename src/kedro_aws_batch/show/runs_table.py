"""Runs as a table, and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.status import ENDED
from kedro_aws_batch.estimate import time_left
from kedro_aws_batch.wording import counted, lasting, one_line

from .colours import COLOURS
from .columns import MEDIUM, NARROW, Column, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from kedro_aws_batch.prices import Prices

    from .listing import Listed


@dataclass(frozen=True)
class RunRow:
    """A line of the table."""

    listed: Listed
    #: The current time, in milliseconds.
    now: int
    prices: Prices | None


def _left(row: RunRow) -> str:
    """Return `~8 min`; `>8 min` if some jobs never ran before, and `?` if none did."""
    state = row.listed.state
    if state is None or row.listed.run.status != "RUNNING":
        return ""
    left = time_left(state)
    return "?" if left is None else left.short


def _cost(row: RunRow) -> str:
    if row.listed.state is None or row.prices is None:
        return ""
    spent = row.prices.spent(row.listed.state)
    return spent.words.replace("at least ", ">") if spent.known else "?"


def _nodes(row: RunRow) -> str:
    state, total = row.listed.state, f"{row.listed.run.nodes_total:,}"
    if state is None or state.ended:
        return total
    to_come = {node for group in state.groups if group.status not in ENDED for node in group.nodes}
    return f"{row.listed.run.nodes_total - len(to_come):,}/{total}"


def _what(row: RunRow) -> str:
    run = row.listed.run
    reused = f"{counted(run.reused, 'node')} reused" if run.reused else ""
    return one_line(" · ".join(filter(None, (", ".join(run.pipelines), reused, run.description, run.reason))))


#: The columns for each run. A narrow terminal leaves out the least important.
COLUMNS: tuple[Column[RunRow], ...] = (
    Column("run", lambda row: row.listed.run.run_id),
    Column("status", lambda row: row.listed.run.status, style=lambda row: COLOURS.get(row.listed.run.status, "")),
    Column("took", lambda row: lasting(row.listed.run.seconds_until(row.now)), justify="right", least=MEDIUM),
    Column("left", _left, justify="right", least=NARROW, optional=True),
    Column("cost", _cost, justify="right", least=NARROW, optional=True),
    Column("nodes", _nodes, justify="right", least=MEDIUM),
    Column("what", _what, least=NARROW, share=1, least_room=12),
)


def runs_table(rows: Sequence[Listed], now: int, width: int, prices: Prices | None = None) -> Table:
    """Return runs as a table."""
    return table_of(COLUMNS, [RunRow(row, now, prices) for row in rows], width)


def as_data(row: Listed, prices: Prices | None) -> dict[str, Any]:
    """Return a run as JSON data. Values from its state are null if it was not described."""
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
