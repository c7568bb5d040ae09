"""`--only-missing-outputs`: Kedro evaluates it once, in the project; the jobs never do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import kedro
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner

from kedro_aws_batch.errors import ProjectError

from .selection import Selection

if TYPE_CHECKING:
    from kedro_aws_batch.graph.project import Project


def only_missing(selection: Selection, project: Project) -> Selection | None:
    """Return the selection of the nodes that Kedro would run for missing outputs; None if nothing is missing.

    Makes the datasets of the selected nodes, and asks whether they exist.
    """
    runner = SequentialRunner()
    if not hasattr(runner, "_filter_pipeline_for_missing_outputs"):
        raise ProjectError(f"Kedro {kedro.__version__} has no --only-missing-outputs: install a newer one.")
    try:
        found = runner._filter_pipeline_for_missing_outputs(filtered(selection, project), project.catalog)  # noqa: SLF001
    except Exception as error:
        raise ProjectError(f"Can't tell whether outputs exist: {type(error).__name__}: {error}") from error
    if not found.nodes:
        return None
    return Selection(
        pipelines=selection.pipelines,
        nodes=tuple(node.name for node in found.nodes),
        params=selection.params,
        load_versions=selection.load_versions,
    )


def filtered(selection: Selection, project: Project) -> Pipeline:
    """Return the selected part of the project, by Kedro's own filter."""
    together = Pipeline([])
    for name in selection.pipelines or ("__default__",):
        together += project.pipelines[name]
    return together.filter(
        tags=list(selection.tags) or None,
        from_nodes=list(selection.from_nodes) or None,
        to_nodes=list(selection.to_nodes) or None,
        node_names=list(selection.nodes) or None,
        from_inputs=list(selection.from_inputs) or None,
        to_outputs=list(selection.to_outputs) or None,
        node_namespaces=list(selection.namespaces) or None,
    )
