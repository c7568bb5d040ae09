from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dag.document import digest_of
from kedro_aws_batch.errors import ProjectError
from kedro_aws_batch.graph.compile import Compiled, compile_project, project_name, to_json
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project

from .project import CONFIGURATION, Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[Sources], Path]

GOLDEN = Path(__file__).parent.parent / "golden" / "graph_document.json"


def compiled(project: Path, **more: Any) -> Compiled:
    return compile_project(open_project(Opening(path=project, **more)))


def test_the_document_is_the_golden_one(make_project: Make) -> None:
    document = compiled(make_project(GOLDEN_SOURCES)).document
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    moving = {"digest": "", "kedro_version": ""}
    assert {**document, **moving} == {**golden, **moving}


def test_the_golden_document_has_its_own_digest() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert digest_of(golden) == golden["digest"]


def test_one_pipeline_of_all_nodes_keeps_the_order_that_kedro_runs_it_in(make_project: Make) -> None:
    project = open_project(Opening(path=make_project(Sources(registry=DIAMONDS))))
    indices = compile_project(project).document["pipelines"]["__default__"]
    assert indices == list(range(len(project.pipelines["__default__"].nodes)))
    assert [compile_project(project).nodes[i] for i in indices] == project.pipelines["__default__"].nodes


def test_every_pipeline_is_in_topological_order_even_when_pipelines_contradict_each_other(make_project: Make) -> None:
    project = open_project(Opening(path=make_project(Sources(registry=CONTRADICTION))))
    result = compile_project(project)
    for name, pipeline in project.pipelines.items():
        assert [result.nodes[i] for i in result.document["pipelines"][name]] == pipeline.nodes


def test_a_node_of_other_tags_in_another_pipeline_is_another_node(make_project: Make) -> None:
    registry = """
    def register_pipelines():
        plain = pipeline([node(same, "a", "b", name="n")])
        return {"__default__": plain, "nightly": pipeline(plain, tags="night")}
    """
    resources = {"tags": {"night": {"memory": 64}}}
    document = compiled(
        make_project(Sources(registry, configuration=CONFIGURATION | {"resources": resources}))
    ).document
    assert document["pipelines"] == {"__default__": [0], "nightly": [1]}
    assert [(node["tags"], node["resources"]) for node in document["nodes"]] == [([], {}), (["night"], {"memory": 64})]


@pytest.mark.parametrize(
    ("config", "location", "versioned"),
    [
        (pickled("s3://bucket/x"), "remote", False),
        (pickled("s3a://bucket/x", versioned=True), "remote", True),
        (pickled("abfs://c/x"), "remote", False),
        (pickled("dbfs:/mnt/x"), "remote", False),
        (pickled("data/x.pkl"), "local", False),
        (pickled("file:///data/x.pkl"), "local", False),
        (pickled("C:/data/x.pkl"), "local", False),
        (pickled("memory://x"), "memory", False),
        ({"type": "MemoryDataset"}, "memory", False),
        ({"type": "kedro.io.SharedMemoryDataset"}, "memory", False),
        ({"type": "api.APIDataset", "url": "https://example.com"}, "remote", False),
        ({"type": "pandas.SQLTableDataset", "table_name": "t", "credentials": "db"}, "local", False),
        (
            {"type": "partitions.PartitionedDataset", "path": "s3://b/p", "dataset": "pickle.PickleDataset"},
            "remote",
            False,
        ),
        (
            {"type": "partitions.PartitionedDataset", "path": "data/p", "dataset": "pickle.PickleDataset"},
            "local",
            False,
        ),
        (
            {
                "type": "partitions.PartitionedDataset",
                "path": "s3://b/p",
                "dataset": {"type": "pickle.PickleDataset", "versioned": True},
            },
            "remote",
            True,
        ),
        ({"type": "CachedDataset", "versioned": True, "dataset": pickled("s3://b/x")}, "remote", True),
        ({"type": "CachedDataset", "dataset": {"type": "MemoryDataset"}}, "memory", False),
        (None, "memory", False),
    ],
)
def test_where_a_dataset_lives_is_read_from_its_configuration(
    make_project: Make, config: dict[str, Any] | None, location: str, versioned: bool
) -> None:
    project = make_project(Sources(catalog={"middle": config} if config else {}))
    (project / "conf/aws_batch/credentials.yml").write_text("db: {con: 'sqlite:///data/my.db'}")
    found = compiled(project).document["datasets"]["middle"]
    assert (found["location"], found["versioned"]) == (location, versioned)


def test_factories_and_catch_all_patterns_are_resolved(make_project: Make) -> None:
    catalog = {"{x}ddle": pickled("s3://b/{x}.pkl", versioned=True), "{anything}": pickled("data/{anything}.pkl")}
    found = compiled(make_project(Sources(catalog=catalog))).datasets
    assert found["middle"].path == "s3://b/mi.pkl"
    assert (found["final"].location, found["middle"].versioned) == ("local", True)


def test_a_dataset_that_a_hook_adds_and_a_project_s_own_types_are_known(make_project: Make) -> None:
    types = """
    from kedro.io import AbstractDataset, MemoryDataset
    class Passing(MemoryDataset): ...
    class Kept(AbstractDataset):
        versioned = True
        def __init__(self, filepath, version=None): raise AssertionError("instantiated")
        def load(self): ...
        def save(self, data): ...
        def _describe(self): return {}
    """
    settings = """
    from kedro.framework.hooks import hook_impl
    from kedro_datasets.pickle import PickleDataset
    class Adds:
        @hook_impl
        def after_catalog_created(self, catalog):
            catalog["raw"] = PickleDataset(filepath="file:///somewhere/raw.pkl")
    HOOKS = (Adds(),)
    """
    catalog = {"middle": {"type": "owned.types.Passing"}, "final": {"type": "owned.types.Kept", "filepath": "s3://b/x"}}
    modules = {"../owned/__init__.py": "", "../owned/types.py": types}
    found = compiled(make_project(Sources(catalog=catalog, modules=modules, settings=settings))).datasets
    assert [found[name].location for name in ("raw", "middle", "final")] == ["local", "memory", "remote"]
    assert [found[name].versioned for name in ("raw", "middle", "final")] == [False, False, True]


def test_a_folder_that_every_job_sees_counts_as_remote(make_project: Make) -> None:
    catalog = {
        "raw": pickled("/mnt/efs/raw.pkl"),
        "middle": pickled("data/reference/x.pkl"),
        "final": pickled("data/x.pkl"),
    }
    configuration = CONFIGURATION | {"shared_paths": ["/mnt/efs", "data/reference"]}
    found = compiled(make_project(Sources(catalog=catalog, configuration=configuration))).datasets
    assert [found[name].location for name in ("raw", "middle", "final")] == ["remote", "remote", "local"]


def test_the_document_holds_no_secret_no_path_and_no_parameter_value(make_project: Make) -> None:
    catalog = {
        "middle": pickled("s3://bucket-of-mine/x.pkl", credentials="mine"),
        "{any}": pickled("s3://bucket-of-mine/{any}"),
    }
    project = make_project(Sources(catalog=catalog, parameters={"rate": "par-value"}))
    (project / "conf/aws_batch/credentials.yml").write_text("mine: {key: secret-value}")
    text = to_json(compiled(project).document)
    assert [word for word in ("secret-value", "bucket-of-mine", "par-value", str(project)) if word in text] == []


def test_resources_are_won_by_the_nearest_layer_key_by_key(make_project: Make) -> None:
    registry = """
    def register_pipelines():
        inner = pipeline([node(same, "a", "b", name="n", tags=["gpu"])], namespace="outer.inner")
        other = pipeline([node(same, "c", "d", name="n")], namespace="outerly")
        return {"__default__": inner + other}
    """
    resources = {
        "default": {"vcpus": 1, "memory": 2000, "environment": {"A": 1, "B": True}},
        "tags": {"gpu": {"gpus": 1, "memory": 3000}},
        "namespaces": {"outer.inner": {"memory": 5000}, "outer": {"memory": 4000, "timeout": 60}},
        "nodes": {"outer.inner.n": {"vcpus": 0.5, "environment": {"A": "2"}}},
    }
    document = compiled(
        make_project(Sources(registry, configuration=CONFIGURATION | {"resources": resources}))
    ).document
    assert {node["name"]: node["resources"] for node in document["nodes"]} == {
        "outer.inner.n": {
            "vcpus": 0.5, "memory": 5000, "gpus": 1, "timeout": 60, "environment": {"A": "2", "B": "true"},
        },
        "outerly.n": {"vcpus": 1, "memory": 2000, "environment": {"A": "1", "B": "true"}},
    }  # fmt: skip


def test_a_pipeline_that_depends_on_the_environment_sees_it(make_project: Make) -> None:
    registry = """
    import os
    def register_pipelines():
        return {"__default__": pipeline([node(same, "a", "b", name=os.environ["KEDRO_ENV"])])}
    """
    assert compiled(make_project(Sources(registry))).nodes[0].name == "aws_batch"


def test_a_pipeline_that_cannot_be_imported_is_an_error_and_not_left_out(make_project: Make) -> None:
    registry = """
    from kedro.framework.project import find_pipelines
    def register_pipelines():
        return find_pipelines()
    """
    modules = {"pipelines/__init__.py": "", "pipelines/broken/__init__.py": "import nothing_of_that_name"}
    with pytest.raises(ProjectError, match=r"pipelines\.broken' module\. .*No module named 'nothing_of_that_name'"):
        compiled(make_project(Sources(registry, modules=modules)))


def test_an_environment_that_is_misspelt_is_named_with_those_there_are(make_project: Make) -> None:
    with pytest.raises(ProjectError, match=r"Did you mean 'aws_batch'\? There are: 'aws_batch', 'base', 'local'"):
        compiled(make_project(Sources()), environment="aws_bach")


def test_missing_credentials_are_one_sentence(make_project: Make) -> None:
    with pytest.raises(ProjectError, match=r"Unable to find credentials 'nowhere'"):
        compiled(make_project(Sources(catalog={"raw": pickled("s3://b/x", credentials="nowhere")})))


@pytest.mark.parametrize(
    ("package", "name"),
    [("spaceflights", "spaceflights"), ("my-pkg.x", "my_pkg_x"), ("_hidden", "hidden"), ("p" * 40, "p" * 32)],
)
def test_the_project_s_name_can_begin_a_job_s_name(package: str, name: str) -> None:
    assert project_name(package) == name


DIAMONDS = """
def register_pipelines():
    nodes = [node(same, "raw", f"a{i}", name=f"z{9 - i}") for i in range(5)]
    nodes += [node(pair, [f"a{i}", f"a{i + 1}"], f"b{i}", name=f"y{i}") for i in range(4)]
    whole = pipeline(nodes + [node(pair, [f"b{i}" for i in range(4)], "end", name="a")])
    return {"__default__": whole, "tail": whole.from_nodes("y2")}
"""
CONTRADICTION = """
def register_pipelines():
    to = node(same, "x", "y", name="to")
    fro = node(same, "y", "x", name="fro")
    other = node(same, "raw", "y", name="other")
    another = node(same, "raw", "x", name="another")
    return {"there": pipeline([another, to]), "back": pipeline([other, fro])}
"""
GOLDEN_SOURCES = Sources(
    package="golden_flights",
    registry="""
    def register_pipelines():
        processing = pipeline(
            [
                node(same, "companies", "prepared@pandas", name="prepare"),
                node(pair, ["prepared@spark", "shuttles", "parameters"], ["table", "report"], name="join"),
            ],
            namespace="processing", inputs={"companies", "shuttles"}, outputs={"table"},
            parameters={"parameters"}, tags="etl",
        )
        science = pipeline(
            [
                node(pair, ["table", "params:split"], ["train", "test"], name="split_node"),
                node(same, "train", "model", name="fit_node", tags=["gpu"]),
                node(lambda x, y: None, {"x": "model", "y": "test"}, None, name="score_node"),
            ]
        )
        return {"__default__": processing + science, "processing": processing, "science": science}
    """,
    parameters={"split": {"test_size": 0.2}},
    catalog={
        "companies": {"type": "pandas.CSVDataset", "filepath": "s3://flights/companies.csv"},
        "shuttles": {"type": "pandas.ExcelDataset", "filepath": "s3://flights/shuttles.xlsx"},
        "processing.prepared@pandas": {"type": "pandas.ParquetDataset", "filepath": "s3://flights/prepared.pq"},
        "processing.prepared@spark": {"type": "spark.SparkDataset", "filepath": "s3a://flights/prepared.pq"},
        "{part}.report": {"type": "json.JSONDataset", "filepath": "s3://flights/{part}.json", "versioned": True},
        "table": {"type": "pandas.ParquetDataset", "filepath": "s3://flights/table.pq", "versioned": True},
        "model": {"type": "pickle.PickleDataset", "filepath": "s3://flights/model.pkl", "versioned": True},
    },
    configuration={
        "job_queue": "flights_queue",
        "job_definition": "kedro_run",
        "max_workers": 20,
        "resources": {
            "default": {"vcpus": 1, "memory": 2000, "timeout": 300, "attempts": 1},
            "tags": {"gpu": {"gpus": 1, "memory": 16000}},
            "namespaces": {"processing": {"memory": 4000, "environment": {"OMP_NUM_THREADS": 1}}},
            "nodes": {"fit_node": {"vcpus": 4, "job_definition": "kedro_run_large"}},
        },
    },
)  # fmt: skip
