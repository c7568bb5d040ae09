"""Graph documents for simulations, in shapes that real pipelines have."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from dag.document import Dataset, GraphDocument, Node
from dag.plan import Home

QUEUE, DEFINITION = "queue", "definition"
HOME = Home("eu-west-1", "arn:aws:lambda:eu-west-1:123456789012:function:service-next_group")


def document(parents: Sequence[Sequence[int]], **run: Any) -> GraphDocument:
    """Return a document with one node for each entry, which reads its parents' outputs."""
    nodes = tuple(
        Node(
            f"n{index}",
            f"n{index}",
            None,
            frozenset(),
            tuple(f"d{parent}" for parent in above),
            (f"d{index}",),
            {"memory": 1000, "vcpus": 1},
        )
        for index, above in enumerate(parents)
    )
    datasets = {f"d{index}": Dataset("pickle", "remote", versioned=False) for index in range(len(parents))}
    defaults: dict[str, Any] = {
        "job_queue": QUEUE,
        "job_definition": DEFINITION,
        "job_command": "job",
        "max_workers": None,
        "group_by": ["memory"],
        "array_jobs": False,
        "on_failure": "abort",
        "memory_retry": None,
        "launch_type": "EC2",
    }
    pipelines = {"__default__": tuple(range(len(parents)))}
    return GraphDocument("sha256:0", "project", "aws_batch", nodes, pipelines, datasets, defaults | run)


def chain(length: int) -> list[list[int]]:
    """Return a chain."""
    return [[index - 1] if index else [] for index in range(length)]


def fan(width: int) -> list[list[int]]:
    """Return 1 → width → 1."""
    return [[], *([0] for _ in range(width)), list(range(1, width + 1))]


def diamonds(count: int) -> list[list[int]]:
    """Return diamonds, one on top of the other."""
    parents: list[list[int]] = [[]]
    for _ in range(count):
        top = len(parents) - 1
        parents += [[top], [top], [top + 1, top + 2]]
    return parents


def layers(rng: random.Random, depth: int, width: int) -> list[list[int]]:
    """Return layers in which each node has two parents in the layer before."""
    parents: list[list[int]] = [[] for _ in range(width)]
    for layer in range(1, depth):
        before = range((layer - 1) * width, layer * width)
        parents += [sorted(rng.sample(before, min(2, width))) for _ in range(width)]
    return parents


def large(rng: random.Random) -> list[list[int]]:
    """Return a graph of some thousands."""
    if rng.random() < 0.5:
        return fan(rng.randint(1_000, 3_000))
    return layers(rng, rng.randint(2, 5), rng.randint(300, 800))


def anything(rng: random.Random, most: int) -> list[list[int]]:
    """Return a random graph; it may be in several pieces."""
    size = rng.randint(1, most)
    density = rng.random() * 0.6
    return [[above for above in range(index) if rng.random() < density] for index in range(size)]


def shape(rng: random.Random) -> list[list[int]]:
    """Return one of the shapes, most of them small."""
    kind = rng.choice(("chain", "fan", "diamonds", "layers", "anything", "anything", "alone"))
    if kind == "chain":
        return chain(rng.randint(1, 8))
    if kind == "fan":
        return fan(300 if rng.random() < 0.02 else rng.randint(2, 12))
    if kind == "diamonds":
        return diamonds(rng.randint(1, 3))
    if kind == "layers":
        return layers(rng, rng.randint(2, 4), rng.randint(2, 4))
    if kind == "alone":
        return [[] for _ in range(rng.randint(1, 8))]
    return anything(rng, 12)
