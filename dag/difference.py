"""The contents of a graph document, name by name, so that a caller can find the differences from its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .document import Dataset, GraphDocument, Node

#: With more nodes the answer would be too long for a Lambda function.
MOST_NODES = 20_000


def fingerprints(document: GraphDocument) -> dict[str, Any]:
    """Return 12 hex digits for each node, pipeline, dataset and setting."""
    nodes: dict[str, list[str]] = {}
    for node in document.nodes:
        nodes.setdefault(node.name, []).append(_fingerprint(_entry(node)))
    return {
        "environment": document.environment,
        "nodes": {name: "+".join(sorted(found)) for name, found in nodes.items()},
        "pipelines": {
            name: _fingerprint(sorted(document.nodes[index].name for index in indices))
            for name, indices in document.pipelines.items()
        },
        "datasets": {name: _fingerprint(_said(dataset)) for name, dataset in document.datasets.items()},
        "run": {key: _fingerprint(value) for key, value in document.run.items()},
    }


def _entry(node: Node) -> Mapping[str, Any]:
    """Return the node in the document's form."""
    return {
        "name": node.name,
        "str": node.display,
        "namespace": node.namespace,
        "tags": sorted(node.tags),
        "inputs": node.inputs,
        "outputs": node.outputs,
        "resources": node.resources,
        **({"confirms": node.confirms} if node.confirms else {}),
    }


def _said(dataset: Dataset) -> dict[str, Any]:
    """Return a dataset in the document's form, which omits partitions if there are none."""
    return {name: value for name, value in vars(dataset).items() if value is not None}


def _fingerprint(value: Any) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
