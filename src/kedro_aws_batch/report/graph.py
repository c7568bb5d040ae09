"""The graph of a run, as it is drawn: boxes in layers, from top to bottom, each below all that it follows.

A box is a job or a fold, which holds a graph of its own. The browser places boxes and draws the lines: it alone knows
how wide the page is, and what is unfolded.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kedro_aws_batch.show.slices import TELLING
from kedro_aws_batch.wording import counted, lasting, one_line

from .folds import Fold, layers, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .folds import Item
    from .rows import Row

#: What stands beside the colour of a state. None of them has a coloured form in a font of emoji.
SIGNS = {
    "WAITING": "○",
    "SUBMITTED": "◔",
    "RUNNING": "◐",
    "SUCCEEDED": "✓",
    "FAILED": "✕",
    "CANCELLED": "⊘",
    "SKIPPED": "–",
}
#: Times that the boxes of each layer are ordered by those before them, then by those after them.
SWEEPS = 4


@dataclass(frozen=True)
class Box:
    """The box of a job."""

    row: Row
    label: str
    #: What it is in full, and how it is.
    about: str

    @property
    def status(self) -> str:
        """Return its state."""
        return self.row.group.status


@dataclass(frozen=True)
class Frame:
    """The box of a fold, and what is inside."""

    fold: Fold
    label: str
    about: str
    #: The state that tells most.
    status: str
    #: How many of its jobs are in which state.
    counts: tuple[tuple[str, int], ...]
    critical: bool
    layers: tuple[tuple[Box | Frame, ...], ...]


def drawn(items: Sequence[Item], unit: str, around: Fold | None = None) -> tuple[tuple[Box | Frame, ...], ...]:
    """Return items as boxes, layer by layer. Labels leave out the namespace of the fold around them.

    A fold counts what it holds in `unit`s: jobs or, where containers carry on, nodes or groups.
    """
    return tuple(tuple(_box(item, around, unit) for item in layer) for layer in arranged(items))


def arranged(items: Sequence[Item]) -> list[list[Item]]:
    """Return items in layers, each after all that it follows, and near it within its layer."""
    home = {row.group.index: number for number, item in enumerate(items) for row in rows_of(item)}
    before: dict[int, set[int]] = {number: set() for number in range(len(items))}
    for number, item in enumerate(items):
        found = {home[parent] for row in rows_of(item) for parent in row.group.parents if parent in home}
        before[number] = found - {number}
    layer_of = layers(before)
    columns: list[list[int]] = [[] for _ in range(1 + max(layer_of.values(), default=-1))]
    for number in range(len(items)):
        columns[layer_of[number]].append(number)
    _order(columns, before)
    return [[items[number] for number in column] for column in columns]


def _order(columns: list[list[int]], before: Mapping[int, set[int]]) -> None:
    """Order each layer by the middle of what its boxes follow, and of what follows them, so that few lines cross."""
    after = defaultdict(set)
    for number, found in before.items():
        for one in found:
            after[one].add(number)
    place: dict[int, float] = {}

    def settle(column: Sequence[int]) -> None:
        place.update({number: (at + 0.5) / len(column) for at, number in enumerate(column)})

    for column in columns:
        settle(column)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        near: Mapping[int, set[int]] = before if down else after
        for column in columns if down else reversed(columns):
            wanted = {one: _mean([place[other] for other in near.get(one, ())], place[one]) for one in column}
            column.sort(key=lambda one, wanted=wanted: (wanted[one], one))  # type: ignore[misc]
            settle(column)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _box(item: Item, around: Fold | None, unit: str) -> Box | Frame:
    if isinstance(item, Fold):
        return _frame(item, around, unit)
    group = item.group
    name = one_line(group.labels[0]) if group.labels else "–"
    more = f" +{len(group.labels) - 1}" if len(group.labels) > 1 else ""
    return Box(item, f"{_within(name, around)}{more}", _about(item))


def _about(row: Row) -> str:
    """Return what a job is, in full, and how it is."""
    group, ran = row.group, row.line.running
    took = f", {lasting(ran.seconds)}" if ran else ""
    why = f": {row.reason}" if row.reason else ""
    return f"{one_line(', '.join(group.labels))}: {group.status.lower()}{took}{why}"


def _frame(fold: Fold, around: Fold | None, unit: str) -> Frame:
    found = Counter(row.group.status for row in fold.rows)
    counts = tuple((status, found[status]) for status in SIGNS if found[status])
    what = "slice" if fold.kind == "slices" else unit
    return Frame(
        fold=fold,
        label=_within(fold.label, around) if fold.kind == "slices" else fold.label,
        about=f"{counted(len(fold.rows), what)}: {states(fold)}",
        status=min(found, key=TELLING.index),
        counts=counts,
        critical=any(row.line.critical for row in fold.rows),
        layers=drawn(fold.inside, unit, fold),
    )


def states(fold: Fold) -> str:
    """Return how many jobs of a fold are in which state: `12 succeeded, 1 failed`."""
    found = Counter(row.group.status for row in fold.rows)
    return ", ".join(f"{number:,} {status.lower()}" for status, number in found.most_common())


def parts(label: str) -> list[str]:
    """Return a label in parts between which a line may end."""
    return re.split(r"(?<=[._/])(?!$)", label)


def _within(name: str, around: Fold | None) -> str:
    """Return a node's name without the namespace that the fold around it shows."""
    return name.removeprefix("".join(f"{part}." for part in around.namespace)) if around else name
