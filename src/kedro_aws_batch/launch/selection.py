"""What the user asked to run, checked against the project before anything is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.document import base_name, is_parameter
from kedro_aws_batch._service.dag.errors import did_you_mean
from kedro_aws_batch._service.dag.namespaces import prefixes
from kedro_aws_batch._service.dag.problems import listed
from kedro_aws_batch.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from kedro_aws_batch.graph.compile import Compiled


@dataclass(frozen=True)
class Selection:
    """The part of a project to run, in Kedro's terms; empty means all."""

    pipelines: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    from_nodes: tuple[str, ...] = ()
    to_nodes: tuple[str, ...] = ()
    from_inputs: tuple[str, ...] = ()
    to_outputs: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    load_versions: Mapping[str, str] = field(default_factory=dict)

    def request(self) -> dict[str, Any]:
        """Return what of this goes into a request to start_run."""
        return {
            name: list(value) if isinstance(value, tuple) else dict(value)
            for name, value in vars(self).items()
            if value
        }


@dataclass(frozen=True)
class RunOptions:
    """What is asked of a run besides its nodes; None leaves it to the configuration."""

    max_workers: int | None = None
    on_failure: str | None = None
    resume_from: str | None = None
    description: str | None = None

    def request(self) -> dict[str, Any]:
        """Return what of this goes into a request to start_run."""
        return {name: value for name, value in vars(self).items() if value is not None}


def require_known(selection: Selection, compiled: Compiled) -> None:
    """Raise a ProjectError for the first name that the project does not have, with the nearest that it has."""
    _require("pipeline", selection.pipelines, compiled.document["pipelines"])
    nodes = [compiled.nodes[index] for index in _indices(selection, compiled)]
    datasets = {name for node in nodes for name in [*node.inputs, *node.outputs]}
    names = {node.name for node in nodes}
    for wanted in (selection.nodes, selection.from_nodes, selection.to_nodes):
        _require("node", wanted, names)
    for wanted in (selection.from_inputs, selection.to_outputs):
        _require("dataset", wanted, datasets | {base_name(name) for name in datasets})
    _require("tag", selection.tags, {tag for node in nodes for tag in node.tags})
    _require("namespace", selection.namespaces, {prefix for node in nodes for prefix in prefixes(node.namespace)})


def inputs_of(selection: Selection, compiled: Compiled) -> set[str]:
    """Return the datasets that the selected pipelines read."""
    nodes = (compiled.nodes[index] for index in _indices(selection, compiled))
    return {name for node in nodes for name in node.inputs if not is_parameter(name)}


def _indices(selection: Selection, compiled: Compiled) -> set[int]:
    names = selection.pipelines or ("__default__",)
    return {index for name in names for index in compiled.document["pipelines"].get(name, ())}


def _require(kind: str, wanted: Collection[str], known: Collection[str]) -> None:
    for name in wanted:
        if name not in known:
            near = did_you_mean(name, known) or f" There are: {listed(sorted(known), limit=10)}." * bool(known)
            raise ProjectError(f"There is no {kind} '{name}'.{near}")
