"""Random graphs of the service's own nodes: stored and in memory, transcoded, namespaced, tagged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from dag.document import Dataset, Node

TAGS = ("gpu", "night")
NAMESPACES = (None, None, "a", "a.b", "b", "ab")
GROUP_BY = ("memory", "namespace", "tag:gpu", "tag:night", "tag:nobody")

_MOST = st.integers(1, 9)
_SMALL = st.integers(0, 5)
_BOOLEANS = st.booleans()
_NAMESPACE = st.sampled_from(NAMESPACES)
_TAGS = st.sets(st.sampled_from(TAGS), max_size=1)


@dataclass(frozen=True)
class Graph:
    """Nodes in topological order, and where their datasets live."""

    nodes: Sequence[Node]
    datasets: Mapping[str, Dataset]

    @property
    def edges(self) -> set[tuple[int, int]]:
        """Return (writer, reader), found the slow way: pair by pair."""
        return {
            (above, below)
            for above, writer in enumerate(self.nodes)
            for below, reader in enumerate(self.nodes)
            if bases(writer.outputs) & bases(reader.inputs)
        }

    @property
    def memory_edges(self) -> set[tuple[int, int]]:
        """Return those of the edges over which something passes in memory."""
        return {
            (above, below)
            for above, below in self.edges
            if bases(name for name in self.nodes[above].outputs if self._in_memory(name))
            & bases(self.nodes[below].inputs)
        }

    def _in_memory(self, name: str) -> bool:
        return name not in self.datasets or self.datasets[name].location == "memory"


def bases(names: object) -> set[str]:
    """Return dataset names without their transcoding."""
    return {str(name).split("@")[0] for name in names}  # type: ignore[attr-defined]


def make_node(
    name: str,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    namespace: str | None = None,
    tags: Sequence[str] = (),
) -> Node:
    """Return a node of little."""
    return Node(name, f"{name}: …", namespace, frozenset(tags), tuple(inputs), tuple(outputs), {})


def stored(*names: str) -> dict[str, Dataset]:
    """Return datasets that lie where every job reaches them."""
    return dict.fromkeys(names, Dataset("pickle.PickleDataset", "remote", versioned=False))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Draw up to nine nodes; one in three outputs is in memory, with or without a catalog entry."""
    nodes: list[Node] = []
    datasets: dict[str, Dataset] = {"raw": Dataset("pandas.CSVDataset", "remote", versioned=False)}
    readable = ["raw", "params:x", "parameters"]
    for index in range(draw(_MOST)):
        # `% len` makes the newest datasets as likely as the oldest, and shrinks well.
        inputs = list(dict.fromkeys(readable[-1 - draw(_SMALL) % len(readable)] for _ in range(draw(_SMALL) % 4)))
        outputs = []
        for letter in "xy"[: draw(_SMALL) % 3]:
            place, transcoded = draw(_SMALL), draw(_BOOLEANS)
            written = f"d{index}{letter}" + "@pandas" * transcoded
            outputs.append(written)
            readable.append(f"d{index}{letter}" + "@spark" * transcoded)
            if place:
                location = "memory" if place == 1 else "local" if place == 2 else "remote"
                datasets[written] = Dataset("pickle.PickleDataset", location, versioned=False)
        nodes.append(make_node(f"n{index}", inputs, outputs, draw(_NAMESPACE), sorted(draw(_TAGS))))
    return Graph(nodes, datasets)
