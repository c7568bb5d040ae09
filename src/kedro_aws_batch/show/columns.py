"""Tables whose columns are data: a column's content, its width, and the terminals that leave it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Terminals narrower than this leave out columns that only explain.
NARROW = 72
#: Terminals narrower than this show only a row's subject and its status.
MEDIUM = 55
#: Between two columns.
_GAP = 2

RowT = TypeVar("RowT")


@dataclass(frozen=True)
class Column(Generic[RowT]):
    """A column of a table."""

    head: str
    #: Returns its content for a row, in one line.
    text: Callable[[RowT], str]
    style: Callable[[RowT], str] = lambda _: ""
    justify: Literal["left", "right"] = "left"
    #: Terminals narrower than this leave it out.
    least: int = 0
    #: Whether it is left out if it is empty in all rows.
    optional: bool = False
    #: Its share of the width that the others leave, if it may be cut; 0 if it is never cut.
    share: int = 0
    #: If a column that may be cut would have less room than this, it is left out; None if it never is.
    least_room: int | None = None
    #: How wide it is in a pipe, where nothing is cut.
    piped: int = 0


def table_of(columns: Sequence[Column[RowT]], rows: Sequence[RowT], width: int) -> Table:
    """Return rows as a table that fits a terminal."""
    texts = {column.head: [column.text(row) for row in rows] for column in columns}
    there = [column for column in columns if width >= column.least and (not column.optional or any(texts[column.head]))]
    needed = {head: max(map(cell_len, (head, *found))) for head, found in texts.items()}
    room = width - sum(needed[column.head] + _GAP for column in there if not column.share)
    widths = _widths([column for column in there if column.share], needed, room)
    table = Table(box=None, padding=(0, _GAP, 0, 0), show_edge=False, pad_edge=False, header_style="dim")
    shown = [column for column in there if not column.share or column.head in widths]
    for column in shown:
        # Too wide a table would lose whole columns, so a column that may be cut gets only what is left.
        most, head = widths.get(column.head), column.head
        least = needed[head] if most is None else None
        table.add_column(
            head, justify=column.justify, no_wrap=True, overflow="ellipsis", min_width=least, max_width=most
        )
    for number, row in enumerate(rows):
        table.add_row(*(Text(texts[column.head][number], column.style(row)) for column in shown))
    return table


def piped(columns: Sequence[Column[RowT]], row: RowT) -> str:
    """Return a row as a line for a file or a pipe, without optional columns in which it has nothing."""
    signs = {"left": "<", "right": ">"}
    texts = ((column, column.text(row)) for column in columns)
    cells = (
        f"{text:{signs[column.justify]}{column.piped or 1}}" for column, text in texts if text or not column.optional
    )
    return (" " * _GAP).join(cells).rstrip()


def _widths(columns: Sequence[Column[RowT]], needed: Mapping[str, int], room: int) -> dict[str, int]:
    """Return the widths of columns that may be cut. Columns without room are left out, the last ones first."""
    while columns:
        heads = [column.head for column in columns]
        left = room - _GAP * (len(columns) - 1)
        sizes = sharing([needed[head] for head in heads], [column.share for column in columns], left)
        both = zip(columns, sizes, strict=True)
        if all(column.least_room is None or size >= column.least_room for column, size in both):
            return {head: max(1, size) for head, size in zip(heads, sizes, strict=True)}
        columns = columns[:-1]
    return {}


def sharing(needed: Sequence[int], shares: Sequence[int], room: int) -> list[int]:
    """Return each one's width: what it needs, if that is at most its share of what the others leave."""
    found = [0] * len(needed)
    waiting = list(range(len(needed)))
    while waiting:
        whole = sum(shares[each] for each in waiting)
        small = [each for each in waiting if needed[each] <= room * shares[each] // whole]
        if not small:
            break
        for each in small:
            found[each] = needed[each]
        room -= sum(needed[each] for each in small)
        waiting = [each for each in waiting if each not in small]
    for each in waiting[:-1]:
        found[each] = room * shares[each] // sum(shares[one] for one in waiting)
    for each in waiting[-1:]:
        found[each] = room - sum(found[one] for one in waiting[:-1])
    return found
