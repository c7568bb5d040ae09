"""Of which inputs a command asks the storage before it resumes a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch.cli.prepare import Prepared, inputs_to_ask
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project

from ..project import Sources, pickled, write_project

if TYPE_CHECKING:
    from collections.abc import Mapping

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
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    catalog: dict[str, Any] = {**CATALOG, "partitions": PARTITIONS}
    folder = write_project(tmp_path_factory.mktemp("project"), Sources(registry=REGISTRY, catalog=catalog))
    project = open_project(Opening(path=folder))
    return Prepared(project, compile_project(project), [])


@pytest.mark.parametrize(
    ("earlier", "request_", "asked"),
    [
        ({}, {"resume_from": RUN_ID}, {"raw@one"}),
        ({}, {}, set()),
        ({"from_nodes": ["second"]}, {"resume_from": RUN_ID}, {"middle"}),
        ({"load_versions": {"raw": RUN_ID}}, {"resume_from": RUN_ID}, set()),
        ({}, {"resume_from": RUN_ID, "load_versions": {"raw": RUN_ID}}, set()),
    ],
)
def test_those_that_no_node_of_the_run_makes_or_confirms_and_nobody_pins(
    prepared: Prepared, earlier: Mapping[str, Any], request_: Mapping[str, Any], asked: set[str]
) -> None:
    assert inputs_to_ask(prepared, request_, earlier) == asked
