"""Prints, as JSON, Kedro's account of the project in the working directory: started as a separate process."""

import json
import sys
from pathlib import Path
from typing import Any

from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline.node import Node


def main() -> None:
    """Describe the pipelines, and their datasets and parameters in the environments on the command line."""
    bootstrap_project(Path.cwd())
    from kedro.framework.project import pipelines  # noqa: PLC0415

    nodes = pipelines["__default__"].nodes
    names = {name for node in nodes for name in [*node.inputs, *node.outputs] if not name.startswith("params:")}
    description = {
        "pipelines": {name: [node.name for node in pipeline.nodes] for name, pipeline in pipelines.items()},
        "nodes": [_describe(node) for node in nodes],
        "environments": {environment: _open(environment, sorted(names)) for environment in sys.argv[1:]},
    }
    sys.stdout.write(json.dumps(description))


def _describe(node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "named": node._name is not None,
        "namespace": node.namespace,
        "tags": sorted(node.tags),
        "inputs": node.inputs,
        "outputs": node.outputs,
    }


def _open(environment: str, names: list[str]) -> dict[str, Any]:
    """Return the parameters, one of them set at run time, and the catalog's entry for each dataset."""
    session: Any = KedroSession.create(env=environment, runtime_params={"split": {"test_share": 0.5}})
    with session:
        context = session.load_context()
        return {"parameters": context.params, "datasets": {name: _entry(context.catalog, name) for name in names}}


def _entry(catalog: Any, name: str) -> dict[str, Any]:
    """Return a dataset's entry, with patterns resolved and paths below the project; empty if there is none."""
    entry: dict[str, Any] | None = catalog._lazy_datasets[name].config if name in catalog._lazy_datasets else None
    entry = entry or catalog.config_resolver.resolve_pattern(name)
    return entry | {"filepath": entry["filepath"].removeprefix(f"{Path.cwd()}/")} if "filepath" in entry else entry


if __name__ == "__main__":
    main()
