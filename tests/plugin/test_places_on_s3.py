"""Where the document says that datasets lie on S3, for start_run to ask about them, and of which it says why not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dag.document import GraphDocument, read_document
from kedro_aws_batch.graph.compile import compile_project, to_json
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project

from .project import CONFIGURATION, Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Make = Callable[[Sources], Path]

REUSING = {**CONFIGURATION, "reuse": True}
ENVIRONMENT = """
import os
CONFIG_LOADER_ARGS = {"custom_resolvers": {"bucket": lambda: os.environ.get("BUCKET", "bucket")}}
"""
CLOCK = """
from datetime import datetime
CONFIG_LOADER_ARGS = {"custom_resolvers": {"now": lambda: f"{datetime.now():%Y%m%d}"}}
"""
QUIET = """
CONFIG_LOADER_ARGS = {"custom_resolvers": {"bucket": lambda: "bucket"}}
"""
HOOK = """
from kedro.framework.hooks import hook_impl
from kedro.io import MemoryDataset
from kedro_datasets.pickle import PickleDataset

class Hooks:
    @hook_impl
    def after_catalog_created(self, catalog):
        catalog["x"] = PickleDataset(filepath="s3://bucket/x.pkl")

HOOKS = (Hooks(),)
"""
OWN = """
from kedro_datasets.pickle import PickleDataset

class Own(PickleDataset):
    pass
"""


def document(make_project: Make, entry: Mapping[str, Any] | None, **sources: Any) -> GraphDocument:
    """Return the deployed document of a project that reads this dataset."""
    registry = """
def register_pipelines():
    return {"__default__": pipeline([node(same, "x", "y", name="first"), node(same, "y", "z", name="second")])}
"""
    catalog = {**({"x": dict(entry)} if entry else {}), "z": pickled("s3://bucket/z.pkl")}
    given = {"registry": registry, "catalog": catalog, "configuration": REUSING, **sources}
    project = make_project(Sources(**given))
    return read_document(json.dumps(compile_project(open_project(Opening(path=project))).signed))


def place(make_project: Make, entry: Mapping[str, Any] | None, **sources: Any) -> str:
    return document(make_project, entry, **sources).places["x"]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (pickled("s3://bucket/in/x.pkl"), "bucket/in/x.pkl"),
        (pickled("S3a://bucket/in/x.pkl"), "bucket/in/x.pkl"),
        ({**pickled("s3://bucket/ü x.pkl"), "versioned": True}, "bucket/ü x.pkl"),
        ({**pickled("s3://bucket/x.pkl"), "fs_args": {"client_kwargs": {"region_name": "x"}}}, "bucket/x.pkl"),
        ({"type": "CachedDataset", "dataset": pickled("s3://bucket/x.pkl")}, "bucket/x.pkl"),
        ({"type": "partitions.PartitionedDataset", "path": "s3://b-1/in/", "dataset": "json.JSONDataset"}, "b-1/in"),
        (
            {
                "type": "partitions.IncrementalDataset",
                "path": "s3://b-1/in",
                "dataset": "json.JSONDataset",
                "checkpoint": {"filepath": "s3://elsewhere/checkpoint"},
            },
            "b-1/in",
        ),
        (pickled("s3://bucket/${runtime_params:aws_batch.run_date}/x.pkl"), "?it lies elsewhere in each run"),
        (pickled("s3://bucket/${runtime_params:day, 1}/x.pkl"), "?parameters of the run may say where it lies"),
        (pickled("s3://${runtime_params:bucket}/x.pkl"), "?parameters of the run may say where it lies"),
        (pickled("/mnt/data/x.pkl"), "?it is not on S3"),
        (pickled("gs://bucket/x.pkl"), "?it is not on S3"),
        (pickled("simplecache::s3://bucket/x.pkl"), "?it is not on S3"),
        (pickled("s3://bucket"), "?it is not on S3"),
        (pickled("s3://bucket/x.pkl?versionId=1"), "?it is not on S3"),
        (pickled("s3://bucket/in//x.pkl"), "?its path has signs that may mean another"),
        (pickled("s3://bucket/in/../x.pkl"), "?its path has signs that may mean another"),
        ({**pickled("s3://bucket/x[1].pkl"), "versioned": True}, "?its path has signs that may mean another"),
        (
            {**pickled("s3://bucket/x.pkl"), "fs_args": {"client_kwargs": {"endpoint_url": "https://minio"}}},
            "?its entry names another store than AWS' own S3",
        ),
        (
            {**pickled("s3://bucket/x.pkl"), "credentials": {"client_kwargs": {"endpoint_url": "https://minio"}}},
            "?its entry names another store than AWS' own S3",
        ),
        (
            {**pickled("s3://bucket/x.pkl"), "credentials": {"AWS_ENDPOINT_URL": "https://minio"}},
            "?its entry names another store than AWS' own S3",
        ),
        (
            {"type": "pandas.SQLTableDataset", "table_name": "t", "credentials": {"con": "postgresql://h/d"}},
            "?the entry of a SQLTableDataset does not say where all of its data lies",
        ),
    ],
)
def test_a_dataset_lies_where_its_entry_says_or_the_reason_says_why_not(
    make_project: Make, entry: Mapping[str, Any], told: str
) -> None:
    assert place(make_project, entry) == told


def test_nothing_is_said_of_what_is_in_memory_nor_in_projects_that_do_not_reuse(make_project: Make) -> None:
    entry = pickled("s3://bucket/x.pkl")
    reusing = document(make_project, entry)
    assert reusing.places == {"x": "bucket/x.pkl", "z": "bucket/z.pkl"}
    plain = document(make_project, entry, configuration=CONFIGURATION)
    assert plain.places == {}


def test_credentials_are_looked_at_and_never_told(make_project: Make) -> None:
    catalog = {name: pickled(f"s3://bucket/{name}.pkl", credentials=f"of_{name}") for name in ("x", "y")}
    project = make_project(Sources(catalog={**catalog, "z": pickled("s3://bucket/z.pkl")}, configuration=REUSING))
    credentials = "of_x: {key: secret-value}\nof_y: {key: secret-value, client_kwargs: {endpoint_url: 'https://minio'}}"
    (project / "conf/aws_batch/credentials.yml").write_text(credentials)
    registry = next(project.glob("src/*/pipeline_registry.py"))
    registry.write_text(
        registry.read_text().replace('"raw"', '"x"').replace('"middle"', '"y"').replace('"final"', '"z"')
    )
    text = to_json(compile_project(open_project(Opening(path=project))).signed)
    assert read_document(text).places == {
        "x": "bucket/x.pkl",
        "y": "?its entry names another store than AWS' own S3",
        "z": "bucket/z.pkl",
    }
    assert [word for word in ("secret-value", "minio", "of_x") if word in text] == []


def test_places_are_no_part_of_the_graph(make_project: Make) -> None:
    here, there = (
        document(make_project, pickled(f"s3://{bucket}/x.pkl"), package="places_of_one_graph")
        for bucket in ("bucket", "another")
    )
    assert here.places != there.places
    assert here.digest == there.digest


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (QUIET, "bucket/x.pkl"),
        (ENVIRONMENT, "?a resolver of the project may read environment variables, so it may lie elsewhere for jobs"),
        (CLOCK, "?a resolver of the project may read the time, so it may lie elsewhere in each run"),
        (HOOK, "?a hook makes it"),
    ],
)
def test_what_a_project_s_own_code_makes_of_a_place_is_not_told(make_project: Make, settings: str, told: str) -> None:
    entry = None if settings == HOOK else pickled("s3://bucket/x.pkl")
    assert place(make_project, entry, settings=settings) == told


_OWN_TYPE = "own_types_of_places.own.Own"


@pytest.mark.parametrize(
    "entry",
    [
        {"type": _OWN_TYPE, "filepath": "s3://bucket/x.pkl"},
        {"type": "CachedDataset", "dataset": {"type": _OWN_TYPE, "filepath": "s3://bucket/x.pkl"}},
        {"type": "partitions.PartitionedDataset", "path": "s3://bucket/in", "dataset": _OWN_TYPE},
        {"type": "partitions.PartitionedDataset", "path": "s3://bucket/in", "dataset": {"type": _OWN_TYPE}},
    ],
)
def test_only_the_author_of_a_type_knows_where_its_data_lies(make_project: Make, entry: Mapping[str, Any]) -> None:
    told = place(make_project, entry, package="own_types_of_places", modules={"own.py": OWN})
    assert told == "?only the author of its type, Own, knows where its data lies"
