"""How large a run is, in words. Where containers carry on, a job takes several groups of nodes, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.configuration import read_overrides

from .wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .client import RunState


def carries_on(document: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Return whether containers of a run of this graph document may carry on, by its settings or by the request's."""
    asked = read_overrides(request.get("params", {}))[0].settings
    return bool(asked.get("warm_containers", document["run"]["warm_containers"]))


def to_run(nodes: int, groups: int, *, carrying: bool) -> str:
    """Return the size of a run to come: `16 nodes in 9 jobs`, or `in at most 9 jobs` if containers carry on."""
    return f"{counted(nodes, 'node')} in {'at most ' if carrying and groups else ''}{counted(groups, 'job')}"


def noun(state: RunState) -> str:
    """Return what the groups of a run are: jobs or, where containers carry on, nodes or groups of nodes."""
    if not state.warm_containers:
        return "job"
    return "node" if state.nodes_total == state.groups_total else "group"


def size(state: RunState) -> str:
    """Return the size of a run: `16 nodes in 9 jobs`. Where containers carry on, `saved` counts those."""
    nodes, one = counted(state.nodes_total, "node"), noun(state)
    return nodes if one == "node" else f"{nodes} in {counted(state.groups_total, one)}"
