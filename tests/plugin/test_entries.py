"""Where the data of catalog entries of all types lies, and which nodes meet in one place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kedro.io import AbstractDataset, CachedDataset, MemoryDataset
from kedro_datasets.partitions import IncrementalDataset, PartitionedDataset  # type: ignore[import-untyped]
from kedro_datasets.text import TextDataset  # type: ignore[import-untyped]

from kedro_aws_batch.graph.check import check
from kedro_aws_batch.graph.compile import Compiled, compile_project
from kedro_aws_batch.graph.datasets import buckets_of, of_config, of_instance
from kedro_aws_batch.graph.entries import not_looked_into
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.places import Ground
from kedro_aws_batch.graph.project import open_project

from .commands import call
from .project import CONFIGURATION, Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[Sources], Path]

GOOGLE = {"google": {"token": "conf/key.json", "project": "/nowhere/x"}}
WRAPPER = {"type": "my.Wrapper", "dataset": pickled("data/x")}
MLFLOW = {"type": "kedro_mlflow.io.artifacts.MlflowArtifactDataset", "dataset": pickled("data/x")}
PARTS = {"type": "partitions.IncrementalDataset", "path": "s3://b/in", "dataset": "text.TextDataset"}
SQL, IBIS, CHROMA = "pandas.SQLTableDataset", "ibis.TableDataset", "x.chromadb.ChromaDBDataset"
IN_MEMORY = {"backend": "duckdb", "database": ":memory:"}


@pytest.mark.parametrize(
    ("config", "location", "key"),
    [
        (WRAPPER, "local", "dataset.filepath"),
        ({"type": "my.Wrapper", "dataset": pickled("s3://b/x")}, "remote", "dataset.filepath"),
        ({"type": "my.W", "inner": {"type": "my.W", "of": [WRAPPER]}}, "local", "inner.of.0.dataset.filepath"),
        ({"type": "my.Wrapper", "dataset": {"type": "MemoryDataset"}}, "memory", None),
        ({"type": "CachedDataset", "dataset": pickled("data/x")}, "local", "dataset.filepath"),
        (PARTS, "remote", "path"),
        ({**PARTS, "checkpoint": {"filepath": "data/in/CHECKPOINT"}}, "local", "checkpoint.filepath"),
        ({**PARTS, "checkpoint": {"type": "text.TextDataset", "filepath": "s3://b/in/C"}}, "remote", "path"),
        ({**PARTS, "checkpoint": "force-it"}, "remote", "path"),
        ({**PARTS, "dataset": {"type": "text.TextDataset"}}, "remote", "path"),
        ({"type": SQL, "credentials": {"con": "sqlite:///data/my.db"}}, "local", "credentials.con"),
        ({"type": SQL, "credentials": {"con": "postgresql://db/x"}}, "remote", None),
        ({"type": IBIS, "connection": {"backend": "duckdb", "database": "x.db"}}, "local", "connection.database"),
        ({"type": IBIS, "connection": {"backend": "postgres"}}, "remote", None),
        ({"type": IBIS, "connection": {"backend": "duckdb", "database": "md:x"}}, "remote", "connection.database"),
        ({"type": IBIS, "connection": {"backend": "duckdb"}}, "memory", "connection.database"),
        ({"type": IBIS, "table_name": "x"}, "memory", "connection.database"),
        ({"type": IBIS, "table_name": "x", "credentials": {"con": "postgres://db/x"}}, "remote", None),
        ({"type": "ibis.FileDataset", "filepath": "s3://b/x", "connection": IN_MEMORY}, "remote", "filepath"),
        ({"type": "ibis.FileDataset", "filepath": "data/x", "connection": IN_MEMORY}, "local", "filepath"),
        ({"type": SQL, "credentials": {"con": "sqlite:///:memory:"}}, "memory", "credentials.con"),
        ({"type": SQL, "credentials": {"con": "sqlite://"}}, "memory", "credentials.con"),
        ({"type": SQL, "credentials": {"con": "sqlite:///file:data/x?uri=true"}}, "local", "credentials.con"),
        ({"type": "x.polars.PolarsDatabaseDataset", "filepath": "x.sql", "credentials": {"con": "x"}}, "remote", None),
        ({"type": "x.optuna.StudyDataset", "backend": "sqlite", "database": "data/x.db"}, "local", "database"),
        ({"type": "x.optuna.StudyDataset", "backend": "postgresql", "database": "x"}, "remote", None),
        ({"type": "x.faiss.FAISSVectorStoreDataset", "index_path": "data/x"}, "local", "index_path"),
        ({"type": "databricks.ExternalTableDataset", "location": "/dbfs/x"}, "local", "location"),
        ({"type": CHROMA, "client_type": "persistent"}, "local", "client_settings.path"),
        ({"type": CHROMA, "client_type": "persistent", "client_settings": {"path": "/mnt/efs/x"}}, "remote",
         "client_settings.path"),
        ({"type": CHROMA, "client_type": "http", "client_settings": {"host": "x"}}, "remote", None),
        ({"type": CHROMA}, "memory", "client_type"),
        ({"type": "api.APIDataset", "url": "https://x/y", "response_dataset": pickled("data/x")}, "local",
         "response_dataset.filepath"),
        ({"type": "api.APIDataset", "url": "https://x/y"}, "remote", None),
        ({"type": "my.W", "sides": {"left": pickled("s3://b/x"), "right": pickled("data/x")}}, "local",
         "sides.right.filepath"),
        ({"type": "my.W", "source": {"path": "data/x"}, "target": {"path": "s3://b/x"}}, "local", "source.path"),
        (pickled("s3://b/x", load_args={"dtype": {"path": "/project/str"}, "schema": {"filepath": "conf/x.json"}}),
         "remote", "filepath"),
        (pickled("s3://b/x", metadata={"kedro-viz": {"preview": {"path": "data/x.png"}}}), "remote", "filepath"),
        ({"type": "my.Table", "connection": "duckdb:///x.db"}, "local", "connection"),
        ({"type": "pandas.SQLQueryDataset", "filepath": "sql/query.sql", "credentials": {"con": "x"}}, "remote", None),
        ({"type": "video.VideoDataset", "filename": "data/x.mp4"}, "local", "filename"),
        (pickled("simplecache::s3://b/x"), "remote", "filepath"),
        (pickled("zip://a.csv::s3://b/x.zip"), "remote", "filepath"),
        (pickled("zip://a.csv::/data/x.zip"), "local", "filepath"),
        (pickled("FILE:///data/x"), "local", "filepath"),
        (pickled("memory://x"), "memory", "filepath"),
        (pickled("abfss://c@account.dfs.core.windows.net/x"), "remote", "filepath"),
        (pickled("/mnt/efs/x"), "remote", "filepath"),
        ({"type": "my.Wrapper", "dataset": pickled("/mnt/efs/x")}, "remote", "dataset.filepath"),
        (MLFLOW, "memory", "dataset.filepath"),  # the nodes that pass it share a job: others find it nowhere
        ({**MLFLOW, "run_id": "abc"}, "remote", "dataset.filepath"),
    ],
)  # fmt: skip
def test_every_place_that_an_entry_names_is_looked_at(config: dict[str, Any], location: str, key: str | None) -> None:
    found = of_config(config, Ground(Path("/project"), ("/mnt/efs",)))
    assert (found.location, found.place and found.place.key) == (location, key)


class Own(AbstractDataset[Any, Any]):
    """A project's own type."""

    def load(self) -> Any: ...

    def save(self, data: Any) -> None: ...

    def _describe(self) -> dict[str, Any]:
        return {}


class Wrapping(Own):
    """One that a hook makes, around others."""

    def __init__(self, *inner: Any) -> None:
        self._left, self._right = inner


@pytest.mark.parametrize(
    ("more", "seen", "keys"),
    [
        ({}, False, ()),
        ({"filepath": "s3://b/x"}, True, ()),
        ({"filepath": "s3://b/x", "index_file": "data/x.idx"}, False, ("index_file",)),
        ({"filepath": "s3://b/x", "cache": "data/x"}, False, ("cache",)),
        ({"filepath": "s3://b/x", "cache": "s3://b/y", "folder": "/mnt/efs/x"}, True, ()),
        ({"folder": "s3://b/x"}, False, ()),
        ({"filepath": "s3://b/x", "endpoint": "/v1/things", "mime": "text/csv", "file": "x", "root": "//x"}, True, ()),
    ],
)
def test_what_only_an_author_knows_of_an_entry_is_not_taken_for_looked_into(
    tmp_path: Path, more: dict[str, str], seen: bool, keys: tuple[str, ...]
) -> None:
    (tmp_path / "data/x").mkdir(parents=True)
    found = of_config({"type": f"{__name__}.Own", **more}, Ground(tmp_path, ("/mnt/efs",)))
    assert (found.seen, found.unclear, found.location) == (seen, keys, "remote")


@pytest.mark.parametrize(
    ("dataset", "location", "key"),
    [
        (Wrapping(TextDataset(filepath="s3://b/x"), TextDataset(filepath="/data/x")), "local", "right.filepath"),
        (Wrapping(TextDataset(filepath="s3://b/x"), 7), "remote", "left.filepath"),
        (Wrapping(7, MemoryDataset()), "memory", None),
        (CachedDataset(TextDataset(filepath="/data/x")), "local", "dataset.filepath"),
        (CachedDataset(MemoryDataset()), "memory", None),
        (MemoryDataset(), "memory", None),
        (MemoryDataset(7), "remote", None),
        (PartitionedDataset(path="/data/x", dataset="text.TextDataset"), "local", "filepath"),
        (IncrementalDataset(path="memory://x", dataset="text.TextDataset"), "memory", "filepath"),
    ],
)
def test_every_place_of_a_dataset_that_a_hook_made_is_looked_at(dataset: Any, location: str, key: str | None) -> None:
    found = of_instance(dataset, Ground(Path("/project")))
    assert (found.location, found.place and found.place.key) == (location, key)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3://b/x", "s3n://b//x/"),
        ("gs://b/x", "gcs://b/./x"),
        ("abfs://c@a/x", "abfss://c@a/x"),
        ("/data/x", "file:///data//x"),
        ("file:/data/x", "FILE:///data/y/../x"),
        ("simplecache::s3://b/x", "S3://b/x"),
    ],
)
def test_one_place_is_known_by_all_its_names(one: str, other: str) -> None:
    assert Ground().place("filepath", one).normal == Ground().place("filepath", other).normal


def test_the_buckets_of_all_places_are_known() -> None:
    config = {
        **PARTS,
        "checkpoint": {"filepath": "s3a://c/C"},
        "dataset": {"type": "my.W", "dataset": pickled("gs://d/x")},
    }
    assert buckets_of(of_config(config)) == {"b", "c"}
    assert buckets_of(of_config(pickled("simplecache::s3://b/x"))) == {"b"}


def checked(make_project: Make, sources: Sources) -> tuple[list[str], Compiled]:
    project = open_project(Opening(path=make_project(sources)))
    compiled = compile_project(project)
    found = check(project, compiled)
    return [f"{'warning: ' if each.warning else ''}{each}" for each in found], compiled


def chain(**catalog: Any) -> Sources:
    stored = {name: pickled(f"s3://bucket/{name}") for name in ("raw", "middle", "final")}
    return Sources(catalog=stored | catalog)


def test_the_part_of_an_entry_that_lies_on_this_machine_is_named(make_project: Make) -> None:
    parts = {**PARTS, "checkpoint": {"filepath": "data/in/CHECKPOINT"}}
    (told,) = checked(make_project, chain(raw=parts))[0]
    assert told == (
        "dataset 'raw': lies on this machine (checkpoint.filepath: data/in/CHECKPOINT), which jobs can't reach. Give "
        "it a path on S3 in conf/aws_batch/catalog.yml, or name a folder that every job sees in "
        "aws_batch.shared_paths."
    )


def test_what_an_mlflow_artifact_passes_on_stays_in_one_job(make_project: Make) -> None:
    artifacts = """
        from kedro.io import AbstractDataset
        class MlflowArtifactDataset(AbstractDataset):
            def __init__(self, dataset, run_id=None): ...
            def _load(self): ...
            def _save(self, data): ...
            def _describe(self): return {}
        """
    folder = "../kedro_mlflow"
    modules = {f"{folder}/__init__.py": "", f"{folder}/io/__init__.py": "", f"{folder}/io/artifacts.py": artifacts}
    sources = chain(middle=MLFLOW, final=MLFLOW)
    report, compiled = checked(make_project, Sources(catalog=sources.catalog, modules=modules))
    assert [line for line in report if not line.startswith("warning: dataset 'middle': pipeline 'ending'")] == []
    assert compiled.document["datasets"]["middle"]["location"] == "memory"


def test_what_its_entry_keeps_in_memory_is_no_input(make_project: Make) -> None:
    (told,) = checked(make_project, chain(raw=pickled("memory://x")))[0]
    assert told == (
        "dataset 'raw': is read by 'first', but no node makes it and its entry keeps it in the memory of one process. "
        "Give it a place in conf/aws_batch/catalog.yml."
    )


def test_credentials_that_name_a_file_of_this_machine_are_warned_of_and_not_shown(make_project: Make) -> None:
    inner = {"type": "text.TextDataset", "credentials": "google"}
    parts = {"type": "partitions.PartitionedDataset", "path": "gs://b/in", "dataset": inner}
    path = make_project(
        chain(
            raw=pickled("gs://b/x", credentials="google"),
            middle=parts,
            final=pickled("gs://b/y", fs_args=GOOGLE["google"]),
        )
    )
    (path / "conf/aws_batch/credentials.yml").write_text(yaml.safe_dump(GOOGLE))
    (path / "conf/key.json").write_text("{}")
    project = open_project(Opening(path=path))
    problems = check(project, compile_project(project))
    assert [(each.where, each.warning) for each in problems] == [
        (f"dataset '{name}'", True) for name in ("final", "middle", "raw")
    ]
    assert str(problems[-1]) == (
        "dataset 'raw': its credentials name a file of this machine ('token'). Make sure that jobs find it at the same "
        "place, or put the secret into the job definition."
    )


def test_types_that_only_their_authors_know_are_listed_as_not_looked_into(
    make_project: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = "opaque_package"
    modules = {"types.py": """
        from kedro.io import AbstractDataset
        class Opaque(AbstractDataset):
            def __init__(self, name, filepath=None, folder=None): ...
            def _load(self): ...
            def _save(self, data): ...
            def _describe(self): return {}
        """}  # fmt: skip
    opaque = {"type": f"{package}.types.Opaque", "name": "x"}
    partly = {**opaque, "filepath": "s3://b/x", "folder": "data/x"}
    sources = Sources(catalog=chain(raw=opaque, final=partly).catalog, modules=modules, package=package)
    report, compiled = checked(make_project, sources)
    assert (report, not_looked_into(compiled)) == ([], {"raw": (), "final": ("folder",)})
    monkeypatch.chdir(make_project(sources))
    result = call("check")
    assert (result.exit_code, result.stderr) == (
        0,
        "Not looked into: 'final.folder', 'raw'. Only the authors of their types know where the data lies.\n",
    )


TWO_NAMES = """
def register_pipelines():
    whole = pipeline([
        node(same, "raw", "one", name="make"), node(same, "two", "report", name="use"), {more}
    ])
    return {{"__default__": whole, "half": whole.only_nodes("use")}}
"""


def two_names(more: str = "", **catalog: Any) -> Sources:
    names = {
        "raw": pickled("s3://b/raw"),
        "one": pickled("s3://b/x"),
        "two": pickled("s3a://b//x/"),
        "report": pickled("s3://b/r"),
    }
    return Sources(
        TWO_NAMES.format(more=more), names | catalog, CONFIGURATION | {"group_by": ["memory", "tag:together"]}
    )


@pytest.mark.parametrize(
    ("sources", "wrong"),
    [
        (two_names(), True),
        (two_names('node(same, "one", "y", name="lead"), node(pair, ["y", "two"], "z", name="follow")',
                   y=pickled("s3://b/y"), z=pickled("s3://b/z"), report=pickled("s3://b/r")), True),
        (two_names(two=pickled("s3://b/other")), False),
        (two_names(two=pickled("s3://b/x/inside")), False),
        (two_names(one={"type": "partitions.PartitionedDataset", "path": "s3://b/x", "dataset": "pickle.PickleDataset"},
                   two=pickled("s3://b/x/part")), True),
        (two_names(one={"type": "MemoryDataset"}, two={"type": "MemoryDataset"}), False),
    ],
    ids=["unordered", "one of two ordered", "apart", "beside", "in a folder of parts", "in memory"],
)  # fmt: skip
def test_one_place_under_two_names_is_told_of_where_no_data_leads_between_the_nodes(
    make_project: Make, sources: Sources, wrong: bool
) -> None:
    told = [line for line in checked(make_project, sources)[0] if "lie in one place" in line]
    assert len(told) == wrong, told
    if wrong:
        assert "'make' writes it, 'use' reads it, and no data leads from one to the other" in told[0]


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({}, True),
        ({"load_args": {"schema": "s"}}, True),
        ({"table_name": "u"}, False),
        ({"load_args": {"schema": "t"}}, False),
        ({"credentials": {"con": "postgresql://db/y", "password": "hidden"}}, False),
        ({"type": "spark.SQLTableDataset"}, False),
        ({"filepath": "s3://b/x"}, False),
    ],
)
def test_one_table_under_two_names_is_warned_of(make_project: Make, other: dict[str, Any], told: bool) -> None:
    table = {"type": SQL, "table_name": "t", "credentials": {"con": "postgresql://db/x", "password": "hidden"}}
    schema = {"save_args": {"schema": "s"}} if "load_args" in other else {}
    lines = checked(make_project, two_names(one=table | schema, two=table | other))[0]
    found = [line for line in lines if "lie in one place" in line]
    assert len(found) == told
    assert not told or found[0].startswith(
        "warning: datasets 'one' and 'two': lie in one place (table t): 'make' writes it"
    )
    assert "hidden" not in "".join(lines)


@pytest.mark.parametrize(
    "registry",
    [
        'node(same, "raw", "one"), node(same, "one", "y"), node(pair, ["y", "two"], "report")',
        'node(same, "raw", "one", tags="together"), node(same, "two", "report", tags="together")',
        'node(pair, ["raw", "two"], "y"), node(same, "y", "one")',
        'node(pair, ["one", "two"], "report")',
    ],
    ids=["written before", "in one job", "read before it is written", "only read"],
)
def test_one_place_under_two_names_is_sound_where_there_is_an_order(make_project: Make, registry: str) -> None:
    text = f'def register_pipelines():\n    return {{"__default__": pipeline([{registry}])}}\n'
    base = two_names(y=pickled("s3://b/y"))
    told = checked(make_project, Sources(text, base.catalog, base.configuration))[0]
    assert [line for line in told if "no node has the tag" not in line] == []


def test_what_lies_within_an_entry_is_moved_to_s3_by_init(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    base = {
        "raw": {**PARTS, "path": "data/in", "checkpoint": {"filepath": "data/in/CHECKPOINT"}},
        "middle": {"type": "CachedDataset", "dataset": pickled("data/x")},
    }
    project = make_project(Sources(base_catalog=base))
    monkeypatch.chdir(project)
    assert call("init", "--env=fresh", "--bucket=mine").exit_code == 0
    text = (project / "conf/fresh/catalog.yml").read_text()
    assert "s3://mine/in/CHECKPOINT" in text
    assert "data/" not in text.split("\n\n")[-1].replace("s3://mine/", "")
