"""What requests would run, without submitting anything: the plan that `start_run` would make, or its refusal.

It doesn't know what a deployment allows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .configuration import read_overrides
from .document import GraphDocument, Node, Resources, base_name
from .grouping import confirmed, is_in_memory
from .namespaces import top_level
from .plan import Plan
from .request import Allowed, make_plan
from .selection import select
from .shards import Mark
from .submission import pack, refuse_oversized

#: A placeholder for the id that a run gets when it starts.
RUN_ID = "2000-01-01T00.00.00.000Z"


class _Every(tuple[str, ...]):
    """A tuple that contains every name."""

    def __contains__(self, name: object) -> bool:
        return True


@dataclass(frozen=True)
class PlannedGroup:
    """The nodes of one job."""

    index: int
    nodes: tuple[str, ...]
    parents: tuple[int, ...]
    step: int  #: the number of groups on the longest path to it
    resources: Resources
    why: tuple[str, ...]  #: why several nodes share the job
    slice: str | None = None  #: `7/50` for a split node


@dataclass(frozen=True)
class PlannedJob:
    """One request's jobs, if its step became ready as a whole."""

    step: int
    groups: tuple[int, ...]
    array: bool
    job_queue: str
    job_definition: str
    bytes: int  #: of the request


@dataclass(frozen=True)
class Preview:
    """The result of a request."""

    nodes: int
    settings: Mapping[str, Any]
    groups: tuple[PlannedGroup, ...]
    jobs: tuple[PlannedJob, ...]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON data."""
        return asdict(self)


def plan_of(document: GraphDocument, request: Mapping[str, Any]) -> Plan:
    """Return the plan that start_run would make. Raises its refusal, a DagError, in its words."""
    plan, _ = make_plan(document, request, RUN_ID, Allowed(_Every(), _Every()))
    refuse_oversized(plan)
    return plan


def preview(document: GraphDocument, request: Mapping[str, Any]) -> Preview:
    """Return what a request would run. Raises start_run's refusal, a DagError, in its words."""
    plan = plan_of(document, request)
    group_by = read_overrides(request.get("params", {}))[0].settings.get("group_by", document.run["group_by"])
    nodes = {node.name: node for node in select(document, plan.pipelines, request)}
    steps = _steps(plan)
    groups = tuple(
        PlannedGroup(
            index=index,
            nodes=group.nodes,
            parents=group.parents,
            step=steps[index],
            resources=group.resources,
            why=tuple(_why([nodes[name] for name in group.nodes], document, group_by)),
            slice=str(group.part) if group.part else None,
        )
        for index, group in enumerate(plan.groups)
    )
    settings = {**vars(plan.settings), "on_failure": plan.settings.on_failure.value}
    settings["memory_retry"] = plan.settings.memory_retry and vars(plan.settings.memory_retry)
    return Preview(plan.node_count, settings, groups, tuple(_jobs(plan, steps)))


def _steps(plan: Plan) -> list[int]:
    """Return each group's number of groups on the longest path to it: groups with the same number may run at once."""
    steps: list[int] = []
    for group in plan.groups:
        steps.append(max((steps[parent] + 1 for parent in group.parents), default=0))
    return steps


def _jobs(plan: Plan, steps: Sequence[int]) -> Iterator[PlannedJob]:
    """Yield the submissions, if every step became ready as a whole."""
    for step in range(max(steps, default=-1) + 1):
        for job in pack(plan, [Mark(index) for index, of in enumerate(steps) if of == step]):
            yield PlannedJob(
                step=step,
                groups=tuple(mark.group for mark in job.marks),
                array=job.is_array,
                job_queue=job.request["jobQueue"],
                job_definition=job.request["jobDefinition"],
                bytes=len(json.dumps(job.request).encode()),
            )


def _why(members: Sequence[Node], document: GraphDocument, group_by: Sequence[str]) -> Iterator[str]:
    """Yield why nodes share a job; if nothing else ties them together, they would wait for each other."""
    ties = {
        **dict(_ties(members, document, group_by)),
        **{f"'{name}' is confirmed as it was loaded": of for name, of in confirmed(members).items() if len(of) > 1},
    }
    yield from ties
    if len(members) > 1 and not _hold_together(len(members), list(ties.values())):
        yield "apart, they would wait for each other"


def _ties(
    members: Sequence[Node], document: GraphDocument, group_by: Sequence[str]
) -> Iterator[tuple[str, Sequence[int]]]:
    """Yield the ties, and the members that each ties."""
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
                    tied.setdefault(f"namespace '{top_level(node.namespace)}'", []).append(place)
                elif key.removeprefix("tag:") in node.tags and key != "namespace":
                    tied.setdefault(f"tag '{key.removeprefix('tag:')}'", []).append(place)
            yield from ((text, places) for text, places in tied.items() if len(places) > 1)


def _reads(node: Node, dataset: str) -> bool:
    return base_name(dataset) in map(base_name, node.inputs)


def _hold_together(size: int, ties: Sequence[Sequence[int]]) -> bool:
    """Return whether ties connect the first member to all others."""
    reached, before = {0}, 0
    while len(reached) != before:
        before = len(reached)
        for tie in ties:
            if reached & set(tie):
                reached.update(tie)
    return len(reached) == size
