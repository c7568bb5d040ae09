"""The data of the timeline: a bar for each job, and a band for each fold of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.show.slices import told
from kedro_aws_batch.sizing import noun
from kedro_aws_batch.wording import counted, plain, zone

from .folds import Fold, leaves, rows_of
from .graph import states
from .rows import hover
from .timeline import Span, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kedro_aws_batch.client import RunState

    from .folds import Item
    from .rows import Row


def chart(state: RunState, rows: Sequence[Row], items: Iterable[Item]) -> dict[str, Any]:
    """Return the data of the timeline. Plotly reads its texts as HTML: they are escaped here, and only here."""
    ends = [row.line.end for row in rows if row.line.end is not None]
    start = min([row.line.spans[0].start for row in rows if row.line.spans], default=None)
    begin = state.created_at if state.created_at is not None else start
    place = {row.group.index: number for number, row in enumerate(rows)}
    return {
        "ahead": zone(begin)[1],
        "start": begin,
        "end": max([state.ended_at or 0, *ends], default=None) or begin,
        "rows": list(_Bars(place, noun(state)).of(items)),
    }


@dataclass
class _Bars:
    """Makes the bars of jobs, which have places, and counts their bands."""

    place: Mapping[int, int]
    #: What a row is: a job or, where containers carry on, a node or a group.
    unit: str
    bands: int = 0

    def of(self, items: Iterable[Item], band: Mapping[str, int] | None = None) -> Iterator[dict[str, Any]]:
        """Yield the bars of items in their order. A band comes before what it stands for until it unfolds."""
        for item in sorted(items, key=self._first):
            if not isinstance(item, Fold):
                yield {**_bar(item), **(band or {})}
                continue
            self.bands += 1
            yield {**_band(-self.bands, item, self.unit), **(band or {})}
            inside = (one for part in item.inside for one in leaves(part))
            yield from self.of(inside, {"band": -self.bands})

    def _first(self, item: Item) -> int:
        return min(self.place[row.group.index] for row in rows_of(item))


def _bar(row: Row) -> dict[str, Any]:
    return {
        "i": row.group.index,
        "name": _label(row.group.labels),
        "critical": row.line.critical,
        "spans": {kind: [[span.start, span.end] for span in spans] for kind, spans in _spans(row).items()},
        "failures": _failure(row),
        "carried": [row.line.running.start] if row.group.carried and row.line.running else [],
        "hover": "<br>".join(_for_plotly(one) for one in hover(row) if one),
    }


def _band(number: int, fold: Fold, unit: str) -> dict[str, Any]:
    """Return the bar of a fold: all times at which one of its jobs waited, started or ran."""
    together: dict[str, list[Span]] = {}
    for row in fold.rows:
        for kind, spans in _spans(row).items():
            together.setdefault(kind, []).extend(spans)
    together["path"] = [span for row in fold.rows if row.line.critical for span in row.line.spans]
    return {
        "i": number,
        "key": fold.key,
        "name": plain(fold.label) if fold.kind == "slices" else f"{plain(fold.label)} · {len(fold.rows):,}",
        "overview": fold.kind != "slices",
        "critical": False,
        "spans": {kind: [[one.start, one.end] for one in joined(spans)] for kind, spans in together.items() if spans},
        "failures": [at for row in fold.rows for at in _failure(row)],
        "carried": [],
        "hover": _for_plotly(plain(_told(fold, unit))),
        "inside": [row.group.index for row in fold.rows],
    }


def _told(fold: Fold, unit: str) -> str:
    if fold.kind == "slices":
        return told([row.group for row in fold.rows])
    return f"{fold.label}, {counted(len(fold.rows), unit)}: {states(fold)}"


def _spans(row: Row) -> dict[str, list[Span]]:
    """Return what a job did when, by the names of the timeline's colours."""
    line = row.line
    found: dict[str, list[Span | None]] = {
        "waiting": [line.waiting],
        "starting": [line.starting],
        "again": [*line.tries],
        row.group.status: [line.running],
    }
    known = {kind: [span for span in spans if span is not None] for kind, spans in found.items()}
    return {kind: spans for kind, spans in known.items() if spans}


def _failure(row: Row) -> list[int | None]:
    """Return when a job failed, if it did: a failure shows even if no container ever ran. None is the run's end."""
    return [row.line.end] if row.group.status == "FAILED" else []


def _label(nodes: Sequence[str]) -> str:
    more = f" +{len(nodes) - 1}" if len(nodes) > 1 else ""
    return f"{plain(nodes[0]) if nodes else '–'}{more}"


def _for_plotly(text: str) -> str:
    """Return text that Plotly shows as it is, since it reads some tags and entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
