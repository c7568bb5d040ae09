"""Whether a job's image has the same nodes as the run's graph: one may have been deployed without the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines

from kedro_aws_batch._service.dag.document import signature
from kedro_aws_batch._service.dag.payload import SIGNATURE_DIGITS
from kedro_aws_batch._service.dag.problems import listed
from kedro_aws_batch.errors import ImageError
from kedro_aws_batch.wording import counted

if TYPE_CHECKING:
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

    from .payload import Payload


class SameNodes:
    """A hook that compares a job's nodes with the graph's before any of them runs."""

    def __init__(self, payload: Payload) -> None:
        self._payload = payload
        self._compared = False

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Raise ImageError for the first node that reads or writes something else than in the graph."""
        self._compared = True
        found = {node.name: node for node in pipeline.nodes}
        wanted = dict(zip(self._payload.nodes, _cut(self._payload.signatures), strict=False))
        others = [found[name] for name, start in wanted.items() if name in found and not _is(found[name], start)]
        if others:
            more = f" (the same holds for {counted(len(others) - 1, 'more node')})" if len(others) > 1 else ""
            raise ImageError(
                f"Node '{others[0].name}' of this image {_does(others[0])}, but in {self._graph} it does "
                f"not{more}: {_REMEDY}"
            )

    def refuse_absent(self) -> None:
        """Raise ImageError if the image lacks a pipeline or a node: Kedro then fails before it calls any hook."""
        if self._compared:
            return
        for name in self._payload.pipelines:
            if name not in pipelines:
                raise ImageError(f"This image has no pipeline '{name}', which {self._graph} has: {_REMEDY}")
        known = {node.name for name in self._payload.pipelines for node in pipelines[name].nodes}
        absent = [name for name in self._payload.nodes if name not in known]
        if absent:
            raise ImageError(f"This image has no node {listed(absent)}, which {self._graph} has: {_REMEDY}")

    @property
    def _graph(self) -> str:
        return f"the graph of run {self._payload.run_id}"


_REMEDY = (
    "the image is older or newer than the deployed graph. Push the image and deploy the graph from one state of "
    "the project."
)


def _is(node: Node, start: str) -> bool:
    return signature(node.name, node.inputs, node.outputs).startswith(start)


def _does(node: Node) -> str:
    return f"reads {listed(node.inputs) or 'nothing'} and writes {listed(node.outputs) or 'nothing'}"


def _cut(joined: str) -> list[str]:
    return [joined[start : start + SIGNATURE_DIGITS] for start in range(0, len(joined), SIGNATURE_DIGITS)]
