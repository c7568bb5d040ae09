"""The graph document (docs/contracts.md): the plugin compiles it, and runs are made from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import InvalidGraphError
from .shape import ShapedBy

FORMAT = 1
#: Its name in the functions' zip.
DOCUMENT_FILE = "graph.json"
#: A run with more is refused: one invocation could not read its plan and shards in time.
MOST_GROUPS = 100_000

Resources = Mapping[str, Any]


def base_name(dataset: str) -> str:
    """Return a dataset's name without its transcoding: `cars@spark` is written and read as `cars`."""
    return dataset.partition("@")[0]


def is_parameter(dataset: str) -> bool:
    """Return whether a node's input is a parameter, which no node ever writes."""
    return dataset == "parameters" or dataset.startswith("params:")


def signature(name: str, inputs: Sequence[str], outputs: Sequence[str]) -> str:
    """Return 16 hex digits of a node's name, inputs and outputs: they agree for the same node of two deployments."""
    text = json.dumps([name, inputs, outputs], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Node:
    """A Kedro node in the document."""

    name: str
    display: str  #: `str(node)`, from which Kedro-Viz makes its ids
    namespace: str | None
    tags: frozenset[str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    resources: Resources
    #: Datasets that it confirms after it has run; only the object that loaded them can confirm them.
    confirms: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        """Return the node's signature, by which a resumed run and the jobs' image recognise it."""
        return signature(self.name, self.inputs, self.outputs)


@dataclass(frozen=True)
class Dataset:
    """Where a dataset lives and whether it keeps versions."""

    type: str
    location: str  #: `remote`, `local` or `memory`
    versioned: bool
    #: What happens to its partitions when others are saved: `kept` or `overwritten`; None if it has none.
    partitions: str | None = None


@dataclass(frozen=True)
class GraphDocument:
    """A compiled Kedro project."""

    digest: str
    project: str
    environment: str
    nodes: tuple[Node, ...]
    pipelines: Mapping[str, tuple[int, ...]]
    datasets: Mapping[str, Dataset]
    run: Mapping[str, Any]
    kedro_version: str = ""
    #: Digests of the values that nodes read as parameters, by the inputs' names: `params:rate`, or `parameters`.
    parameters: Mapping[str, str] = field(default_factory=dict)
    #: The runtime parameters that the configuration asks for anywhere, as `${runtime_params:day}`.
    runtime_params: Sequence[str] = ()
    #: The runtime parameters that it depends on, with the values for which it holds (`dag.shape`).
    shaped_by: ShapedBy = field(default_factory=dict)
    signatures: Mapping[str, Any] = field(default_factory=dict)  #: what its nodes are made of: `dag.signatures`
    #: Dataset → `bucket/key` on S3, or `?` and why that isn't told. Only if the project's runs reuse.
    places: Mapping[str, str] = field(default_factory=dict)


#: The parts of a document that are no part of the graph.
_BESIDE = ("digest", "parameters", "places", "signatures")


def digest_of(document: Mapping[str, Any]) -> str:
    """Return the digest of a document's canonical form, without itself and what is no part of the graph.

    Values of parameters are none: those of a run may be others. Nor is what nodes are made of, or where data lies.
    """
    body = {key: value for key, value in document.items() if key not in _BESIDE}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def read_document(text: str | bytes) -> GraphDocument:
    """Return the document in a text.

    Raises InvalidGraphError if it isn't JSON, has another format, is incomplete, or was changed after it was compiled.
    """
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise InvalidGraphError(f"The graph document is not JSON ({error}). Compile it again.") from error
    if not isinstance(raw, dict) or "format" not in raw:
        raise InvalidGraphError(
            "This is not a graph document: it has no 'format'. `kedro aws-batch compile` makes one."
        )
    if raw["format"] != FORMAT:
        raise InvalidGraphError(
            f"The graph document is of format {raw['format']!r}, but this service reads format {FORMAT}. "
            "Deploy with the plugin's own version of the service, or compile again with this one."
        )
    try:
        document = _parse(raw)
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidGraphError(
            f"The graph document is incomplete or malformed ({error!r}). Compile it again."
        ) from error
    if document.digest != digest_of(raw):
        raise InvalidGraphError(
            "The graph document does not match its digest: it was changed after it was compiled. Compile it again."
        )
    return document


def _parse(raw: Mapping[str, Any]) -> GraphDocument:
    nodes = tuple(
        Node(
            name=node["name"],
            display=node["str"],
            namespace=node["namespace"],
            tags=frozenset(node["tags"]),
            inputs=tuple(node["inputs"]),
            outputs=tuple(node["outputs"]),
            resources=node["resources"],
            confirms=tuple(node.get("confirms", ())),
        )
        for node in raw["nodes"]
    )
    pipelines = {name: tuple(indices) for name, indices in raw["pipelines"].items()}
    for name, indices in pipelines.items():
        if any(not 0 <= index < len(nodes) for index in indices):
            raise InvalidGraphError(
                f"Pipeline '{name}' in the graph document names a node that doesn't exist there. Compile it again."
            )
    datasets = {
        name: Dataset(entry["type"], entry["location"], entry["versioned"], entry.get("partitions"))
        for name, entry in raw["datasets"].items()
    }
    return GraphDocument(
        digest=raw["digest"],
        project=raw["project"],
        environment=raw["environment"],
        nodes=nodes,
        pipelines=pipelines,
        datasets=datasets,
        run=raw["run"],
        kedro_version=raw["kedro_version"],
        parameters=raw.get("parameters", {}),
        runtime_params=raw.get("runtime_params", ()),
        shaped_by=raw.get("shaped_by", {}),
        signatures=raw.get("signatures", {}),
        places=raw.get("places", {}),
    )
