"""`kedro aws-batch replay`: the nodes that it runs, and where it saves their outputs."""

from __future__ import annotations

import pickle
import threading
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import node, pipeline

from kedro_aws_batch.cli.replay import _passed, _with_givers
from kedro_aws_batch.client import GroupState, RunState
from kedro_aws_batch.container.aside import Aside
from kedro_aws_batch.graph.compile import Compiled
from kedro_aws_batch.graph.datasets import CatalogDataset
from kedro_aws_batch.graph.places import MEMORY, REMOTE
from kedro_aws_batch.kept.runs import save_run

from .commands import call
from .project import REMOTE_CHAIN, Sources

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Make = Callable[[Sources], Path]
    Forked = Callable[..., subprocess.CompletedProcess[str]]

RUN = "2026-11-22T13.11.00.123Z"

SECRET = {"key": "x", "secret": "y"}
CONFIG: dict[str, dict[str, Any]] = {
    "table": {
        "type": "pandas.CSVDataset",
        "filepath": "s3://bucket/tables/table.csv",
        "versioned": True,
        "credentials": SECRET,
        "fs_args": {"endpoint_url": "https://s3.example", "open_args_save": {"mode": "wb"}},
        "save_args": {"index": False},
    },
    "metrics": {"type": "pickle.PickleDataset", "filepath": "s3://bucket/metrics.pkl", "credentials": SECRET},
    "query": {"type": "pandas.SQLTableDataset", "table_name": "t", "credentials": {"con": "sqlite://"}},
}


def same(*data: Any) -> Any:
    return data


PIPELINE = pipeline(
    [
        node(same, "raw", "shared", name="make"),
        node(same, "shared", "half", name="half"),
        node(same, ["half", "table"], "metrics", name="measure"),
        node(same, "shared", "other", name="beside"),
    ]
)


@pytest.fixture
def compiled() -> Compiled:
    remote = ("raw", "table", "metrics", "other")
    datasets = {
        name: CatalogDataset("t", REMOTE if name in remote else MEMORY, versioned=False) for name in PIPELINE.datasets()
    }
    return cast("Compiled", SimpleNamespace(nodes=PIPELINE.nodes, datasets=datasets))


def test_a_node_is_replayed_with_those_of_its_job_that_pass_it_data_in_memory(compiled: Compiled) -> None:
    group = ("make", "half", "measure", "beside")
    assert _with_givers("measure", group, compiled) == ("make", "half", "measure")
    assert _with_givers("make", group, compiled) == ("make",)
    assert _passed(("make", "half", "measure"), compiled) == {"shared", "half"}
    assert _passed(("make",), compiled) == frozenset()


def test_what_is_saved_goes_into_the_folder_in_its_own_form_whatever_the_catalog_says(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config({name: dict(entry) for name, entry in CONFIG.items()}, credentials={})
    outputs = ["table", "metrics", "query", "nowhere", "lock"]
    aside = Aside(tmp_path, frozenset({"in memory"}))
    whole = pipeline([node(same, None, [*outputs, "in memory"], name="all")])
    aside.before_pipeline_run(pipeline=whole, catalog=catalog)
    pandas = import_module("pandas")  # slow, and for this test alone
    catalog.save("table", pandas.DataFrame({"a": [1]}))
    for name, data in (("metrics", 1), ("query", 2), ("nowhere", 3), ("lock", threading.Lock())):
        catalog.save(name, data)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "metrics.pkl",
        "nowhere.pkl",
        "query.pkl",
        "table.csv",
    ]
    assert pickle.loads((tmp_path / "query.pkl").read_bytes()) == 2  # noqa: S301
    assert catalog.load("table").to_dict() == {"a": {0: 1}}
    assert [lost.partition(":")[0] for lost in aside.lost] == ["lock, which can't be pickled"]
    assert "in memory" not in catalog


def test_only_what_was_saved_counts_as_saved_and_no_earlier_output_passes_for_one(tmp_path: Path) -> None:
    for name in ("earlier.csv", "lock.pkl"):
        (tmp_path / name).write_text("earlier")
    aside = Aside(tmp_path)
    catalog = DataCatalog.from_config({"metrics": dict(CONFIG["metrics"])}, credentials={})
    whole = pipeline([node(same, None, ["metrics", "lock", "unsaved"], name="all")])
    aside.before_pipeline_run(pipeline=whole, catalog=catalog)
    for name, data in (("metrics", 1), ("lock", threading.Lock())):
        catalog.save(name, data)
        aside.after_dataset_saved(name)
    assert aside.saved == {tmp_path / "metrics.pkl"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["earlier.csv", "metrics.pkl"]


def test_an_input_that_the_run_never_made_is_a_sentence(make_project: Make, forked: Forked) -> None:
    project = make_project(Sources(catalog=REMOTE_CHAIN))
    groups = (GroupState(0, ("first",), "FAILED"), GroupState(1, ("second",), "SKIPPED", parents=(0,)))
    save_run(project, RunState(RUN, "FAILED", 2, 2, groups=groups, settled=True))
    done = forked(project, "replay", "second")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert f"Replaying 'second' of run {RUN}, where it was SKIPPED\n" in done.stderr
    assert done.stderr.splitlines()[-1] == (
        f"Error: The input 'middle' of 'second' was never made in run {RUN}, where 'first' FAILED. "
        f"Replay the node that makes it: kedro aws-batch replay {RUN} first --local"
    )


def test_a_replay_is_of_a_node() -> None:
    result = call("replay", "2026-11-22T13.11")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "Error: Say which node: kedro aws-batch replay [RUN] NODE",
    )
