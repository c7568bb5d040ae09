"""A split node from the catalog to the job: its partitions, the messages of `check`, and what a job runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch._service.dag.document import read_document
from kedro_aws_batch._service.dag.slices import slice_of
from kedro_aws_batch.graph.check import check
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project

from .commands import call
from .jobs import passed, start_job
from .project import CONFIGURATION, Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[[Sources], Path]

REGISTRY = """
def shout(texts):
    return {name: load().upper() for name, load in texts.items()}

def count(texts):
    return {name: len(load()) for name, load in texts.items()}

def register_pipelines():
    return {"__default__": pipeline([
        node(shout, "raw", "loud", name="shout"), node(count, "loud", "counts", name="count"),
    ])}
"""
TYPES = """
from kedro_datasets.partitions import PartitionedDataset
class Ours(PartitionedDataset): ...
"""


def parts(place: str, **more: Any) -> dict[str, Any]:
    return {"type": "partitions.PartitionedDataset", "path": place, "dataset": "text.TextDataset", **more}


def sources(split: Any = 3, root: str = "s3://bucket", **catalog: Any) -> Sources:
    entries = {"raw": parts(f"{root}/raw"), "loud": parts(f"{root}/loud"), "counts": pickled(f"{root}/counts.pkl")}
    resources = {"nodes": {"shout": {"split": split}}}
    return Sources(REGISTRY, {**entries, **catalog}, {**CONFIGURATION, "resources": resources})


def test_the_document_says_which_datasets_have_partitions_and_what_a_save_does_to_them(make_project: Make) -> None:
    given = sources(loud=parts("s3://bucket/loud", overwrite=True), raw=parts("s3://b/raw", type="PACKAGE.types.Ours"))
    folder = make_project(Sources(REGISTRY, {}, CONFIGURATION, modules={"types.py": TYPES}))
    catalog = json.dumps({**given.catalog}).replace("PACKAGE", folder.name)
    (folder / "conf/aws_batch/catalog.yml").write_text(catalog)
    document = read_document(json.dumps(compile_project(open_project(Opening(path=folder))).document))
    assert {name: dataset.partitions for name, dataset in document.datasets.items()} == {
        "raw": "kept",
        "loud": "overwritten",
        "counts": None,
    }


@pytest.mark.parametrize(
    ("split", "catalog", "said"),
    [
        (50, {}, []),
        (3, {"loud": pickled("s3://bucket/loud")}, ["would overwrite the others' 'loud' (pickle.PickleDataset)."]),
        (3, {"loud": parts("s3://bucket/loud", overwrite=True)}, ["'loud' has overwrite: true."]),
        (10_001, {}, ["resources.nodes.shout.split: must be a number of jobs from 1 to 10,000"]),
        (3, {"loud": parts("s3://bucket/raw/x")}, ["writes 'loud' into the folder of 'raw': a slice that"]),
        (3, {"raw": parts("s3://bucket/loud/x")}, []),
        (3, {"loud": parts("s3://bucket/raw")}, []),
        ({"into": 3, "ids": "new"}, {"loud": parts("s3://bucket/raw")}, ["or 'raw' a filename_suffix of its own."]),
        (3, {"raw": parts("s3://bucket/raw", filename_suffix=".x"), "loud": parts("s3://bucket/raw/x")}, []),
        ({"into": 3, "over": "rwa"}, {}, ["is split over 'rwa', which it doesn't read. Did you mean 'raw'?"]),
    ],
)
def test_check_says_what_would_be_wrong(make_project: Make, split: Any, catalog: Any, said: list[str]) -> None:
    project = open_project(Opening(path=make_project(sources(split, **catalog))))
    found = [str(problem) for problem in check(project, compile_project(project))]
    assert len(found) == len(said)
    assert all(part in problem for part, problem in zip(said, found, strict=True))


@pytest.mark.parametrize(("below", "said"), [(3, "'count' writes it, 'shout' reads it, and no data leads"), (4, None)])
def test_what_goes_slice_by_slice_does_not_write_where_its_beginning_reads(
    make_project: Make, below: int, said: str | None
) -> None:
    given = sources(3, counts=parts("s3://bucket/raw/counts"))
    resources = {"nodes": {"shout": {"split": 3}, "count": {"split": below}}}
    configuration = {**CONFIGURATION, "resources": resources}
    project = open_project(Opening(path=make_project(Sources(REGISTRY, given.catalog, configuration))))
    found = [str(problem) for problem in check(project, compile_project(project))]
    assert len(found) == (1 if said else 0)
    assert said is None or said in found[0]


def test_a_dry_run_shows_a_split_node_once(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_project(sources(50)))
    shown = call("run", "--dry-run").output
    assert "2 nodes in 51 jobs, in 2 steps" in shown
    assert "Step 1: an array of 50 (kedro_run on main_queue)\n  shout (split 50)  [" in shown
    assert shown.count("shout") == 1
    groups = json.loads(call("run", "--dry-run", "--json").output)["groups"]
    assert [group["slice"] for group in groups[:2]] == ["1/50", "2/50"]


def test_a_job_runs_its_slice_and_says_so(make_project: Make) -> None:
    project = make_project(sources(root="data"))
    (project / "data/raw").mkdir(parents=True)
    names = [f"text_{number}" for number in range(10)]
    for name in names:
        (project / "data/raw" / name).write_text(f"{name} ä", encoding="utf-8")
    mine = sorted(name for name in names if slice_of(name, 3) == 2)
    group = {"nodes": ["shout"], "slice": {"number": 2, "into": 3, "over": {"shout": "raw"}}}
    ended = passed(start_job(project, ["shout"], {"format": 2, "groups": [group]}))
    first, *rest = ended.stdout.splitlines()
    assert first == "kedro run --nodes=shout --env=aws_batch --pipelines=__default__  # slice 2/3 of 'raw'"
    assert f"Slice 2 of 3 of node 'shout': {len(mine)} of 10 partitions of 'raw'." in rest
    written = {path.name: path.read_text(encoding="utf-8") for path in (project / "data/loud").iterdir()}
    assert written == {name: f"{name} ä".upper() for name in mine}
