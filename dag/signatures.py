"""What each node is made of, as hashes: by them a resumed run tells whether the run before it did the same work.

The plugin writes them into the graph document, and a run keeps them in its plan. A hash is compared and never undone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

from .document import Node, is_parameter

#: Begins a hash that nobody could make; the rest says why.
UNTOLD = "?"
#: Begins the name of a part that is a version, and shown.
VERSION = "version of "
#: A reason tells so many differences.
_MOST = 3


@dataclass(frozen=True)
class MadeOf:
    """What the nodes of a run are made of, as the run began."""

    nodes: Mapping[str, str] = field(default_factory=dict)  #: node → 16 hex digits, or UNTOLD and why
    parts: Mapping[str, str] = field(default_factory=dict)  #: what they are made of → hash or version

    @property
    def packed(self) -> str:
        """Return it as text; no text if it says nothing."""
        return json.dumps(vars(self), separators=(",", ":"), ensure_ascii=False) if self.nodes else ""

    @staticmethod
    def unpacked(text: str) -> MadeOf:
        """Return what a text says."""
        return MadeOf(**json.loads(text)) if text else MadeOf()

    def others(self, now: Signatures, nodes: Mapping[int, Node]) -> dict[str, str]:
        """Return why some nodes, as they are signed now, aren't surely what they were in this run.

        A run of a release that kept no signatures says nothing, nor does a document without them.
        """
        if not self.nodes or not now.nodes:
            return {}
        compared = _Compared(self.parts, now)
        told = {node.name: self._why_another(compared, index, node) for index, node in nodes.items()}
        return {name: why for name, why in told.items() if why}

    def _why_another(self, compared: _Compared, index: int, node: Node) -> str | None:
        now = compared.now
        old, new = self.nodes.get(node.name), now.sign(index, node)
        if new.startswith(UNTOLD):
            return f"it can't be told whether it is the same: {new[1:]}"
        if old is None or old == new:  # a node that the run didn't have has not succeeded in it
            return None
        if old.startswith(UNTOLD):
            return f"it could not be told what it was: {old[1:]}"
        clauses, number = compared.clauses(index, node)
        more = f", and {number - _MOST} more" if number > _MOST else ""
        return (", ".join(clauses) or "what its function holds has changed") + more


@dataclass(frozen=True)
class _Compared:
    """Parts compared with those of a run: what many nodes share, once for all of them."""

    before: Mapping[str, str]
    now: Signatures
    _shared: dict[tuple[int, ...], Mapping[str, str]] = field(default_factory=dict)

    def clauses(self, index: int, node: Node) -> tuple[list[str], int]:
        """Return the first clauses of why a node is another, its own first, and how many there are."""
        own, lists = self.now.parts_of(index, node)
        first, others = self._differences(own), self._of(lists)
        shown = islice({**first, **dict(islice(others.items(), _MOST + len(first)))}.items(), _MOST)
        number = len(first) + len(others) - sum(name in others for name in first)
        return [_clause(part, self.before.get(part), one) for part, one in shown], number

    def _of(self, lists: tuple[int, ...]) -> Mapping[str, str]:
        if lists not in self._shared:
            self._shared[lists] = {
                name: one for some in lists for name, one in self._differences(self.now.lists[some]).items()
            }
        return self._shared[lists]

    def _differences(self, parts: Mapping[str, str]) -> dict[str, str]:
        return {name: one for name, one in parts.items() if self.before.get(name) != one}


def _clause(part: str, before: str | None, now: str) -> str:
    name = part.removeprefix(VERSION)
    if before is None:
        return f"{name} is new to it"
    return f"{name} has changed" if name == part else f"{name} is {now}, was {before}"


@dataclass(frozen=True)
class Signatures:
    """What the nodes of a graph document are made of."""

    #: In the document's order: hash of the code (or UNTOLD and why), index into `made_of`, names of its own parts.
    nodes: Sequence[Sequence[Any]] = ()
    parts: Mapping[str, str] = field(default_factory=dict)  #: `code of demo/clean.py`, `version of pandas` → hash
    made_of: Sequence[Sequence[int]] = ()  #: lists of indices into `parts`
    #: Dataset → hash of its catalog entry (or UNTOLD and why), and index into `made_of`.
    entries: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @cached_property
    def lists(self) -> Sequence[Mapping[str, str]]:
        """Return what nodes and datasets lead to, as `made_of` has it, by the parts' names."""
        names = [*self.parts]
        return [{names[one]: self.parts[names[one]] for one in some} for some in self.made_of]

    @cached_property
    def _hashes(self) -> Sequence[str]:
        return [_shortened(sorted(some.items())) for some in self.lists]

    def parts_of(self, index: int, node: Node) -> tuple[dict[str, str], tuple[int, ...]]:
        """Return what a node is made of: its own code and then its datasets, and of `lists` those that both lead to."""
        _, some, *own = self.nodes[index]
        entries = self._entries_of(node)
        told = {**{name: self.parts[name] for name in own}, **{_named(name): one for name, (one, _) in entries.items()}}
        return told, tuple(dict.fromkeys((some, *(of for _, of in entries.values()))))

    def sign(self, index: int, node: Node) -> str:
        """Return a node's signature, or UNTOLD and why there is none."""
        code: str = self.nodes[index][0]
        if code.startswith(UNTOLD):
            return code
        entries = self._entries_of(node)
        for name, (told, _) in entries.items():
            if told.startswith(UNTOLD):
                return f"{UNTOLD}{_named(name)}: {told[1:]}"
        return _shortened([code, [[name, told, self._hashes[some]] for name, (told, some) in entries.items()]])

    def made(self, nodes: Mapping[int, Node]) -> MadeOf:
        """Return what these nodes are made of; nothing if the document says nothing of it."""
        if not self.nodes:
            return MadeOf()
        entries = {name: entry for node in nodes.values() for name, entry in self._entries_of(node).items()}
        lists = {self.nodes[index][1] for index in nodes} | {some for _, some in entries.values()}
        parts = {
            **{name: self.parts[name] for index in nodes for name in self.nodes[index][2:]},
            **{_named(name): told for name, (told, _) in entries.items()},
            **{name: one for some in sorted(lists) for name, one in self.lists[some].items()},
        }
        return MadeOf({node.name: self.sign(index, node) for index, node in nodes.items()}, parts)

    def _entries_of(self, node: Node) -> dict[str, Sequence[Any]]:
        return {name: self.entries[name] for name in _datasets(node) if name in self.entries}


def read_signatures(raw: Mapping[str, Any]) -> Signatures:
    """Return the signatures that a graph document has; none where it has none."""
    return Signatures(raw["nodes"], raw["parts"], raw["made_of"], raw["entries"]) if raw else Signatures()


def _named(dataset: str) -> str:
    return f"catalog entry of '{dataset}'"


def _datasets(node: Node) -> Iterator[str]:
    yield from dict.fromkeys(name for name in (*node.inputs, *node.outputs) if not is_parameter(name))


def _shortened(parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:16]
