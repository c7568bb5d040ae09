"""The containers of a run in its report, where containers carry on: a row for each, with what ran in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag.resources import shown
from kedro_aws_batch.containers import containers_of
from kedro_aws_batch.wording import lasting, moment, money, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kedro_aws_batch.client import RunState
    from kedro_aws_batch.containers import JobContainer
    from kedro_aws_batch.prices import Prices


@dataclass(frozen=True)
class RanBy:
    """A group that a container ran, by its index and name."""

    index: int
    label: str


@dataclass(frozen=True)
class Piece:
    """A piece of a container's band: what it did for so many milliseconds; nothing if there was no container."""

    kind: str
    lasts: int
    about: str = ""


@dataclass(frozen=True)
class ContainerRow:
    """A container, as the report shows it."""

    began: str
    started_in: str
    #: How long it ran, and how much of that without a group.
    ran: str
    idle: str
    asked: str
    cost: str
    groups: tuple[RanBy, ...]
    #: What it did when, from the run's start to its end.
    band: tuple[Piece, ...]
    #: Why it is there still, if it is.
    remark: str


def container_rows(state: RunState, prices: Prices) -> list[ContainerRow]:
    """Return the containers that started, first to start first; none unless one carried on."""
    if not any(group.carried for group in state.groups):
        return []
    return [_row(one, state, prices) for one in containers_of(state) if one.tries]


def _row(container: JobContainer, state: RunState, prices: Prices) -> ContainerRow:
    cost = prices.container_cost(container)
    currency = prices.rates_of(container.first.group).currency
    return ContainerRow(
        began=moment(container.tries[0].start)[11:],
        started_in=lasting(container.start_seconds),
        ran=lasting(sum(one.seconds for one in container.tries)),
        idle=lasting(container.idle_seconds),
        asked=", ".join(shown(container.resources)),
        cost="?" if cost is None else money(cost, currency),
        groups=tuple(RanBy(stay.group.index, plain(", ".join(stay.group.labels))) for stay in container.stays),
        band=tuple(_band(container, state)),
        remark=_remark(container, state),
    )


def _band(container: JobContainer, state: RunState) -> Iterator[Piece]:
    """Yield the pieces of a container's band, in order."""
    tries = container.tries
    begun = [container.first.submitted_at or tries[0].start, *(one.end for one in tries[:-1])]
    done = [(start, Piece("starting", one.start - start, "starting")) for start, one in zip(begun, tries, strict=True)]
    for stay in container.stays:
        label = plain(", ".join(stay.group.labels))
        done += [(one.start, Piece(stay.group.status, one.end - one.start, label)) for one in stay.parts]
    at = min(state.created_at or begun[0], begun[0])
    for start, piece in sorted(done, key=lambda pair: pair[0]):
        if start > at:
            yield Piece("idle", start - at, "no node") if at >= tries[0].start else Piece("", start - at)
        yield Piece(piece.kind, max(0, piece.lasts), piece.about)
        at = max(at, start + piece.lasts)
    if tries[-1].end > at:
        yield Piece("idle", tries[-1].end - at, "no node")
    yield Piece("", max(0, (state.ended_at or state.now or at) - max(at, tries[-1].end)))


def _remark(container: JobContainer, state: RunState) -> str:
    """Return how it came to run once more, or that it waits."""
    tries = len(container.tries) - 1
    again = f"begun {tries + 1} times: Batch lost its host" if tries else ""
    waits = "waits for a node" if (container.waits_until or 0) > (state.now or 0) else ""
    return "; ".join(filter(None, (again, waits)))
