"""A run's state in Kedro-Viz's own format for a plain `kedro run`, so that its flowchart shows it.

Kedro-Viz reads `.viz/kedro_pipeline_events.json` again for every request of the status. It knows nodes by the first
eight hex digits of the SHA-1 of `str(node)`, and datasets by those of their name. It knows nothing of what has not
ended. The time of one of several nodes in a job is not known: each gets the time of its job.
"""

from __future__ import annotations

import hashlib
import html
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.document import base_name, is_parameter
from kedro_aws_batch.show.slices import first_failed, split_nodes, status_of
from kedro_aws_batch.wording import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

    from kedro_aws_batch.client import GroupState, RunState

EVENTS_FILE = ".viz/kedro_pipeline_events.json"
VizEvent = dict[str, Any]


def nodes_of(state: RunState, pipelines: Mapping[str, Pipeline]) -> dict[str, Node]:
    """Return the nodes of a run by name, as the project has them now; nodes that it no longer has are left out."""
    ran = [pipelines[name] for name in state.pipelines if name in pipelines]
    known = {node.name: node for pipeline in [*pipelines.values(), *ran] for node in pipeline.nodes}
    return {name: known[name] for name in names_of(state) if name in known}


def names_of(state: RunState) -> list[str]:
    """Return the nodes of a run: those that it reuses, and those that it runs."""
    reused = [str(one["node"]) for one in state.reused_nodes]
    return list(dict.fromkeys([*reused, *(name for group in state.groups for name in group.nodes)]))


def events(state: RunState, nodes: Mapping[str, Node]) -> list[VizEvent]:
    """Return Kedro-Viz's events, in the order in which jobs ended.

    It knows no node that was reused: such a node has succeeded, and taken what it took in the run that made it.
    """
    ended = [group for group in _whole(state.groups) if group.status in ("SUCCEEDED", "FAILED")]
    ended.sort(key=lambda group: (group.ended_at or 0, group.index))
    found = [{"event": "before_pipeline_run", "timestamp": _timestamp(state.created_at)}]
    for one in state.reused_nodes:
        if one["node"] in nodes:
            found += _of_success(nodes[one["node"]], _seconds(one))
    for group in ended:
        for name in group.nodes:
            if name in nodes:
                found += _of_node(group, nodes[name])
    return found + _of_end(state, nodes)


def _whole(groups: Sequence[GroupState]) -> list[GroupState]:
    """Return the groups, with the slices of a split node as one: failed with its first failed slice's reason."""
    alone, split = split_nodes(groups)
    return alone + [_one(slices) for slices in split]


def _one(slices: Sequence[GroupState]) -> GroupState:
    """Return a node's slices as one group, from the first that began to the last that ended."""
    begun = [one.started_at for one in slices if one.started_at is not None]
    ended = [one.ended_at for one in slices if one.ended_at is not None]
    one = first_failed(slices) or slices[0]
    begin, end = min(begun, default=None), max(ended, default=None)
    return replace(one, status=status_of(slices), started_at=begin, ended_at=end)


def _of_node(group: GroupState, node: Node) -> Iterator[VizEvent]:
    if group.status == "SUCCEEDED":
        yield from _of_success(node, group.seconds or 0.0)
        return
    known = {"node": node.name, "node_id": _id(str(node))}
    yield {"event": "after_node_run", **known, "duration": group.seconds or 0.0, "status": "failed"}
    yield {"event": "on_node_error", **known, **_why(group), "timestamp": _timestamp(group.ended_at)}


def _of_success(node: Node, seconds: float) -> Iterator[VizEvent]:
    for dataset in node.inputs:
        yield from _of_dataset("after_dataset_loaded", dataset)
    known = {"node": node.name, "node_id": _id(str(node))}
    yield {"event": "after_node_run", **known, "duration": seconds, "status": "success"}
    for dataset in node.outputs:
        yield from _of_dataset("after_dataset_saved", dataset)


def _seconds(reused: Mapping[str, Any]) -> float:
    """Return how long a reused node took in the run that made it; 0 if that isn't known."""
    began, ended = reused["started_at"], reused["ended_at"]
    return 0.0 if began is None or ended is None else max(0, ended - began) / 1000


def _of_dataset(event: str, dataset: str) -> Iterator[VizEvent]:
    if not is_parameter(dataset):
        node_id = _id(base_name(dataset))
        yield {"event": event, "dataset": dataset, "node_id": node_id, "status": "Available"}


def _of_end(state: RunState, nodes: Mapping[str, Node]) -> list[VizEvent]:
    """Return the event of a run's end, if it has ended."""
    if not state.ended:
        return []
    moment = {"timestamp": _timestamp(state.ended_at)}
    if state.status == "SUCCEEDED":
        return [{"event": "after_pipeline_run", **moment}]
    end: VizEvent = {
        "event": "on_pipeline_error",
        "error": _for_viz(state.reason or state.status),
        **moment,
        "traceback": "",
    }
    failed = [group for group in state.groups if group.status == "FAILED"]
    first = min(failed, key=lambda group: (group.ended_at or 0, group.index), default=None)
    at_fault = "" if first is None else first.error_node or first.nodes[0]
    if at_fault in nodes:
        node = nodes[at_fault]
        end |= {"node": node.name, "node_id": _id(str(node))}
    return [end]


def _why(group: GroupState) -> dict[str, str]:
    """Return a failure for Kedro-Viz, with the place of the job's log instead of a traceback."""
    log = f"The log stream of its job: {group.log_stream}" if group.log_stream else "Its job never had a log."
    return {"error": _for_viz(group.why or "no reason given"), "traceback": plain(log)}


def _for_viz(text: str) -> str:
    """Return text that Kedro-Viz shows as it is: it takes errors, though not tracebacks, for HTML, and runs it."""
    return html.escape(plain(text), quote=False)


def _id(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:8]


def _timestamp(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at / 1000, timezone.utc).isoformat()
