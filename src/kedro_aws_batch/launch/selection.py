"""What the user asked to run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.document import is_parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        """Return the fields of a request to start_run."""
        return {
            name: list(value) if isinstance(value, tuple) else dict(value)
            for name, value in vars(self).items()
            if value
        }


@dataclass(frozen=True)
class RunOptions:
    """A run's options besides its nodes; None leaves one to the configuration."""

    max_workers: int | None = None
    on_failure: str | None = None
    resume_from: str | None = None
    reuse: bool | None = None
    description: str | None = None

    def request(self) -> dict[str, Any]:
        """Return the fields of a request to start_run."""
        return {name: value for name, value in vars(self).items() if value is not None}


def inputs_of(selection: Selection, compiled: Compiled) -> set[str]:
    """Return the datasets that the selected pipelines read."""
    nodes = (compiled.nodes[index] for index in _indices(selection, compiled))
    return {name for node in nodes for name in node.inputs if not is_parameter(name)}


def _indices(selection: Selection, compiled: Compiled) -> set[int]:
    names = selection.pipelines or ("__default__",)
    return {index for name in names for index in compiled.document["pipelines"].get(name, ())}
