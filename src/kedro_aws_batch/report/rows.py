"""A job in the report: a row of its table and a bar of its timeline."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.wording import counted, lasting, moment, money, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kedro_aws_batch.client import GroupState
    from kedro_aws_batch.container.usage import Used

    from .timeline import Line, Span

HOVER_WIDTH = 70
#: What is said of a group whose container had run others: it waited for no start.
CARRIED = "carried on"


@dataclass(frozen=True)
class Cell:
    """A cell of a table, and the number or text to sort it by."""

    text: str
    by: float | str | None = None


@dataclass(frozen=True)
class Row:
    """A group in the table."""

    line: Line
    cost: float | None
    currency: str
    log_link: str | None
    #: None if its log doesn't say it, or wasn't read.
    used: Used | None = None
    #: The number of its container, where containers carry on.
    container: int | None = None

    @property
    def group(self) -> GroupState:
        """Return the group."""
        return self.line.group

    @property
    def reason(self) -> str:
        """Return why it ended so."""
        return plain(self.group.why)


@dataclass(frozen=True)
class FigureColumn:
    """A column of figures."""

    head: str
    means: str
    cell: Callable[[Row], Cell]
    #: Whether it is left out if it is empty: with fewer columns the reasons are in sight.
    optional: bool = False


def _usual(row: Row) -> Cell:
    usual = None if row.group.expected_ms is None else row.group.expected_ms / 1000
    return Cell(lasting(usual), usual)


def _busy(row: Row) -> Cell:
    return _share(None if row.used is None else row.used.vcpus, row.group.resources.get("vcpus"), 1)


def _memory(row: Row) -> Cell:
    return _share(None if row.used is None else row.used.memory, row.group.resources.get("memory"), 0)


def _cost(row: Row) -> Cell:
    return Cell("?" if row.cost is None else money(row.cost, row.currency), row.cost)


COLUMNS = (
    FigureColumn(
        "Waited",
        "From when its parents had succeeded until its job was submitted",
        lambda row: _duration(row.line.waiting),
    ),
    FigureColumn(
        "Started in",
        "From the submission until the container ran, without attempts that Batch repeated; or that it ran already",
        lambda row: Cell(CARRIED if row.group.carried else lasting(row.line.started_in), row.line.started_in),
    ),
    FigureColumn(
        "In",
        "The number of its container in the table of containers: nodes with the same number shared one",
        lambda row: Cell("" if row.container is None else str(row.container), row.container),
        optional=True,
    ),
    FigureColumn("Ran", "How long the container ran, or has run so far", lambda row: _duration(row.line.running)),
    FigureColumn("Usually", "How long it took in earlier runs", _usual, optional=True),
    FigureColumn(
        "Attempt",
        "Which attempt this is",
        lambda row: Cell(str(row.group.attempt + 1), row.group.attempt),
        optional=True,
    ),
    FigureColumn("vCPUs", "What its job asks for", lambda row: _number(row.group.resources.get("vcpus"))),
    FigureColumn(
        "Busy",
        "How many vCPUs it kept busy on average, from its log, and the share of what it asks for",
        _busy,
        optional=True,
    ),
    FigureColumn("MiB", "The memory that its job asks for", lambda row: _number(row.group.resources.get("memory"))),
    FigureColumn(
        "Used",
        "How many MiB of memory it used at most, from its log, and the share of what it asks for",
        _memory,
        optional=True,
    ),
    FigureColumn("GPUs", "What its job asks for", lambda row: _number(row.group.resources.get("gpus")), optional=True),
    FigureColumn(
        "Cost", "Estimated, from what it asked for and how long it ran; or its part of its container's", _cost
    ),
)


def hover(row: Row) -> Iterable[str]:
    """Yield the lines that appear when one points at a job's bar."""
    group, line = row.group, row.line
    yield from textwrap.wrap(plain(", ".join(group.labels)), HOVER_WIDTH, max_lines=6) or ["–"]
    attempt = f", attempt {group.attempt + 1}" if group.attempt else ""
    critical = ", on the critical path" if line.critical else ""
    yield f"{group.status}{attempt}{critical}"
    waited, ran = (None if span is None else span.seconds for span in (line.waiting, line.running))
    parts = (("waited", waited), ("started in", line.started_in), ("ran", ran))
    which = "its container" if row.container is None else f"container {row.container}"
    carried = [f"{CARRIED} in {which}"] if group.carried else []
    yield ", ".join([*carried, *(f"{word} {lasting(seconds)}" for word, seconds in parts if seconds is not None)])
    yield " to ".join(moment(at) for at in (group.started_at, group.ended_at) if at is not None)
    if group.batch_attempts:
        ran = sum(one["ended_at"] - one["started_at"] for one in group.batch_attempts) / 1000
        yield f"{counted(len(group.batch_attempts), 'earlier attempt')} of Batch's ran {lasting(ran)}"
    yield from textwrap.wrap(plain(group.again), HOVER_WIDTH)
    yield _use(row)
    yield from textwrap.wrap(row.reason, HOVER_WIDTH, max_lines=8)
    yield f"log stream {plain(group.log_stream)}" if group.log_stream else ""


def _duration(span: Span | None) -> Cell:
    return Cell("", None) if span is None else Cell(lasting(span.seconds), span.seconds)


def _number(value: Any) -> Cell:
    return Cell("" if value is None else f"{value:,}", value)


def _share(used: float | None, asked: float | None, digits: int) -> Cell:
    """Return what was used, and its share of what was asked for."""
    if used is None:
        return Cell("", None)
    part = f" ({used / asked:.0%})" if asked else ""
    return Cell(f"{used:,.{digits}f}{part}", used)


def _use(row: Row) -> str:
    """Return how much a job used of what it asked for, or an empty text."""
    asked = row.group.resources
    if row.used is None:
        return ""
    busy = "" if row.used.vcpus is None else f", {row.used.vcpus:.1f} of {asked.get('vcpus', '?')} vCPUs"
    memory = asked.get("memory")
    return f"used {row.used.memory:,} of {'?' if memory is None else f'{memory:,}'} MiB{busy}"
