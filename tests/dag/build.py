"""Small documents, plans and states for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dag.document import Dataset, GraphDocument, Node
from dag.plan import Plan
from dag.request import Allowed, make_plan
from dag.shards import SETS, Mark, Shard, View

RUN_ID = "2026-11-22T13.11.00.123Z"
ALLOWED = Allowed(["queue", "queue_2"], ["definition", "definition_2"])
RUN: dict[str, Any] = {
    "job_queue": "queue",
    "job_definition": "definition",
    "job_command": "job",
    "max_workers": None,
    "group_by": ["memory"],
    "array_jobs": True,
    "on_failure": "abort",
    "memory_retry": None,
    "launch_type": "EC2",
    "request_environment": [],
    "conf_sources": [],
}


def document(
    nodes: Sequence[Node],
    datasets: Mapping[str, Dataset] | None = None,
    pipelines: Mapping[str, Sequence[int]] | None = None,
    **run: Any,
) -> GraphDocument:
    """Return a document, by default with one pipeline of all nodes, everything stored and nothing versioned."""
    names = [name for node in nodes for name in (*node.inputs, *node.outputs) if not name.startswith("params:")]
    here = dict.fromkeys(names, Dataset("pickle.PickleDataset", "remote", versioned=False)) | dict(datasets or {})
    indices = {name: tuple(some) for name, some in (pipelines or {"__default__": range(len(nodes))}).items()}
    return GraphDocument("sha256:0", "project", "aws_batch", tuple(nodes), indices, here, {**RUN, **run})


def plan_of(parents: Sequence[Iterable[int]], request: Mapping[str, Any] | None = None, **run: Any) -> Plan:
    """Return the plan of a graph of stored data, one node a group."""
    nodes = [
        Node(
            f"n{index}",
            f"n{index}",
            None,
            frozenset(),
            tuple(f"d{one}" for one in above),
            (f"d{index}",),
            {"memory": 1000},
        )
        for index, above in enumerate(parents)
    ]
    return plan(document(nodes, **run), request or {})


def plan(of: GraphDocument, request: Mapping[str, Any]) -> Plan:
    """Return the plan of a request that resumes nothing."""
    return make_plan(of, request, RUN_ID, ALLOWED)[0]


def view_of(**marks: Iterable[Mark | int]) -> View:
    """Return a state by its sets; a number stands for the first attempt of a group."""
    view = View()
    for name, some in marks.items():
        assert name in SETS
        for mark in (Mark(one) if isinstance(one, int) else one for one in some):
            view.add(Shard(mark.shard).with_marks(**{name: [mark.number]}))
    return view
