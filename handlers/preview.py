"""Tells what requests would run, submitting nothing: `python -m handlers.preview`, no Lambda function.

Reads `{"document": …, "requests": […]}` from stdin and writes `{"previews": […]}` to stdout: of each request the plan
that `start_run` would make of it, or the refusal, as start_run answers it. What a deployment allows is not known here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dag.document import GraphDocument, Node, base_name, read_document
from dag.errors import DagError
from dag.grouping import is_in_memory
from dag.plan import Plan
from dag.request import Allowed, make_plan
from dag.selection import select
from dag.shards import Mark
from dag.submission import pack, refuse_oversized

#: Stands in for the id that a run gets when it starts.
RUN_ID = "2000-01-01T00.00.00.000Z"


class _Every(tuple[str, ...]):
    """Names that hold any name."""

    def __contains__(self, name: object) -> bool:
        return True


def preview(document: GraphDocument, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the groups of a request's run, the steps in which they come, and the jobs that would be submitted."""
    try:
        plan, _ = make_plan(document, request, RUN_ID, Allowed(_Every(), _Every()))
        refuse_oversized(plan)
    except DagError as error:
        return {"error": {"type": error.kind, "message": str(error)}}
    config = {**document.run, **request.get("params", {}).get("aws_batch", {})}
    nodes = {node.name: node for node in select(document, plan.pipelines, request)}
    steps = _steps(plan)
    groups = [
        {
            "index": index,
            "nodes": list(group.nodes),
            "parents": list(group.parents),
            "step": steps[index],
            "resources": dict(group.resources),
            "why": list(_why([nodes[name] for name in group.nodes], document, config["group_by"])),
        }
        for index, group in enumerate(plan.groups)
    ]
    settings = {**vars(plan.settings), "on_failure": plan.settings.on_failure.value}
    settings["memory_retry"] = plan.settings.memory_retry and vars(plan.settings.memory_retry)
    return {"nodes": plan.node_count, "settings": settings, "groups": groups, "jobs": list(_jobs(plan, steps))}


def _steps(plan: Plan) -> list[int]:
    """Return for each group how many groups lie on the longest way to it: those of one number may run at once."""
    steps: list[int] = []
    for group in plan.groups:
        steps.append(max((steps[parent] + 1 for parent in group.parents), default=0))
    return steps


def _jobs(plan: Plan, steps: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield what would be submitted, if every step became ready as a whole."""
    for step in range(max(steps, default=-1) + 1):
        for job in pack(plan, [Mark(index) for index, of in enumerate(steps) if of == step]):
            request = job.request
            yield {
                "step": step,
                "groups": [mark.group for mark in job.marks],
                "array": job.is_array,
                "job_queue": request["jobQueue"],
                "job_definition": request["jobDefinition"],
                "bytes": len(json.dumps(request).encode()),
            }


def _why(members: Sequence[Node], document: GraphDocument, group_by: Sequence[str]) -> Iterator[str]:
    """Yield why nodes share a job; when that alone does not hold them together, they would wait for each other."""
    ties = dict(_ties(members, document, group_by))
    yield from ties
    if len(members) > 1 and not _hold_together(len(members), list(ties.values())):
        yield "apart, they would wait for each other"


def _ties(
    members: Sequence[Node], document: GraphDocument, group_by: Sequence[str]
) -> Iterator[tuple[str, Sequence[int]]]:
    """Yield what ties which of the members."""
    for key in group_by:
        if key == "memory":
            for writer, node in enumerate(members):
                for name in node.outputs:
                    readers = [place for place, other in enumerate(members) if _reads(other, name)]
                    if readers and is_in_memory(name, document.datasets):
                        yield f"'{name}' stays in memory", [writer, *readers]
        else:
            tied: dict[str, list[int]] = {}
            for place, node in enumerate(members):
                if key == "namespace" and node.namespace:
                    tied.setdefault(f"namespace '{node.namespace.partition('.')[0]}'", []).append(place)
                elif key.removeprefix("tag:") in node.tags and key != "namespace":
                    tied.setdefault(f"tag '{key.removeprefix('tag:')}'", []).append(place)
            yield from ((text, places) for text, places in tied.items() if len(places) > 1)


def _reads(node: Node, dataset: str) -> bool:
    return base_name(dataset) in map(base_name, node.inputs)


def _hold_together(size: int, ties: Sequence[Sequence[int]]) -> bool:
    """Return whether ties lead from the first member to all others."""
    reached, before = {0}, 0
    while len(reached) != before:
        before = len(reached)
        for tie in ties:
            if reached & set(tie):
                reached.update(tie)
    return len(reached) == size


def main() -> None:
    """Answer what stdin asks."""
    asked = json.load(sys.stdin)
    try:
        document = read_document(json.dumps(asked["document"]))
        previews = [preview(document, request) for request in asked["requests"]]
    except DagError as error:
        previews = [{"error": {"type": error.kind, "message": str(error)}}] * len(asked["requests"])
    json.dump({"previews": previews}, sys.stdout)


if __name__ == "__main__":
    main()
