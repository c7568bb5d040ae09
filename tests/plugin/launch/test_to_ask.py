"""Of which datasets a command asks the storage before it starts a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch._service.dag.meaning import to_ask
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project

from ..project import Sources, pickled, write_project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kedro_aws_batch._service.dag.document import GraphDocument

RUN_ID = "2026-11-22T13.11.00.123Z"
REGISTRY = """
def register_pipelines():
    return {"__default__": pipeline([
        node(same, "raw@one", "middle", name="first"),
        node(same, "middle", "final", name="second"),
        node(pair, ["final", "partitions", "in_memory"], "done", name="third", confirms="partitions"),
    ])}
"""
CATALOG = {name: pickled(f"s3://bucket/{name}.pkl") for name in ("raw@one", "middle", "final", "done")}
PARTITIONS = {"type": "partitions.IncrementalDataset", "path": "s3://bucket/in", "dataset": "pickle.PickleDataset"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> GraphDocument:
    catalog: dict[str, Any] = {**CATALOG, "partitions": PARTITIONS}
    folder = write_project(tmp_path_factory.mktemp("project"), Sources(registry=REGISTRY, catalog=catalog))
    return compile_project(open_project(Opening(path=folder))).read


@pytest.mark.parametrize(
    ("earlier", "request_", "asked"),
    [
        ({}, {"resume_from": RUN_ID}, {"raw@one", "middle", "final", "done"}),
        ({}, {}, set()),
        ({"from_nodes": ["second"]}, {"resume_from": RUN_ID}, {"middle", "final", "done"}),
        ({"load_versions": {"raw": RUN_ID}, "to_nodes": ["first"]}, {"resume_from": RUN_ID}, {"raw@one", "middle"}),
        ({}, {"reuse": True}, {"raw@one", "middle", "final", "done"}),
        ({}, {"reuse": True, "from_nodes": ["second"]}, {"middle", "final", "done"}),
        ({}, {"params": {"aws_batch": {"reuse": True}}, "to_nodes": ["first"]}, {"raw@one", "middle"}),
        ({}, {"reuse": True, "resume_from": RUN_ID}, {"raw@one", "middle", "final", "done"}),
    ],
)
def test_those_that_no_node_of_the_run_makes_or_confirms(
    document: GraphDocument, earlier: Mapping[str, Any], request_: Mapping[str, Any], asked: set[str]
) -> None:
    assert to_ask(document, request_, earlier) == asked


def test_a_run_that_may_not_reuse_asks_for_inputs_if_the_next_one_may(document: GraphDocument) -> None:
    reusing = replace(document, run={**document.run, "reuse": True})
    assert to_ask(reusing, {"reuse": False}, {}) == {"raw@one"}
