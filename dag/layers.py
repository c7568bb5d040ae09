"""Resources in layers: those of a project's configuration, and on top those of one run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from .document import Resources
from .errors import did_you_mean
from .namespaces import in_namespace, prefixes
from .problems import Problem, listed
from .resources import KEYS


class Named(Protocol):
    """A node for layers, Kedro's own or the graph document's."""

    @property
    def name(self) -> str: ...
    @property
    def namespace(self) -> str | None: ...
    @property
    def tags(self) -> Collection[str]: ...


#: The layers by name, in the order in which later ones win.
NAMES = ("default", "tags", "namespaces", "nodes")


@dataclass(frozen=True)
class Layers:
    """Resources for all nodes, and for those of a tag, of a namespace or of a name."""

    default: Resources = field(default_factory=dict)
    tags: Mapping[str, Resources] = field(default_factory=dict)
    namespaces: Mapping[str, Resources] = field(default_factory=dict)
    nodes: Mapping[str, Resources] = field(default_factory=dict)

    def over(self, below: Resources, node: Named) -> Resources:
        """Return a node's resources with these layers on top of what it has.

        Later layers win key by key, and within `environment` name by name. Null unsets what is below, so the
        result has no null.
        """
        found = dict(below)
        for layer in self._of(node):
            found.update({key: KEYS[key].over(found.get(key), value) for key, value in layer.items()})
        return {key: value for key, value in found.items() if value is not None}

    def _of(self, node: Named) -> Iterator[Resources]:
        yield self.default
        yield from (layer for tag, layer in self.tags.items() if tag in node.tags)
        for namespace in sorted(self.namespaces, key=len):  # of two around the node, the longer is the nearer
            if in_namespace(node.namespace, namespace):
                yield self.namespaces[namespace]
        yield self.nodes.get(node.name, {})

    def named(self, key: str) -> set[Any]:
        """Return all values of a key in the layers."""
        return {layer[key] for _, layer in self.placed() if layer.get(key) is not None}

    def placed(self) -> Iterator[tuple[str, Resources]]:
        """Yield each layer with its place in the configuration, as `resources.tags.gpu`."""
        yield "resources.default", self.default
        for name in NAMES[1:]:
            yield from ((f"resources.{name}.{key}", layer) for key, layer in getattr(self, name).items())

    def unknown(self, nodes: Sequence[Named], where: str) -> Iterator[Problem]:
        """Yield a problem for each tag, namespace and name that none of the nodes has."""
        known = {
            "tags": {tag for node in nodes for tag in node.tags},
            "namespaces": {outer for node in nodes for outer in prefixes(node.namespace)},
            "nodes": {node.name for node in nodes},
        }
        for layer, names in known.items():
            for name in getattr(self, layer):
                if name not in names:
                    to_do = _near(name, names) or "Remove it, or correct its name."
                    yield Problem(f"{where}.resources.{layer}", f"no {layer[:-1]} is named '{name}'.", to_do)


def _near(name: str, names: Collection[str]) -> str:
    """Suggest the nearest name, or names that differ only in a namespace before them."""
    whole = did_you_mean(name, names).strip()
    within = [known for known in sorted(names) if known.rpartition(".")[2] == name.rpartition(".")[2]]
    return whole if whole or not within else f"Did you mean {listed(within, limit=3)}?"
