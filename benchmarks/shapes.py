"""The shapes of the measured pipelines, as parents of each node."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from tests.simulation.graphs import chain, fan, layers

Parents = Sequence[Sequence[int]]


def few_nodes() -> list[list[int]]:
    """Return 12 nodes, 6 deep: like the pipelines with which people begin."""
    return [[], [], [], [0, 1, 2], [3], [4], [4, 5], [3], [7], [3], [9], [5, 6]]


def large_kedro() -> list[list[int]]:
    """Return 800 nodes, 39 deep, 211 wide, two of them with 54 parents: like a real large pipeline."""
    rng = random.Random(39)
    widths = [211 if depth == 6 else 2 if depth in (20, 38) else 0 for depth in range(39)]
    open_layers = [depth for depth, width in enumerate(widths) if not width]
    for depth in open_layers:
        widths[depth] = 1
    while sum(widths) < 800:
        widths[min(rng.choice(open_layers), rng.choice(open_layers))] += 1
    parents: list[list[int]] = []
    above: range = range(0)
    for width in widths:
        first = len(parents)
        for place in range(width):
            few = (
                sorted({above[place % len(above)], *rng.sample(above, min(len(above), rng.choice((0, 1, 1, 2))))})
                if above
                else []
            )
            parents.append(few)
        above = range(first, first + width)
    for join in (first_of(widths, 20), first_of(widths, 38)):
        parents[join] = sorted({parents[join][0], *rng.sample(range(first_of(widths, 19 if join < 700 else 37)), 53)})
    return parents


def first_of(widths: Sequence[int], depth: int) -> int:
    """Return the first node of a layer."""
    return sum(widths[:depth])


def sparse(rng: random.Random, size: int, reach: int = 40) -> list[list[int]]:
    """Return a random graph of up to three parents a node, none far before it."""
    return [
        sorted(rng.sample(range(max(0, index - reach), index), min(index, rng.choice((0, 1, 1, 2, 3)))))
        for index in range(size)
    ]


def critical_path(parents: Parents, seconds: Sequence[float]) -> float:
    """Return the length of the longest path."""
    ends: list[float] = []
    for above, lasts in zip(parents, seconds, strict=True):
        ends.append(lasts + max((ends[parent] for parent in above), default=0.0))
    return max(ends)


def depth(parents: Parents) -> int:
    """Return how many nodes the longest path has."""
    return int(critical_path(parents, [1.0] * len(parents)))


def transitions(parents: Parents) -> int:
    """Return the least number of state transitions for a run on Step Functions.

    One into each node's state. For each layer of more than one node, which is a Map or Parallel state, one, and one for
    each of its branches. One each for the start and the end.
    """
    levels: list[int] = []
    widths: dict[int, int] = {}
    for above in parents:
        levels.append(1 + max((levels[parent] for parent in above), default=0))
        widths[levels[-1]] = widths.get(levels[-1], 0) + 1
    return len(parents) + 2 + sum(1 + width for width in widths.values() if width > 1)


#: Name → shape, smallest first.
SHAPES: dict[str, Callable[[], list[list[int]]]] = {
    "chain 100": lambda: chain(100),
    "10 layers of 10": lambda: layers(random.Random(1), 10, 10),
    "random 500": lambda: sparse(random.Random(5), 500),
    "800 nodes, 39 deep": large_kedro,
    "1→1,000→1": lambda: fan(1000),
    "10 layers of 100": lambda: layers(random.Random(1), 10, 100),
    "1→10,000→1": lambda: fan(10_000),
    "10 layers of 1,000": lambda: layers(random.Random(1), 10, 1000),
    "10 layers of 10,000": lambda: layers(random.Random(1), 10, 10_000),
}
