"""What a resumed run takes over from the run before it, and why the rest runs again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .document import Dataset, Node, is_parameter
from .grouping import is_in_memory, node_children
from .plan import Plan, Reused
from .shards import View


@dataclass(frozen=True)
class Resumption:
    """The split of a resumed run's nodes."""

    source: str  #: the run that is resumed
    reused: Mapping[str, Reused]
    again: Mapping[str, str]  #: node → why it runs again


def done_before(plan: Plan, view: View) -> dict[str, Reused]:
    """Return the nodes that a run has done or had itself taken over, with the run that wrote their outputs."""
    done = dict(plan.reused)
    for index, group in enumerate(plan.groups):
        if view.succeeded(index):
            for name, signature in zip(group.nodes, group.signatures, strict=True):
                done[name] = Reused(signature, plan.run_id)
    return done


def resumption(
    source: str,
    nodes: Sequence[Node],
    datasets: Mapping[str, Dataset],
    done: Mapping[str, Reused],
    changed_params: Sequence[str],
) -> Resumption:
    """Split the nodes (in topological order) into those taken over and those that run again.

    A node is taken over if it succeeded, still has the same name, inputs and outputs, reads no parameter that was
    changed, follows only nodes that are taken over, and left nothing in memory that a node which runs again would need.
    """
    again: dict[int, str] = {}
    for index, node in enumerate(nodes):
        if why := _why_again(node, done, changed_params):
            again[index] = why
    children = node_children(nodes)
    settled = False
    while not settled:
        for index, node in enumerate(nodes):
            if index in again:
                for child in children[index]:
                    again.setdefault(child, f"it follows '{node.name}', which runs again")
        settled = True
        for index in set(range(len(nodes))) - set(again):
            needed = _needed_from_memory(index, nodes, datasets, [child for child in children[index] if child in again])
            if needed:
                again[index] = f"'{needed}', which it leaves in memory, is needed again"
                settled = False
    reused = {node.name: done[node.name] for index, node in enumerate(nodes) if index not in again}
    return Resumption(source, reused, {nodes[index].name: why for index, why in sorted(again.items())})


def _why_again(node: Node, done: Mapping[str, Reused], changed_params: Sequence[str]) -> str | None:
    if node.name not in done:
        return "it has not succeeded"
    if done[node.name].signature != node.signature:
        return "its inputs or outputs are others now"
    for name in filter(is_parameter, node.inputs):
        if changed := [key for key in changed_params if _concerns(key, name)]:
            return f"parameter '{changed[0]}' was changed"
    return None


def _concerns(key: str, parameter: str) -> bool:
    if parameter == "parameters":
        return True
    name = parameter.removeprefix("params:")
    return name == key or name.startswith(f"{key}.") or key.startswith(f"{name}.")


def _needed_from_memory(
    index: int, nodes: Sequence[Node], datasets: Mapping[str, Dataset], readers: Sequence[int]
) -> str | None:
    for output in nodes[index].outputs:
        if is_in_memory(output, datasets) and any(output in nodes[reader].inputs for reader in readers):
            return output
    return None


def changed_parameters(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the dotted names of the run parameters that differ; `aws_batch`, which no node reads, left out."""
    changed = []
    for key in sorted({*before, *now} - ({"aws_batch"} if not prefix else set())):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            changed += changed_parameters(old, new, f"{prefix}{key}.")
        elif json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True):
            changed.append(f"{prefix}{key}")
    return changed
