"""Kedro's suggestion when a run fails: the nearest nodes from which to run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag.document import base_name, is_parameter
from kedro_aws_batch.graph.places import MEMORY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

    from kedro_aws_batch.graph.datasets import CatalogDataset


def nodes_to_resume_from(
    pipeline: Pipeline, done: Collection[str], datasets: Mapping[str, CatalogDataset]
) -> list[str]:
    """Return the nodes for `--from-nodes` that run everything not done, and what that needs from memory.

    It agrees with Kedro's own suggestion, but makes no datasets, which may be impossible on this machine.
    """
    makers = {base_name(name): node for node in pipeline.nodes for name in node.outputs}
    again = {node for node in pipeline.nodes if node.name not in done}
    queue = list(again)
    while queue:
        for name in queue.pop().inputs:
            maker = makers.get(base_name(name))
            if maker is not None and maker not in again and not is_parameter(name) and _is_lost(name, datasets):
                again.add(maker)
                queue.append(maker)
    again = set(pipeline.from_nodes(*(node.name for node in again)).nodes) if again else set()
    return sorted(node.name for node in again if not _parents(pipeline, node) & again)


def _is_lost(name: str, datasets: Mapping[str, CatalogDataset]) -> bool:
    return name not in datasets or datasets[name].location == MEMORY


def _parents(pipeline: Pipeline, node: Node) -> set[Node]:
    return set(pipeline.node_dependencies[node])
