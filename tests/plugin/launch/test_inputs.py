from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from kedro_aws_batch.errors import ProjectError
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project
from kedro_aws_batch.launch.inputs import Input, Uploaded, buckets, free_inputs, local_sources, upload

from ..project import Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Make = Callable[[Sources], Path]

REGISTRY = """
def register_pipelines():
    one = pipeline([node(pair, ["raw", "table@b", "params:x", "web", "far"], "middle", name="one")])
    two = pipeline([node(pair, ["middle", "folder", "table@a"], "final", name="two")])
    return {"__default__": one + two, "one": one}
"""
CATALOG: dict[str, Any] = {
    "raw": pickled("s3://inbox/raw.pkl"),
    "table@a": pickled("s3a://inbox/table"),
    "table@b": pickled("s3a://inbox/table"),
    "web": pickled("https://example.com/x"),
    "{any}": pickled("s3://out/{any}"),
}


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")  # noqa: S106
        client.create_bucket(Bucket="inbox")
        yield client


def keys(s3: Any) -> dict[str, bytes]:
    entries = s3.list_objects_v2(Bucket="inbox").get("Contents", [])
    return {entry["Key"]: s3.get_object(Bucket="inbox", Key=entry["Key"])["Body"].read() for entry in entries}


def test_the_inputs_that_no_node_makes_have_the_sources_of_a_plain_run(make_project: Make) -> None:
    base = {
        "raw": pickled("data/raw.pkl", credentials="nowhere"),
        "far": pickled("s3://else/far"),
        "{any}": pickled("d/{any}"),
    }
    path = make_project(Sources(REGISTRY, CATALOG, base_catalog=base, parameters={"x": 1}))
    project = open_project(Opening(path=path))
    compiled = compile_project(project)
    sources = local_sources(project, [one.dataset for one in free_inputs(compiled, {})])
    assert buckets(compiled) == ["else", "inbox", "out"]
    assert free_inputs(compiled, sources) == [
        Input("far", "else", "far", None),
        Input("folder", "out", "folder", path / "d/folder"),
        Input("raw", "inbox", "raw.pkl", path / "data/raw.pkl"),
        Input("table@a", "inbox", "table", path / "d/table@a"),
    ]


def test_files_and_folders_are_uploaded_once_and_again_when_they_change(tmp_path: Path, s3: Any) -> None:
    (tmp_path / "folder/deeper").mkdir(parents=True)
    for name in ("file", "folder/a", "folder/deeper/b", "folder/.gitkeep"):
        (tmp_path / name).write_text(name)
    inputs = [Input("x", "inbox", "k/file", tmp_path / "file"), Input("y", "inbox", "k/folder/", tmp_path / "folder")]
    assert upload(s3, inputs, {"x", "y"}) == Uploaded(3, 27, 0)
    assert keys(s3) == {"k/file": b"file", "k/folder/a": b"folder/a", "k/folder/deeper/b": b"folder/deeper/b"}
    (tmp_path / "file").write_text("changed")
    assert upload(s3, inputs, {"x", "y"}) == Uploaded(1, 7, 2)
    assert keys(s3)["k/file"] == b"changed"


def test_a_missing_input_is_refused_if_it_is_needed_and_nothing_is_uploaded(tmp_path: Path, s3: Any) -> None:
    (tmp_path / "there").write_text("x")
    inputs = [
        Input("there", "inbox", "there", tmp_path / "there"),
        Input("gone", "inbox", "gone", tmp_path / "gone"),
        Input("unknown", "inbox", "unknown", None),
    ]
    with pytest.raises(ProjectError) as raised:
        upload(s3, inputs, {"there", "gone", "unknown"})
    assert str(raised.value).splitlines()[1:] == [
        f"  'gone' at s3://inbox/gone: its local file '{tmp_path / 'gone'}' does not exist.",
        "  'unknown' at s3://inbox/unknown: name a local file for it in conf/base/catalog.yml, and it is uploaded.",
    ]
    assert keys(s3) == {}
    assert upload(s3, inputs, {"there"}) == Uploaded(1, 1, 0)


def test_an_input_that_an_earlier_run_left_needs_no_local_file(s3: Any) -> None:
    s3.put_object(Bucket="inbox", Key="raw/2026/raw", Body=b"x")
    assert upload(s3, [Input("raw", "inbox", "raw", None)], {"raw"}) == Uploaded()
    with pytest.raises(ProjectError):
        upload(s3, [Input("r", "inbox", "r", None)], {"r"})
