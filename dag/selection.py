"""Selects a request's nodes: Kedro's filters, on the graph document.

As in `Pipeline.filter`, each kind of filter is evaluated on the whole pipeline and the results are intersected.
Kedro fails over repeated names and overlapping namespaces; here they are sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .document import GraphDocument, Node, base_name
from .errors import InvalidRequestError, did_you_mean
from .namespaces import in_namespace

#: The filters of a request, by their names in it, in Kedro's order.
FILTERS = ("tags", "from_nodes", "to_nodes", "nodes", "from_inputs", "to_outputs", "namespaces")


def select(document: GraphDocument, pipelines: Sequence[str], filters: Mapping[str, Any]) -> list[Node]:
    """Return the nodes of the pipelines that pass every filter, in topological order.

    Raises InvalidRequestError for an unknown name, for two pipelines that can't be combined, and if no node is left.
    """
    scope = _Scope(_combined(document, pipelines))
    chosen = set(range(len(scope.nodes)))
    for name in FILTERS:
        if wanted := filters.get(name):
            chosen &= _BY_NAME[name](scope, list(dict.fromkeys(wanted)))
    if not chosen:
        raise InvalidRequestError(
            f"Pipeline {_listed(pipelines)} contains no nodes after applying all filters: "
            + ("the pipeline is empty." if not scope.nodes else f"{_described(filters)} have no node in common.")
            + _unknown_tag(scope, filters.get("tags") or ())
        )
    return [scope.nodes[index] for index in sorted(chosen)]


def _combined(document: GraphDocument, pipelines: Sequence[str]) -> list[Node]:
    # Kedro's sum: nodes that differ only in their tags are one, and the pipeline named first decides.
    indices: dict[tuple[str, tuple[str, ...], tuple[str, ...]], int] = {}
    for name in pipelines:
        if name not in document.pipelines:
            known = ", ".join(sorted(document.pipelines))
            raise InvalidRequestError(
                f"There is no pipeline '{name}'.{did_you_mean(name, document.pipelines)} There are: {known}."
            )
        for index in document.pipelines[name]:
            node = document.nodes[index]
            indices.setdefault((node.name, node.inputs, node.outputs), index)
    nodes = [document.nodes[index] for index in sorted(indices.values())]
    _refuse_conflicts(nodes, pipelines)
    return topological(nodes)


def _refuse_conflicts(nodes: Sequence[Node], pipelines: Sequence[str]) -> None:
    names: set[str] = set()
    writers: dict[str, str] = {}
    for node in nodes:
        if node.name in names:
            raise InvalidRequestError(
                f"Pipelines {_listed(pipelines)} can't run together: they have different nodes named '{node.name}'."
            )
        names.add(node.name)
        for output in map(base_name, node.outputs):
            if output in writers:
                raise InvalidRequestError(
                    f"Pipelines {_listed(pipelines)} can't run together: "
                    f"nodes '{writers[output]}' and '{node.name}' both write '{output}'."
                )
            writers[output] = node.name
    datasets = {name for node in nodes for name in (*node.inputs, *node.outputs)}
    if both := sorted(base_name(name) for name in datasets if "@" in name and base_name(name) in datasets):
        raise InvalidRequestError(
            f"Pipelines {_listed(pipelines)} can't run together: '{both[0]}' is used with and without transcoding."
        )


def topological(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes with each after those whose outputs it reads, and otherwise in the given order."""
    scope = _Scope(nodes)
    waiting = [len(scope.parents(index)) for index in range(len(nodes))]
    ready = [index for index, count in enumerate(waiting) if not count]
    order: list[int] = []
    while ready:
        order += ready
        following: list[int] = []
        for index in ready:
            for child in scope.children(index):
                waiting[child] -= 1
                if not waiting[child]:
                    following.append(child)
        ready = sorted(following)
    if len(order) < len(nodes):
        stuck = sorted(nodes[index].name for index in set(range(len(nodes))) - set(order))
        raise InvalidRequestError(f"The pipelines form a cycle among the nodes {', '.join(stuck)}.")
    return [nodes[index] for index in order]


@dataclass
class _Scope:
    """The nodes that the filters choose from, and which of them read and write what."""

    nodes: Sequence[Node]
    _children: dict[int, list[int]] = field(default_factory=dict)

    @cached_property
    def by_name(self) -> dict[str, int]:
        return {node.name: index for index, node in enumerate(self.nodes)}

    @cached_property
    def readers(self) -> dict[str, list[int]]:
        readers: dict[str, list[int]] = {}
        for index, node in enumerate(self.nodes):
            for name in dict.fromkeys(map(base_name, node.inputs)):
                readers.setdefault(name, []).append(index)
        return readers

    @cached_property
    def writers(self) -> dict[str, int]:
        return {base_name(output): index for index, node in enumerate(self.nodes) for output in node.outputs}

    def children(self, index: int) -> list[int]:
        read = {reader for output in self.nodes[index].outputs for reader in self.readers.get(base_name(output), ())}
        return sorted(read)

    def parents(self, index: int) -> list[int]:
        names = map(base_name, self.nodes[index].inputs)
        return sorted({self.writers[name] for name in names if name in self.writers})

    def closure(self, start: Iterable[int], step: Callable[[int], Iterable[int]]) -> set[int]:
        """Return the start and everything that repeated steps reach."""
        found = set(start)
        edge = list(found)
        while edge:
            edge = [index for index in {n for index in edge for n in step(index)} if index not in found]
            found.update(edge)
        return found

    def named(self, names: Sequence[str]) -> set[int]:
        missing = [name for name in names if name not in self.by_name]
        if not missing:
            return {self.by_name[name] for name in names}
        meant = [known for name in missing for known in self.by_name if known.endswith(f".{name}")]
        hint = f" Did you mean: {meant}?" if meant else did_you_mean(missing[0], self.by_name)
        raise InvalidRequestError(f"Pipeline does not contain nodes named {missing}.{hint}")

    def refuse_unknown_datasets(self, names: Sequence[str]) -> None:
        exact = {name for node in self.nodes for name in (*node.inputs, *node.outputs)}
        known = exact | {base_name(name) for name in exact}
        if missing := sorted(set(names) - known):
            raise InvalidRequestError(
                f"Pipeline does not contain datasets named {missing}.{did_you_mean(missing[0], known)}"
            )


def _nodes(scope: _Scope, names: Sequence[str]) -> set[int]:
    return scope.named(names)


def _from_nodes(scope: _Scope, names: Sequence[str]) -> set[int]:
    return scope.closure(scope.named(names), scope.children)


def _to_nodes(scope: _Scope, names: Sequence[str]) -> set[int]:
    return scope.closure(scope.named(names), scope.parents)


def _from_inputs(scope: _Scope, names: Sequence[str]) -> set[int]:
    scope.refuse_unknown_datasets(names)
    start = {
        reader
        for name in names
        for reader in scope.readers.get(base_name(name), ())
        if "@" not in name or name in scope.nodes[reader].inputs
    }
    return scope.closure(start, scope.children)


def _to_outputs(scope: _Scope, names: Sequence[str]) -> set[int]:
    scope.refuse_unknown_datasets(names)
    start = {
        scope.writers[base_name(name)]
        for name in names
        if base_name(name) in scope.writers
        and ("@" not in name or name in scope.nodes[scope.writers[base_name(name)]].outputs)
    }
    return scope.closure(start, scope.parents)


def _tags(scope: _Scope, tags: Sequence[str]) -> set[int]:
    return {index for index, node in enumerate(scope.nodes) if node.tags & set(tags)}


def _unknown_tag(scope: _Scope, tags: Sequence[str]) -> str:
    """Return a sentence about the first tag that no node has, if there is one."""
    known = {tag for node in scope.nodes for tag in node.tags}
    return next((f" No node has the tag '{tag}'.{did_you_mean(tag, known)}" for tag in tags if tag not in known), "")


def _namespaces(scope: _Scope, namespaces: Sequence[str]) -> set[int]:
    chosen: set[int] = set()
    missing: list[str] = []
    for namespace in namespaces:
        within = {index for index, node in enumerate(scope.nodes) if in_namespace(node.namespace, namespace)}
        chosen |= within
        if not within:
            missing.append(namespace)
    if missing:
        known = {node.namespace for node in scope.nodes if node.namespace}
        raise InvalidRequestError(
            f"Pipeline does not contain nodes with the following namespaces: {missing}{did_you_mean(missing[0], known)}"
        )
    return chosen


_BY_NAME: Mapping[str, Callable[[_Scope, Sequence[str]], set[int]]] = {
    "nodes": _nodes,
    "from_nodes": _from_nodes,
    "to_nodes": _to_nodes,
    "from_inputs": _from_inputs,
    "to_outputs": _to_outputs,
    "tags": _tags,
    "namespaces": _namespaces,
}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _described(filters: Mapping[str, Any]) -> str:
    return " and ".join(f"{name} {list(filters[name])}" for name in FILTERS if filters.get(name))
