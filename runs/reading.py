"""Reads a run's records, page by page."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeVar

from adapters.ports import RunTable
from dag.plan import Plan
from dag.records import Array, Job, Outcome, Worker
from dag.shards import Mark, Shard, View

_Item = TypeVar("_Item")
_Place = TypeVar("_Place")


def _pages(read: Callable[[_Place | None], tuple[list[_Item], _Place | None]]) -> Iterator[_Item]:
    """Yield the items of all pages; `read` returns those after a place, and where the next page begins."""
    after: _Place | None = None
    while True:
        items, after = read(after)
        yield from items
        if after is None:
            return


def read_active(table: RunTable) -> list[str]:
    """Return the runs that are not settled, oldest first."""

    def page(after: str | None) -> tuple[list[str], str | None]:
        found = table.active(after)
        return found.run_ids, found.next

    return list(_pages(page))


def read_all(table: RunTable, run_id: str) -> View:
    """Return all shards of a run, page by page; each is consistent, and together they are sound."""

    def page(after: int | None) -> tuple[list[Shard], int | None]:
        return table.shards(run_id, after)

    view = View()
    for shard in _pages(page):
        view.add(shard)
    return view


def read_jobs(table: RunTable, plan: Plan, marks: Collection[Mark]) -> list[Job]:
    """Return the recorded jobs of the given attempts, including children of array jobs."""
    if not marks:
        return []
    wanted = set(marks)
    first, last = min(marks).group, max(marks).group

    def page(after: Mark | None) -> tuple[list[Job], Mark | None]:
        return table.jobs(plan.run_id, first, last, after)

    found = [job for job in _pages(page) if job.mark in wanted]
    missing = wanted.difference(job.mark for job in found)
    if missing and plan.settings.array_jobs:
        for array in read_arrays(table, plan.run_id):
            found += [job for job in array.children(plan.array_name(array.first)) if job.mark in missing]
    return found


def read_outcomes(table: RunTable, run_id: str, first: int, last: int) -> list[Outcome]:
    """Return how the attempts of the groups from first to last ended; there may be none between them."""
    if last < first:
        return []  # DynamoDB refuses such a range

    def page(after: Mark | None) -> tuple[list[Outcome], Mark | None]:
        return table.outcomes(run_id, first, last, after)

    return list(_pages(page))


def read_arrays(table: RunTable, run_id: str) -> list[Array]:
    """Return the recorded array jobs of a run."""

    def page(after: Mark | None) -> tuple[list[Array], Mark | None]:
        return table.arrays(run_id, after)

    return list(_pages(page))


def read_workers(table: RunTable, run_id: str) -> list[Worker]:
    """Return the jobs of a run whose containers have asked for a next group, or whose ends were merged."""

    def page(after: str | None) -> tuple[list[Worker], str | None]:
        return table.workers(run_id, after)

    return list(_pages(page))


def in_turn(items: Sequence[_Item], now: int) -> list[_Item]:
    """Return the items from one on that the time picks, so that each has its turn if time runs short.

    Two calls usually begin far apart, whether a minute lies between them or a second.
    """
    if not items:
        return []
    start = random.Random(now).randrange(len(items))  # noqa: S311 - to spread work  # nosec B311
    return [*items[start:], *items[:start]]
