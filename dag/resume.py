"""What a resumed run reuses of the run before it, and why the rest runs again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .document import Dataset, Node, base_name, is_parameter
from .grouping import is_in_memory, node_children
from .jobs import run_id_at, run_moment
from .plan import Plan, Reused
from .shards import View
from .slices import Slice, read_unit, unit
from .spared import Spared
from .stored import ABSENT, Shown


@dataclass(frozen=True)
class Changes:
    """What has changed since the run that is resumed."""

    params: Sequence[str] = ()  #: dotted names of parameters
    #: Those of them that the configuration uses elsewhere (`${runtime_params:day}`): in other parameters, in places.
    used: Sequence[str] = ()
    made: Mapping[str, str] = field(default_factory=dict)  #: node → what of its code, versions or places is another

    @staticmethod
    def of(params: Sequence[str], asked: Sequence[str]) -> Changes:
        """Return changed parameters, of which the configuration asks for some by these names."""
        return Changes(params, [key for key in params if any(_concerns(key, f"params:{name}") for name in asked)])

    def why(self, node: Node) -> str | None:
        """Return why a node runs again, if it does because of them."""
        if node.name in self.made:
            return self.made[node.name]
        for name in filter(is_parameter, node.inputs):
            if changed := [key for key in self.params if _concerns(key, name)]:
                return f"parameter '{changed[0]}' has changed"
        return f"parameter '{self.used[0]}', which the configuration uses, has changed" if self.used else None


@dataclass(frozen=True)
class Resumption:
    """The split of a resumed run's nodes."""

    source: str | None  #: the resumed run; None if it reuses what several have done
    reused: Mapping[str, Reused]
    again: Mapping[str, str]  #: node → why it runs again
    #: The slices done before, by `slices.unit`, of nodes that run again, read no changed parameter, and write nothing
    #: versioned: what follows loads one version of all partitions, so all of them have to be of one run.
    slices: Mapping[str, Reused] = field(default_factory=dict)
    #: How long jobs took to make what is reused, as far as that is known.
    seconds: float = 0
    #: The same by their sizes; empty if it isn't known of all.
    sizes: tuple[Spared, ...] = ()

    def keeping(self, kept: Mapping[str, Reused], widths: Mapping[str, int]) -> Resumption:
        """Return it with the reason why nodes run again though these slices of them need not."""
        number = Counter(part[0] for part in map(read_unit, kept) if part)
        why = {
            node: f"{widths[node] - done} of its {widths[node]} slices have not succeeded"
            for node, done in number.items()
            if self.again[node] == NOT_SUCCEEDED
        }
        return replace(self, again={**self.again, **why})


def done_before(plan: Plan, view: View) -> dict[str, Reused]:
    """Return the nodes that a run has done or had itself reused, with the run that wrote their outputs.

    For a split node it has the slices that are done; and the node itself, once all of them are.
    """
    done = dict(plan.reused)
    for index, group in enumerate(plan.groups):
        if view.succeeded(index):
            for name, signature in zip(group.nodes, group.signatures, strict=True):
                done[unit(name, group.part)] = Reused(signature_of(name, signature, group.part), plan.run_id)
    return {**done, **_whole(done)}


def signature_of(node: str, signature: str, part: Slice | None) -> str:
    """Return a node's signature; for a slice also with its input, since another one would be split differently."""
    return signature if part is None else f"{signature} {part.over[node]}"


def _whole(done: Mapping[str, Reused]) -> dict[str, Reused]:
    """Return the nodes of which all slices are done; their outputs count as the newest run's."""
    runs: dict[tuple[str, int, str], dict[int, str]] = {}
    for name, reused in done.items():
        if part := read_unit(name):
            node, number, into = part
            runs.setdefault((node, into, reused.signature), {})[number] = reused.run_id
    return {
        node: Reused(signature.partition(" ")[0], max(of.values()))
        for (node, into, signature), of in runs.items()
        if len(of) == into
    }


def resumption(
    source: str | None,
    nodes: Sequence[Node],
    datasets: Mapping[str, Dataset],
    done: Mapping[str, Reused],
    changes: Changes,
) -> Resumption:
    """Split the nodes (in topological order) into those to reuse and those to run again.

    A node is reused if it succeeded, still has the same name, inputs and outputs, reads no changed parameter, follows
    only reused nodes, and left nothing in memory that a node which runs again would need.
    """
    again: dict[int, str] = {}
    for index, node in enumerate(nodes):
        if why := _why_again(node, done, changes):
            again[index] = why
    children = node_children(nodes)
    settled = False
    while not settled:
        for index, node in enumerate(nodes):
            if index in again:
                for child in children[index]:
                    again.setdefault(child, f"it follows '{node.name}', which runs again")
        settled = True
        for index in (index for index in reversed(range(len(nodes))) if index not in again):  # a chain in one go
            needed = _needed_from_memory(index, nodes, datasets, [child for child in children[index] if child in again])
            if needed:
                again[index] = f"'{needed}', which it leaves in memory, is needed again"
                settled = False
    reused = {node.name: done[node.name] for index, node in enumerate(nodes) if index not in again}
    why_again = {nodes[index].name: why for index, why in sorted(again.items())}
    same = {
        node.name
        for node in nodes
        if node.name in why_again
        and changes.why(node) is None
        and not any(name in datasets and datasets[name].versioned for name in node.outputs)
    }
    slices = {name: one for name, one in done.items() if (part := read_unit(name)) and part[0] in same}
    return Resumption(source=source, reused=reused, again=why_again, slices=slices)


NOT_SUCCEEDED = "it has not succeeded"


def _why_again(node: Node, done: Mapping[str, Reused], changes: Changes) -> str | None:
    if node.name not in done:
        changed = changes.why(node)
        return f"{NOT_SUCCEEDED}, and {changed}" if changed else NOT_SUCCEEDED
    if done[node.name].signature != node.signature:
        return "its inputs or outputs have changed"
    return changes.why(node)


def _concerns(key: str, parameter: str) -> bool:
    if parameter == "parameters":
        return True
    name = parameter.removeprefix("params:")
    return name == key or name.startswith(f"{key}.") or key.startswith(f"{name}.")


def newer_inputs(
    nodes: Sequence[Node], done: Mapping[str, Reused], storage: Shown, before: Mapping[str, str]
) -> dict[str, str]:
    """Return the nodes that have read another state of an input which none of the nodes makes, each with why.

    A node reads its inputs after its run has begun, so what was written before that is what it has read. Older versions
    come back, and files of folders go, without a newer time: then what was noted of them `before` tells, and if that is
    the same, nothing was written since.
    """
    made = {base_name(name) for node in nodes for name in node.outputs}
    inputs = {name: seen for name, seen in storage.seen.items() if base_name(name) not in made}
    unlike = {base_name(name): seen for name, seen in inputs.items() if before.get(name) != seen.digest}
    others = {base_name(name) for name, seen in inputs.items() if before.get(name, seen.digest) != seen.digest}
    began: dict[str, str] = {}
    for name, reused in done.items():
        part = read_unit(name)
        whole = part[0] if part else name
        began[whole] = min(reused.run_id, began.get(whole, reused.run_id))
    told: dict[str, str] = {}
    for node in nodes:
        for name in map(base_name, node.inputs):
            if node.name not in began or name not in unlike:
                continue
            if unlike[name].latest > run_moment(began[node.name]):
                told.setdefault(node.name, f"'{name}' is newer: it was written at {run_id_at(unlike[name].at)}")
            elif name in others:
                told.setdefault(node.name, f"'{name}' has changed in its storage")
    return told


def noted(
    nodes: Sequence[Node], before: Mapping[str, str], now: Mapping[str, str], resumed: Resumption
) -> dict[str, str]:
    """Return the state of a resumed run's inputs, without what its nodes may have read in another that nobody noted.

    What was noted before stays as it was only of what none but taken-over nodes read, and of the folders that they have
    written and that the run before had reused.
    """
    taken = {name for node in nodes if node.name in resumed.reused for name in node.inputs}
    wrote = {name for node in nodes if node.name in resumed.reused for name in node.outputs}
    anew = {name for node in nodes if node.name in resumed.again for name in node.inputs}
    kept = {name: digest for name, digest in before.items() if name in wrote | taken - anew}
    return {**kept, **{name: digest for name, digest in now.items() if name in before or name not in taken}}


def lost_outputs(
    nodes: Sequence[Node],
    datasets: Mapping[str, Dataset],
    done: Mapping[str, Reused],
    storage: Shown,
    until: Callable[[str], int],
) -> dict[str, str]:
    """Return the nodes whose outputs aren't what they have left, each with why.

    `until` is the moment by which a node had written them. A version counts if there is none, or only older ones.
    """
    told: dict[str, str] = {}
    whole = {part[0] if (part := read_unit(name)) else name for name in done}
    for node in nodes:
        for name in node.outputs if node.name in whole else ():
            maker = done[node.name].run_id if node.name in done else ""  # of slices several runs may be
            if why := _lost(name, datasets, storage, until(node.name), maker):
                told.setdefault(node.name, why)
    return told


def _lost(name: str, datasets: Mapping[str, Dataset], storage: Shown, until: int, maker: str) -> str | None:
    if is_in_memory(name, datasets):
        return None
    if (seen := storage.seen.get(name)) is None:
        return f"'{name}': {ABSENT}" if storage.untold.get(name) == ABSENT else None
    if datasets[name].versioned:
        gone = seen.version is not None and seen.version < maker
        return f"'{name}' has no version {maker} any more" if gone else None
    return f"'{name}' is newer: it was written at {run_id_at(seen.at)}" if seen.at > until else None


def _needed_from_memory(
    index: int, nodes: Sequence[Node], datasets: Mapping[str, Dataset], readers: Sequence[int]
) -> str | None:
    for output in nodes[index].outputs:
        if is_in_memory(output, datasets) and any(output in nodes[reader].inputs for reader in readers):
            return output
    return None


def changed_values(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names of the configured parameters whose digests differ, of those that both deployments have."""
    changed = [name for name, digest in now.items() if before.get(name, digest) != digest]
    return [name.removeprefix("params:") for name in changed]


def changed_parameters(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the dotted names of the run parameters that differ, without `aws_batch`, which no node reads."""
    changed = []
    for key in sorted({*before, *now} - ({"aws_batch"} if not prefix else set())):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            changed += changed_parameters(old, new, f"{prefix}{key}.")
        elif (key in before) != (key in now) or json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True):
            changed.append(f"{prefix}{key}")
    return changed
