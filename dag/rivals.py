"""Which other runs may have written, at a time, what a run has made.

A dataset with versions keeps those of each run. Of any other there is only what was written last.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from .document import Dataset, GraphDocument, Node, base_name
from .grouping import is_in_memory
from .jobs import run_moment
from .plan import AtWork, Reused
from .slices import read_unit

#: After all moments.
NEVER = 1 << 62


@dataclass(frozen=True)
class Rival:
    """Another run, and when its jobs may have written what."""

    run_id: str
    nodes: Mapping[str, str] | None  #: node → its signature; None if there was no time to look
    #: Node → all its attempts; None while some of them may go on.
    spans: Mapping[str, Sequence[AtWork]] | None

    def may_have_written(self, node: str, span: AtWork) -> bool:
        """Return whether a node of it may have been at work within a span."""
        if self.nodes is None:
            return True
        if node not in self.nodes:
            return False
        if self.spans is None:
            return True
        return any(one.began <= span.ended and one.ended >= span.began for one in self.spans.get(node, ()))


#: The runs, but for one if it is given, of which jobs may have been at work within a span, the newest first.
Rivals = Callable[[AtWork, str | None], Sequence[Rival]]


class Contested(NamedTuple):
    """An output that another run may have written."""

    output: str
    run_id: str


@dataclass(frozen=True)
class Contest:
    """Other runs, and what a project's nodes write."""

    document: GraphDocument
    rivals: Sequence[Rival]

    def over(self, node: Node, span: AtWork, but: Collection[str]) -> Contested | None:
        """Return which output of a node a run may have written within a span, but for some runs.

        A node that isn't the project's any more may have written anything.
        """
        for output in in_place(node, self.document.datasets):
            for rival in self.rivals:
                if rival.run_id not in but and any(
                    rival.may_have_written(writer, span)
                    for writer in (*self._writers[base_name(output)], *self._strangers[rival.run_id])
                ):
                    return Contested(output, rival.run_id)
        return None

    @cached_property
    def _strangers(self) -> Mapping[str, Sequence[str]]:
        """Return the nodes of each run that the project hasn't."""
        signed = {(node.name, node.signature) for node in self.document.nodes}
        return {
            rival.run_id: [name for name, signature in (rival.nodes or {}).items() if (name, signature) not in signed]
            for rival in self.rivals
        }

    @cached_property
    def _writers(self) -> Mapping[str, list[str]]:
        """Return all nodes of the project that write each dataset, by their names."""
        writers: dict[str, list[str]] = {}
        for node in self.document.nodes:
            for output in node.outputs:
                writers.setdefault(base_name(output), []).append(node.name)
        return writers


def in_place(node: Node, datasets: Mapping[str, Dataset]) -> list[str]:
    """Return the outputs of a node of which there is only what was written last."""
    return [name for name in node.outputs if not is_in_memory(name, datasets) and not datasets[name].versioned]


def written_since(document: GraphDocument, run_id: str, done: Mapping[str, Reused], rivals: Rivals) -> dict[str, str]:
    """Return the nodes whose outputs another run may have written since the run began that has `done` them, with why.

    What the run took over was there when it began, and the runs that had made it were over.
    """
    names = {part[0] if (part := read_unit(name)) else name for name in done}
    nodes = [node for node in document.nodes if node.name in names and in_place(node, document.datasets)]
    if not nodes:
        return {}
    span, own = AtWork(run_moment(run_id), NEVER), {run_id, *(one.run_id for one in done.values())}
    contest = Contest(document, rivals(span, run_id))
    found = {node.name: contest.over(node, span, own) for node in nodes}
    return {name: f"run {by.run_id} may have written '{by.output}' since" for name, by in found.items() if by}
