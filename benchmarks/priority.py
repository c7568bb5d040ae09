"""The benefit of submitting the longest remaining path first, if groups wait for a place of `max_workers`.

The order is the service's own: `dag.decision.frontier` of a plan, with durations learned from an earlier run or
without. First come is the order in which groups became ready. Only the order differs.
"""

from __future__ import annotations

import heapq
import random
import statistics
from collections.abc import Callable, Sequence

from benchmarks.report import Report
from benchmarks.shapes import Parents, critical_path, sparse
from dag.decision import frontier
from dag.durations import duration_key
from dag.durations import with_durations as learned
from dag.plan import Plan
from dag.request import Allowed, make_plan
from dag.shards import Mark, Shard, View
from tests.simulation.graphs import DEFINITION, QUEUE, document, layers

_GRAPHS = 200
_PLACES = (8, 32)

#: Chooses the first of the ready groups, which are in the order in which they became ready.
Choice = Callable[[list[int]], int]


def run() -> list[Report]:
    """Measure 200 graphs."""
    columns = (
        "places",
        "durations",
        "median ÷ first come",
        "best",
        "worst",
        "worse by > 1 %",
        "first come ÷ bound",
        "ours ÷ bound",
    )
    notes = (
        "200 random graphs of 50 to 1,000 groups, durations lognormal around a minute",
        "bound: the longer of the critical path and of the work ÷ places; no order does better",
        "learned: each group's duration is known to 20 %; unknown: the path is counted in groups",
    )
    report = Report("priority", "Makespan of critical path first ÷ first come", columns, notes=notes)
    for places in _PLACES:
        results = [_compare(seed, places) for seed in range(_GRAPHS)]
        for number, kind in enumerate(("learned", "unknown")):
            ratios = [ours[number] / first for ours, first, _ in results]
            report.rows.append(
                (
                    places,
                    kind,
                    round(statistics.median(ratios), 4),
                    round(min(ratios), 4),
                    round(max(ratios), 4),
                    sum(ratio > 1.01 for ratio in ratios),
                    round(statistics.median(first / bound for _, first, bound in results), 3),
                    round(statistics.median(ours[number] / bound for ours, _, bound in results), 3),
                )
            )
    return [report]


def _compare(seed: int, places: int) -> tuple[tuple[float, float], float, float]:
    """Return the makespans of critical path first, learned and unknown, that of first come, and the bound."""
    rng = random.Random(seed)
    parents = _graph(rng)
    lasts = [60 * rng.lognormvariate(0, 0.8) for _ in parents]
    source = document(parents, max_workers=places)
    plan, _ = make_plan(source, {}, "2026-11-22T13.11.00.123Z", Allowed([QUEUE], [DEFINITION]))
    names = {node.name: index for index, node in enumerate(source.nodes)}
    order = [names[group.nodes[0]] for group in plan.groups]  # groups are numbered anew
    parents, lasts = [group.parents for group in plan.groups], [lasts[index] for index in order]
    known = {
        duration_key(group.signatures): each * rng.uniform(0.8, 1.25)
        for group, each in zip(plan.groups, lasts, strict=True)
    }
    ours = (
        makespan(parents, lasts, places, _first(learned(plan, known))),
        makespan(parents, lasts, places, _first(plan)),
    )
    bound = max(critical_path(parents, lasts), sum(lasts) / places)
    return ours, makespan(parents, lasts, places, lambda ready: ready[0]), bound


def _graph(rng: random.Random) -> Parents:
    if rng.random() < 0.5:
        return sparse(rng, rng.randint(50, 600), reach=rng.choice((40, 120, 300)))
    width = rng.randint(20, 120)
    return layers(rng, rng.randint(3, 8), width)


def _first(plan: Plan) -> Choice:
    """Return the service's choice."""

    def choose(ready: list[int]) -> int:
        above = {parent for group in ready for parent in plan.groups[group].parents}
        view = View()
        for group in above:
            view.add(Shard(Mark(group).shard).with_marks(succeeded=[Mark(group).number]))
        return frontier(plan, view, ready)[0].group

    return choose


def makespan(parents: Parents, lasts: Sequence[float], places: int, choose: Choice) -> float:
    """Return how long the groups take with so many places."""
    children: list[list[int]] = [[] for _ in parents]
    waits = [len(above) for above in parents]
    for group, above in enumerate(parents):
        for parent in above:
            children[parent].append(group)
    ready = [group for group, count in enumerate(waits) if not count]
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < places:
            chosen = choose(ready)
            ready.remove(chosen)
            heapq.heappush(running, (now + lasts[chosen], chosen))
        now, ended = heapq.heappop(running)
        for child in children[ended]:
            waits[child] -= 1
            if not waits[child]:
                ready.append(child)
    return now
