"""The compared graphs, as parents of each node."""

from __future__ import annotations


def layered(depth: int = 10, width: int = 20) -> list[list[int]]:
    """Return layers of nodes, each of which has two parents in the layer before."""
    return [
        sorted({(level - 1) * width + place, (level - 1) * width + (place + 1) % width}) if level else []
        for level in range(depth)
        for place in range(width)
    ]


def fan(width: int = 198) -> list[list[int]]:
    """Return one node, many after it, and one after them all."""
    return [[], *([0] for _ in range(width)), list(range(1, width + 1))]


SHAPES = {"10 layers of 20": layered, "1→198→1": fan}
