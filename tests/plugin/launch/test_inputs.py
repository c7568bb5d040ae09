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
from kedro_aws_batch.launch.inputs import Input, Uploaded, buckets, exists, free_inputs, local_sources, upload

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


def nowhere(_: str) -> bool:
    return False


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


def test_the_source_of_an_input_is_where_its_data_is_and_not_where_its_checkpoint_is(make_project: Make) -> None:
    def parts(path: str, checkpoint: str) -> dict[str, Any]:
        inner = {"dataset": "text.TextDataset", "checkpoint": {"filepath": f"{checkpoint}/CHECKPOINT"}}
        return {"type": "partitions.IncrementalDataset", "path": path, **inner}

    base = {"raw": parts("s3://far/in", "data/in"), "folder": parts("data/in", "data/in")}
    there = {name: parts(f"s3://inbox/{name}", f"s3://inbox/{name}") for name in base}
    path = make_project(Sources(REGISTRY, CATALOG | there, base_catalog=base, parameters={"x": 1}))
    project = open_project(Opening(path=path))
    assert local_sources(project, ["raw", "folder"]) == {"folder": path / "data/in"}


def test_files_and_folders_are_uploaded_once_and_again_when_they_change(tmp_path: Path, s3: Any) -> None:
    (tmp_path / "folder/deeper").mkdir(parents=True)
    for name in ("file", "folder/a", "folder/deeper/b", "folder/.gitkeep"):
        (tmp_path / name).write_text(name)
    inputs = [Input("x", "inbox", "k/file", tmp_path / "file"), Input("y", "inbox", "k/folder/", tmp_path / "folder")]
    assert upload(s3, inputs, {"x", "y"}, nowhere) == Uploaded(3, 27, 0)
    assert keys(s3) == {"k/file": b"file", "k/folder/a": b"folder/a", "k/folder/deeper/b": b"folder/deeper/b"}
    (tmp_path / "file").write_text("changed")
    assert upload(s3, inputs, {"x", "y"}, nowhere) == Uploaded(1, 7, 2)
    assert keys(s3)["k/file"] == b"changed"


def test_a_missing_input_is_refused_if_it_is_needed_and_nothing_is_uploaded(tmp_path: Path, s3: Any) -> None:
    (tmp_path / "there").write_text("x")
    inputs = [
        Input("there", "inbox", "there", tmp_path / "there"),
        Input("gone", "inbox", "gone", tmp_path / "gone"),
        Input("unknown", "inbox", "unknown", None),
    ]
    with pytest.raises(ProjectError) as raised:
        upload(s3, inputs, {"there", "gone", "unknown"}, nowhere)
    assert str(raised.value).splitlines()[1:] == [
        f"  'gone' at s3://inbox/gone: its local file '{tmp_path / 'gone'}' does not exist.",
        "  'unknown' at s3://inbox/unknown: name a local file for it in conf/base/catalog.yml to have it uploaded.",
    ]
    assert keys(s3) == {}
    assert upload(s3, inputs, {"there"}, nowhere) == Uploaded(1, 1, 0)


def test_an_input_that_an_earlier_run_left_needs_no_local_file(s3: Any) -> None:
    s3.put_object(Bucket="inbox", Key="raw/2026/raw", Body=b"x")
    assert upload(s3, [Input("raw", "inbox", "raw", None)], {"raw"}, nowhere) == Uploaded()
    with pytest.raises(ProjectError):
        upload(s3, [Input("r", "inbox", "r", None)], {"r"}, nowhere)


def test_of_many_alike_names_the_one_that_is_meant_is_found(s3: Any) -> None:
    for number in range(12):
        s3.put_object(Bucket="inbox", Key=f"parts-{number}/x", Body=b"x")
    with pytest.raises(ProjectError):
        upload(s3, [Input("parts", "inbox", "parts", None)], {"parts"}, nowhere)
    s3.put_object(Bucket="inbox", Key="parts/x", Body=b"x")
    assert upload(s3, [Input("parts", "inbox", "parts", None)], {"parts"}, nowhere) == Uploaded()


TYPES = """
from kedro.io import AbstractDataset
class Told(AbstractDataset):
    def __init__(self, filepath, there=None): self.there = there
    def _load(self): return {}
    def _save(self, data): ...
    def _describe(self): return {}
    def _exists(self):
        if self.there is None: raise RuntimeError("no way")
        return self.there
class Silent(AbstractDataset):
    def __init__(self, filepath): ...
    def _load(self): return {}
    def _save(self, data): ...
    def _describe(self): return {}
"""


def test_an_input_that_is_at_no_path_is_there_if_its_dataset_says_so(make_project: Make, s3: Any) -> None:
    package = "told_package"
    told = {"type": f"{package}.types.Told", "filepath": "s3://inbox/x"}
    catalog = {
        "far": {**told, "there": True},
        "raw": {**told, "there": False},
        "folder": told,
        "web": {"type": f"{package}.types.Silent", "filepath": "s3://inbox/y"},
    }
    sources = Sources(REGISTRY, catalog, modules={"types.py": TYPES}, parameters={"x": 1}, package=package)
    project = open_project(Opening(path=make_project(sources)))
    assert [exists(project, name) for name in ("far", "raw", "web")] == [True, False, True]
    with pytest.raises(ProjectError, match=r"(?s)Can't tell whether 'folder' exists: .*no way"):
        exists(project, "folder")
    inputs = [Input(name, "inbox", "x", None) for name in ("far", "raw")]
    with pytest.raises(ProjectError) as raised:
        upload(s3, inputs, {"far", "raw"}, lambda name: exists(project, name))
    assert "'raw' at s3://inbox/x" in str(raised.value)
    assert "'far'" not in str(raised.value)
