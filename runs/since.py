"""Which runs may have written what a run has made, or has taken over from others, since it began.

A dataset with versions keeps those of each run. Of any other there is only what was written last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from dag.jobs import run_moment
from dag.records import MOST_LISTED, Run
from dag.slices import read_unit
from runs.advance import RESERVE, Dispatcher
from runs.reading import read_all


def worked_on_since(dispatcher: Dispatcher, earlier: Run, done: Iterable[str]) -> dict[str, str]:
    """Return the nodes, of those that a run has done or taken over, that others may have worked on since it began.

    Each has the newest such run. What it took over was there when it began. A run for which there is no time left
    counts as one that has worked on all.
    """
    units: dict[str, list[str]] = defaultdict(list)
    for unit in done:
        units[_node(unit)].append(unit)
    found: dict[str, str] = {}
    for run in _others(dispatcher, earlier):
        unread = dispatcher.ports.clock.left() < RESERVE
        for unit in list(units) if unread else _worked_on(dispatcher, run.run_id):
            node = _node(unit)
            if any(_meets(unit, one) for one in units.get(node, ())):
                found.setdefault(node, run.run_id)
    return found


def _others(dispatcher: Dispatcher, earlier: Run) -> list[Run]:
    """Return the other runs in the same environment that were under way after a run began, newest first."""
    table, began = dispatcher.ports.table, run_moment(earlier.run_id)
    runs = table.get_runs(table.listings(None, MOST_LISTED).run_ids)
    same = (run for run in runs if (run.project, run.environment) == (earlier.project, earlier.environment))
    later = (run for run in same if run.run_id != earlier.run_id and (run.ended_at is None or run.ended_at >= began))
    return sorted(later, key=lambda run: run.run_id, reverse=True)


def _worked_on(dispatcher: Dispatcher, run_id: str) -> Iterator[str]:
    plan, view = dispatcher.plan(run_id), read_all(dispatcher.ports.table, run_id)
    for index, group in enumerate(plan.groups):
        if view.newest_attempt(index) is not None:
            yield from group.units


def _node(unit: str) -> str:
    part = read_unit(unit)
    return part[0] if part else unit


def _meets(one: str, other: str) -> bool:
    """Return whether two units of a node may write the same: it and any slice of it, or slices cut differently."""
    first, second = read_unit(one), read_unit(other)
    return first is None or second is None or first[2] != second[2] or first[1] == second[1]
