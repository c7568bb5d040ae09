"""The graph document as the service reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dag.document import Dataset, Node, base_name, digest_of, is_parameter, read_document
from dag.errors import InvalidGraphError

GOLDEN = Path(__file__).parents[1] / "golden" / "graph_document.json"


def golden() -> dict[str, Any]:
    return dict(json.loads(GOLDEN.read_text(encoding="utf-8")))


def sealed(raw: dict[str, Any]) -> str:
    return json.dumps({**raw, "digest": digest_of(raw)})


def test_the_golden_document_that_the_plugin_writes_is_read() -> None:
    document = read_document(GOLDEN.read_bytes())

    assert (document.project, document.environment, len(document.nodes)) == ("golden_flights", "aws_batch", 5)
    assert document.nodes[3] == Node(
        "fit_node",
        "fit_node: same([train]) -> [model]",
        None,
        frozenset({"gpu"}),
        ("train",),
        ("model",),
        {"vcpus": 4, "memory": 16000, "timeout": 300, "attempts": 1, "gpus": 1, "job_definition": "kedro_run_large"},
    )
    assert document.nodes[4].outputs == ()
    assert document.nodes[1].namespace == "processing"
    assert document.pipelines == {"__default__": (0, 1, 2, 3, 4), "processing": (0, 1), "science": (2, 3, 4)}
    assert document.datasets["model"] == Dataset("pickle.PickleDataset", "remote", versioned=True)
    assert document.datasets["train"] == Dataset("kedro.io.MemoryDataset", "memory", versioned=False)
    assert document.run == golden()["run"]
    assert document.digest == golden()["digest"]


def test_its_layout_does_not_matter_to_the_digest_and_its_content_does() -> None:
    raw = golden()
    assert read_document(json.dumps(raw, indent=8, sort_keys=True)) == read_document(GOLDEN.read_bytes())
    assert digest_of({**raw, "environment": "größe"}) != raw["digest"]


def drop(*path: str | int) -> Callable[[dict[str, Any]], None]:
    def change(raw: dict[str, Any]) -> None:
        inner: Any = raw
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]

    return change


@pytest.mark.parametrize(
    "change",
    [
        drop("nodes"),
        drop("pipelines"),
        drop("datasets"),
        drop("run"),
        drop("project"),
        drop("nodes", 0, "resources"),
        drop("datasets", "model", "versioned"),
        lambda raw: raw.update(nodes=None),
        lambda raw: raw.update(nodes=["train"]),
        lambda raw: raw.update(pipelines=[0, 1]),
        lambda raw: raw["datasets"].update(model="remote"),
        lambda raw: raw["pipelines"].update(science=["2"]),
    ],
)
def test_what_is_missing_or_malformed_is_refused_as_one_sentence(change: Callable[[dict[str, Any]], None]) -> None:
    raw = golden()
    change(raw)
    with pytest.raises(InvalidGraphError, match=r"^The graph document is incomplete or malformed \(.*\)\. Compile it"):
        read_document(sealed(raw))


@pytest.mark.parametrize("index", [5, -1])
def test_a_pipeline_that_names_a_node_beyond_the_nodes_is_refused(index: int) -> None:
    raw = golden()
    raw["pipelines"]["science"] = [index]
    with pytest.raises(
        InvalidGraphError, match="Pipeline 'science' in the graph document names a node that doesn't exist"
    ):
        read_document(sealed(raw))


@pytest.mark.parametrize("text", ["", "{", b"\xff\xfe", "nodes: []"])
def test_what_is_not_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidGraphError, match="The graph document is not JSON"):
        read_document(text)


@pytest.mark.parametrize("text", ["[]", "null", '{"nodes": []}'])
def test_json_of_something_else_is_refused_with_what_makes_the_right_one(text: str) -> None:
    with pytest.raises(InvalidGraphError, match=r"not a graph document: .* `kedro aws-batch compile` makes one"):
        read_document(text)


def test_another_format_is_refused_with_both_formats_named() -> None:
    with pytest.raises(InvalidGraphError, match="is of format 2, but this service reads format 1"):
        read_document(json.dumps({**golden(), "format": 2}))


def test_a_document_that_was_changed_after_it_was_compiled_is_refused() -> None:
    raw = golden()
    raw["run"]["job_queue"] = "another"
    with pytest.raises(InvalidGraphError, match="does not match its digest"):
        read_document(json.dumps(raw))


def test_fields_that_a_later_compiler_adds_are_passed_by() -> None:
    raw = golden()
    raw["nodes"][0]["colour"] = raw["colour"] = "red"
    assert read_document(sealed(raw)).nodes[0] == read_document(GOLDEN.read_bytes()).nodes[0]


def test_a_nodes_signature_is_its_name_inputs_and_outputs_and_nothing_else() -> None:
    node = read_document(GOLDEN.read_bytes()).nodes[0]
    same = Node(node.name, "other", "other", frozenset({"other"}), node.inputs, node.outputs, {"memory": 1})
    other = Node(node.name, node.display, node.namespace, node.tags, node.inputs, (*node.outputs, "more"), {})
    assert (same.signature == node.signature, other.signature == node.signature) == (True, False)


def test_transcoding_and_parameters_are_told_by_name() -> None:
    assert [base_name(name) for name in ("cars", "cars@spark", "ns.cars@x")] == ["cars", "cars", "ns.cars"]
    names = ("parameters", "params:x", "params:x.y", "parameters_of_mine", "x")
    assert [is_parameter(name) for name in names] == [True, True, True, False, False]
