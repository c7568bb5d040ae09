"""Every order of every event, for all graphs of up to four groups."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from tests.runs.stage import Stage
from tests.simulation.graphs import document

Parents = tuple[tuple[int, ...], ...]


def _graphs(most: int) -> list[Parents]:
    """Return one graph of each shape: graphs that differ only in their groups' numbers are the same."""
    seen: dict[object, Parents] = {}
    for size in range(1, most + 1):
        pairs = list(itertools.combinations(range(size), 2))
        for chosen in itertools.product((False, True), repeat=len(pairs)):
            edges = {pair for pair, taken in zip(pairs, chosen, strict=True) if taken}
            key = (size, min(_renumbered(edges, order) for order in itertools.permutations(range(size))))
            seen.setdefault(key, tuple(tuple(a for a, b in sorted(edges) if b == n) for n in range(size)))
    return list(seen.values())


def _renumbered(edges: set[tuple[int, int]], order: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted((order[a], order[b]) for a, b in edges))


def _explore(stage: Stage, failing: int | None) -> int:
    """Follow every way from here: any job in flight ends, or any end is delivered. Return the number of states."""
    seen: set[object] = set()
    stack = [(stage, frozenset[int]())]
    while stack:
        here, told = stack.pop()
        ended = {here.group(job) for job in here.batch.jobs.values() if job.over}
        alive = [here.group(job) for job in here.batch.jobs.values() if not job.over]
        key = (frozenset(ended), told, here.run.status, frozenset(alive))
        if key in seen:
            continue
        seen.add(key)
        _check(here, told)
        for group in alive:
            there = here.fork()
            there.end(group, exit_code=int(group == failing))
            stack.append((there, told))
        for group in ended - told:
            there = here.fork()
            there.deliver(there.job(group))
            stack.append((there, told | {group}))
        if not alive and ended == told:
            _check_end(here, failing)
    return len(seen)


def _check(stage: Stage, told: frozenset[int]) -> None:
    submitted = stage.submitted()
    assert len(set(submitted)) == len(submitted), "a group was submitted twice"
    plan = stage.dispatcher.plan(stage.run_id)
    done = {stage.group(job) for job in stage.batch.jobs.values() if job.succeeded}
    for group in submitted:
        assert set(plan.groups[group].parents) <= done, "a group was submitted before its parents had succeeded"
    if not stage.run.over and stage.run.failure is None:
        ready = {g for g, group in enumerate(plan.groups) if set(group.parents) <= done & told}
        assert ready <= set(submitted), "a group is ready and was not submitted"


def _check_end(stage: Stage, failing: int | None) -> None:
    """All ends were delivered: the run is over, and delivering them again, or reconciling, changes nothing.

    Only its retention begins, once it is settled.
    """
    whole = failing is None or failing not in stage.submitted()
    assert stage.run.status.value == ("SUCCEEDED" if whole else "FAILED")
    before = (stage.run, stage.statuses(), len(stage.batch.jobs))
    again = stage.fork()
    again.deliver(*again.batch.jobs.values())
    again.reconcile(later=200_000)
    kept = replace(again.run, expires_at=stage.run.expires_at)
    assert (kept, again.statuses(), len(again.batch.jobs)) == before
    assert not again.table._active


def _explore_all(graphs: list[Parents], policy: str) -> int:
    states = 0
    for parents in graphs:
        for failing in (None, *range(len(parents))):
            stage = Stage(document([list(above) for above in parents]))
            stage.start(on_failure=policy)
            states += _explore(stage, failing)
    return states


@pytest.mark.parametrize("policy", ["abort", "drain", "continue"])
def test_every_order_of_every_event_ends_right(policy: str) -> None:
    graphs = _graphs(4)
    assert len(graphs) == 1 + 2 + 6 + 31
    assert _explore_all(graphs, policy) > 2600


@pytest.mark.long
@pytest.mark.parametrize("policy", ["abort", "drain", "continue"])
def test_every_order_of_every_event_ends_right_for_five_groups(policy: str) -> None:
    graphs = _graphs(5)
    assert len(graphs) == 1 + 2 + 6 + 31 + 302
    assert _explore_all(graphs, policy) > 35_000
