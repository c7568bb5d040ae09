"""Prints the most MB that a process needs to start a run of a shape: `python -m benchmarks.memory SHAPE`."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "CRITICAL")

import json

from benchmarks.aws.deployment import Deployment
from benchmarks.aws.service import Service
from benchmarks.shapes import SHAPES
from dag.document import GraphDocument, digest_of, read_document
from tests.simulation.graphs import document


def main() -> None:
    """Write the document; then, in a fresh process, read it, start a run and print the memory that this took."""
    if sys.argv[1] != "--read":
        made = document(SHAPES[sys.argv[1]](), array_jobs=True)
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            json.dump(as_json(made), file)
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks.memory", "--read", file.name])  # noqa: S606
    path = Path(sys.argv[2])
    service = Service(read_document(path.read_bytes()), lambda _: 1e9, Deployment())
    path.unlink()
    service.begin()
    service.timeline.go(lambda: service.usage.invocations["start_run"] > 0)
    scale = 1024 if sys.platform == "linux" else 1024 * 1024  # kilobytes there, bytes on macOS
    print(round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale))


def as_json(made: GraphDocument) -> dict[str, object]:
    """Return a document as the plugin writes it."""
    body = {
        "format": 1,
        "project": made.project,
        "package": made.project,
        "kedro_version": "1.7.0",
        "environment": made.environment,
        "nodes": [
            {
                "name": node.name,
                "str": node.display,
                "namespace": node.namespace,
                "tags": sorted(node.tags),
                "inputs": node.inputs,
                "outputs": node.outputs,
                "resources": node.resources,
            }
            for node in made.nodes
        ],
        "pipelines": made.pipelines,
        "datasets": {name: vars(dataset) for name, dataset in made.datasets.items()},
        "run": made.run,
    }
    return {**body, "digest": digest_of(body)}


if __name__ == "__main__":
    main()
