"""Which nodes share a job: those that pass data in memory, or that the configuration wants together.

Whatever the configuration wants, nodes that load a dataset also share a job with the node that confirms it: Kedro's
IncrementalDataset keeps the list of loaded files in the object.

Grouping by connected components alone can make a cycle: with A→C in memory and A→B→C stored, {A, C} would both
wait for B and be waited for by it. So strongly connected components of the quotient are merged at the end.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

from .document import Dataset, Node, base_name
from .errors import InvalidRequestError
from .namespaces import top_level

Edges = Sequence[Sequence[int]]


def group(
    nodes: Sequence[Node], datasets: Mapping[str, Dataset], group_by: Iterable[str]
) -> tuple[list[list[int]], list[list[int]]]:
    """Return the groups, as indices of nodes, and each group's parents, as indices of groups.

    Groups come in a topological order; so do the nodes of each, if the given nodes do.
    """
    children = node_children(nodes)
    sets = _DisjointSets(len(nodes))
    for key in group_by:
        for together in _wanted(key, nodes, datasets, children):
            sets.join(together)
    for together in confirmed(nodes).values():
        sets.join(together)
    owner = [sets.find(index) for index in range(len(nodes))]
    for component in strongly_connected(_quotient(owner, children)):
        sets.join(component)
    owner = [sets.find(index) for index in range(len(nodes))]
    return _numbered(owner, _quotient(owner, children))


def confirmed(nodes: Sequence[Node]) -> dict[str, list[int]]:
    """Return, for each confirmed dataset, the nodes that load or confirm it."""
    found: dict[str, list[int]] = {name: [] for node in nodes for name in node.confirms}
    for index, node in enumerate(nodes):
        for name in found.keys() & {*node.inputs, *node.confirms}:
            found[name].append(index)
    return found


def node_children(nodes: Sequence[Node]) -> list[list[int]]:
    """Return, for each node, the nodes that read its outputs, in any transcoding."""
    readers: dict[str, list[int]] = {}
    for index, node in enumerate(nodes):
        for name in dict.fromkeys(map(base_name, node.inputs)):
            readers.setdefault(name, []).append(index)
    return [
        sorted({reader for output in node.outputs for reader in readers.get(base_name(output), ())}) for node in nodes
    ]


def _wanted(
    key: str, nodes: Sequence[Node], datasets: Mapping[str, Dataset], children: Edges
) -> Iterable[Sequence[int]]:
    if key == "memory":
        return _in_memory(nodes, datasets, children)
    together: dict[str, list[int]] = {}
    if key == "namespace":
        for index, node in enumerate(nodes):
            if node.namespace:
                together.setdefault(top_level(node.namespace), []).append(index)
    elif key.startswith("tag:"):
        together[key] = [index for index, node in enumerate(nodes) if key.removeprefix("tag:") in node.tags]
    else:
        raise InvalidRequestError(f"group_by has '{key}'; it may have 'memory', 'namespace' and 'tag:<name>'.")
    return together.values()


def _in_memory(nodes: Sequence[Node], datasets: Mapping[str, Dataset], children: Edges) -> Iterable[Sequence[int]]:
    for index, node in enumerate(nodes):
        passed = {base_name(name) for name in node.outputs if is_in_memory(name, datasets)}
        if passed:
            yield [index, *(child for child in children[index] if passed & set(map(base_name, nodes[child].inputs)))]


def is_in_memory(dataset: str, datasets: Mapping[str, Dataset]) -> bool:
    """Return whether a dataset ends with its process; one that the document doesn't know does."""
    return dataset not in datasets or datasets[dataset].location == "memory"


class _DisjointSets:
    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def find(self, index: int) -> int:
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index

    def join(self, members: Iterable[int]) -> None:
        roots = sorted({self.find(member) for member in members})
        for root in roots[1:]:
            self._parent[root] = roots[0]


def _quotient(owner: Sequence[int], children: Edges) -> dict[int, set[int]]:
    edges: dict[int, set[int]] = {root: set() for root in owner}
    for index, following in enumerate(children):
        edges[owner[index]].update(owner[child] for child in following)
    for root, following_roots in edges.items():
        following_roots.discard(root)
    return edges


def strongly_connected(edges: Mapping[int, Iterable[int]]) -> list[list[int]]:
    """Return the components of more than one member, by Tarjan's algorithm without recursion."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    components: list[list[int]] = []
    for start in edges:
        if start in order:
            continue
        calls = [(start, iter(edges[start]))]
        order[start] = low[start] = len(order)
        stack.append(start)
        on_stack.add(start)
        while calls:
            vertex, following = calls[-1]
            for child in following:
                if child not in order:
                    order[child] = low[child] = len(order)
                    stack.append(child)
                    on_stack.add(child)
                    calls.append((child, iter(edges[child])))
                    break
                if child in on_stack:
                    low[vertex] = min(low[vertex], order[child])
            else:
                calls.pop()
                if calls:
                    low[calls[-1][0]] = min(low[calls[-1][0]], low[vertex])
                if low[vertex] == order[vertex]:
                    component = _pop_through(stack, vertex)
                    on_stack.difference_update(component)
                    if len(component) > 1:
                        components.append(component)
    return components


def _pop_through(stack: list[int], vertex: int) -> list[int]:
    component = [stack.pop()]
    while component[-1] != vertex:
        component.append(stack.pop())
    return component


def _numbered(owner: Sequence[int], edges: Mapping[int, set[int]]) -> tuple[list[list[int]], list[list[int]]]:
    members: dict[int, list[int]] = {}
    for index, root in enumerate(owner):
        members.setdefault(root, []).append(index)
    waiting = dict.fromkeys(edges, 0)
    for following in edges.values():
        for child in following:
            waiting[child] += 1
    ready = [root for root, count in waiting.items() if not count]
    heapq.heapify(ready)
    number: dict[int, int] = {}
    while ready:
        root = heapq.heappop(ready)
        number[root] = len(number)
        for child in edges[root]:
            waiting[child] -= 1
            if not waiting[child]:
                heapq.heappush(ready, child)
    parents: list[list[int]] = [[] for _ in number]
    for root, place in number.items():
        for child in edges[root]:
            parents[number[child]].append(place)
    return [members[root] for root in number], [sorted(above) for above in parents]
