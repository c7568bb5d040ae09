"""A node on its slices, with Kedro's own run as the oracle: together the slices save what one run saves."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog, DatasetError, core
from kedro.pipeline import node, pipeline
from kedro.runner import SequentialRunner
from kedro_datasets.partitions import PartitionedDataset  # type: ignore[import-untyped]

from kedro_aws_batch._service.dag.slices import Slice
from kedro_aws_batch.container.slicing import SliceRunner, narrow
from kedro_aws_batch.errors import SliceError
from kedro_aws_batch.world.versions import save_as

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kedro.pipeline import Pipeline

RUN = "2026-11-22T13.11.00.123Z"
KINDS: dict[str, tuple[Any, Callable[[str], Any]]] = {
    "text": ("text.TextDataset", str),
    "pickle": ({"type": "pickle.PickleDataset"}, lambda one: {"of": one}),
    "parquet": ({"type": "pandas.ParquetDataset"}, lambda one: pd.DataFrame({"of": [one, "x"]})),
    "versioned": ({"type": "pickle.PickleDataset", "versioned": True}, lambda one: [one]),
}
NAME = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/\\"), min_size=1, max_size=9)
#: Realistic ids: nested, and in any script. One may not lie within another, as a file can't within a file.
IDS = st.lists(NAME.filter(lambda one: one.strip(".")), min_size=1, max_size=3).map(
    lambda parts: "/".join(parts) + ".p"
)


def parts(path: Path, kind: str, suffix: str = "", **more: Any) -> dict[str, Any]:
    return {
        "type": "partitions.PartitionedDataset",
        "path": str(path),
        "dataset": KINDS[kind][0],
        "filename_suffix": suffix,
        **more,
    }


def catalog(folder: Path, kind: str, suffix: str = "", **more: Any) -> DataCatalog:
    names = ("raw", "middle", "out")
    entries = {name: parts(folder / name, kind, suffix) for name in names} | more
    return DataCatalog.from_config({**entries, "size": {"type": "text.TextDataset", "filepath": str(folder / "size")}})


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run_whole(nodes: Pipeline, of: DataCatalog) -> None:
    SequentialRunner().run(nodes, of, _create_hook_manager())


def run_slice(nodes: Pipeline, of: DataCatalog, part: Slice) -> None:
    hooks, runner = _create_hook_manager(), SliceRunner(part)
    hooks.register(runner)
    runner.run(nodes, of, hooks)


def eagerly(raw: Mapping[str, Callable[[], Any]], size: str) -> dict[str, Any]:
    return {name: [load(), size] if size == "list" else load() for name, load in raw.items() if len(name) % 5}


def lazily(raw: Mapping[str, Callable[[], Any]], size: str) -> dict[str, Callable[[], Any]]:
    return {name: partial(_one, load, size) for name, load in raw.items()}


def _one(load: Callable[[], Any], size: str) -> Any:
    return eagerly({"x": load}, size)["x"]


@pytest.fixture(autouse=True)
def _own_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "generate_timestamp", core.generate_timestamp)  # which save_as replaces
    save_as(RUN)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)
@given(
    ids=st.sets(IDS, min_size=1, max_size=12),
    into=st.integers(2, 7),
    kind=st.sampled_from(sorted(KINDS)),
    node_=st.sampled_from([eagerly, lazily]),
    suffix=st.sampled_from(["", ".txt"]),
)
@example(ids={f"{one % 30:02}/{one}.p" for one in range(300)}, into=5, kind="text", node_=lazily, suffix=".txt")
@example(ids={"größe/模型.p", "é.p", "e\u0301.p"}, into=3, kind="versioned", node_=eagerly, suffix="")
def test_the_union_of_the_slices_is_what_kedro_run_saves(
    tmp_path: Path, ids: set[str], into: int, kind: str, node_: Any, suffix: str
) -> None:
    shutil.rmtree(tmp_path)
    of = catalog(tmp_path, kind, suffix)
    of.save("raw", {one: KINDS[kind][1](one) for one in ids})
    of.save("size", "list" if kind == "pickle" else "some")
    nodes = pipeline([node(node_, ["raw", "size"], "out", name="clean")])
    run_whole(nodes, of)
    whole = files(tmp_path / "out") if (tmp_path / "out").exists() else {}
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    event(f"{kind}, {node_.__name__}, empty slices: {into > len(ids)}")

    for number in reversed(range(1, into + 1)):
        run_slice(nodes, catalog(tmp_path, kind, suffix), Slice(number, into, {"clean": "raw"}))

    assert (files(tmp_path / "out") if (tmp_path / "out").exists() else {}) == whole


def test_a_hundred_thousand_ids_are_shared_out_and_each_slice_makes_its_own_datasets_alone() -> None:
    made = []

    class Parts(PartitionedDataset):  # type: ignore[misc]  # kedro-datasets has no types
        def _list_partitions(self) -> list[str]:
            return [f"/parts/{number:06}.csv" for number in range(100_000)]

    class Part(core.AbstractDataset[Any, Any]):
        def __init__(self, filepath: str) -> None:
            made.append(filepath)

        def load(self) -> Any:
            raise NotImplementedError

        def save(self, data: Any) -> None:
            raise NotImplementedError

        def _describe(self) -> dict[str, Any]:
            return {}

    part = Slice(7, 1000, {})
    of = Parts(path="/parts", dataset=Part, filename_suffix=".csv")
    mine, total = narrow(of, "raw", part)
    assert total == 100_000
    assert {one for number in range(100_000) if part.holds(one := f"{number:06}")} == mine == of.load().keys()
    assert len(list(filter(None, made))) == len(mine) < 200  # logging a dataset makes one without a path


def test_an_empty_slice_loads_nothing_and_succeeds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    of = catalog(tmp_path, "text")
    of.save("raw", {"a": "A"})
    empty = next(number for number in (1, 2) if not Slice(number, 2, {}).holds("a"))
    nodes = pipeline([node(eagerly, ["raw", "size"], "out", name="clean")])
    run_slice(nodes, of, Slice(empty, 2, {"clean": "raw"}))  # there is no `size` that could be loaded
    assert not (tmp_path / "out").exists()
    assert f"Slice {empty} of 2 of node 'clean': 0 of 1 partition of 'raw': nothing to do." in capfd.readouterr().out


def test_where_there_is_no_partition_one_slice_fails_as_kedro_run_does(tmp_path: Path) -> None:
    nodes = pipeline([node(eagerly, ["raw", "size"], "out", name="clean")])
    of = catalog(tmp_path, "text")
    of.save("size", "some")
    with pytest.raises(DatasetError, match="No partitions found"):
        run_whole(nodes, of)
    with pytest.raises(DatasetError, match="No partitions found"):
        run_slice(nodes, of, Slice(1, 3, {"clean": "raw"}))
    run_slice(nodes, of, Slice(2, 3, {"clean": "raw"}))


def test_an_incremental_dataset_hands_a_slice_of_what_is_new(tmp_path: Path) -> None:
    raw = parts(tmp_path / "raw", "text", type="partitions.IncrementalDataset", checkpoint={"force_checkpoint": "m"})
    of = catalog(tmp_path, "text", raw=raw)
    of.save("raw", {letter: letter for letter in "abcdefghijklmnopqrstuvwxyz"})
    nodes = pipeline([node(lambda new: new, "raw", "out", name="copy")])
    run_whole(nodes, of)
    whole = files(tmp_path / "out")
    assert sorted(whole) == list("nopqrstuvwxyz")
    shutil.rmtree(tmp_path / "out")
    for number in (1, 2, 3):
        run_slice(nodes, catalog(tmp_path, "text", raw=raw), Slice(number, 3, {"copy": "raw"}))
        assert len(files(tmp_path / "out")) < 13 or number == 3
    assert files(tmp_path / "out") == whole


def test_two_nodes_of_a_job_go_through_the_slice_one_after_the_other(tmp_path: Path) -> None:
    of = catalog(tmp_path, "text")
    of.save("raw", {str(number): str(number) for number in range(20)})
    nodes = pipeline(
        [
            node(lambda raw: {one: load() + "!" for one, load in raw.items()}, "raw", "middle", name="a"),
            node(lambda raw: {one: load() + "?" for one, load in raw.items()}, "middle", "out", name="b"),
        ]
    )
    for number in (1, 2, 3):
        run_slice(nodes, catalog(tmp_path, "text"), Slice(number, 3, {"a": "raw", "b": "middle"}))
    assert files(tmp_path / "out") == {str(number): f"{number}!?".encode() for number in range(20)}


@pytest.mark.parametrize("second", ["raw", "middle"])
def test_a_job_of_two_nodes_whose_slice_is_empty_fails_at_neither(tmp_path: Path, second: str) -> None:
    of = catalog(tmp_path, "text")
    of.save("raw", {"a": "A"})
    number = next(number for number in range(2, 9) if Slice(1, number, {}).holds("a") is False)
    nodes = pipeline(
        [
            node(lambda raw: {one: load() for one, load in raw.items()}, "raw", "middle", name="a"),
            node(lambda raw: {one: load() for one, load in raw.items()}, second, "out", name="b"),
        ]
    )
    in_parts = ("b",) if second == "middle" else ()
    for one in range(1, number + 1):
        run_slice(nodes, catalog(tmp_path, "text"), Slice(one, number, {"a": "raw", "b": second}, (), in_parts))
    assert files(tmp_path / "out") == {"a": b"A"}


@pytest.mark.parametrize("by", ["return", "yield", "series"])
def test_a_partition_that_was_not_given_is_refused_before_any_is_saved(tmp_path: Path, by: str) -> None:
    def doubled(raw: Mapping[str, Any]) -> dict[str, str]:
        return {one + also: "x" for one in raw for also in ("", "_left")}

    def one_by_one(raw: Mapping[str, Any]) -> Any:
        yield {"all": str(len(raw))}

    def as_series(raw: Mapping[str, Any]) -> Any:
        return pd.Series({"all": str(len(raw))})

    function: Any = {"return": doubled, "yield": one_by_one, "series": as_series}[by]
    nodes = pipeline([node(function, "raw", "out", name="tile")])
    of = catalog(tmp_path, "text")
    of.save("raw", {"a": "A"})
    number = next(number for number in (1, 2) if Slice(number, 2, {}).holds("a"))
    with pytest.raises(SliceError, match=r"set its `split: \{into: 2, ids: new\}`") as refused:
        run_slice(nodes, of, Slice(number, 2, {"tile": "raw"}))
    other = "a_left" if by == "return" else "all"
    assert f"Node 'tile' returns the partitions '{other}' for 'out', which it was not given" in str(refused.value)
    assert not (tmp_path / "out").exists()
    run_slice(nodes, catalog(tmp_path, "text"), Slice(number, 2, {"tile": "raw"}, ("tile",)))
    assert set(files(tmp_path / "out")) == ({"a", "a_left"} if by == "return" else {"all"})


def test_partitions_that_are_folders_are_not_passed_on_slice_by_slice(tmp_path: Path) -> None:
    class Folder(PartitionedDataset):  # type: ignore[misc]  # kedro-datasets has no types
        def __init__(self, filepath: str) -> None:
            super().__init__(path=filepath, dataset="text.TextDataset")

    middle = parts(tmp_path / "middle", "text") | {"dataset": Folder}
    of = catalog(tmp_path, "text", middle=middle)
    of.save("raw", {"a": "A"})
    nodes = pipeline([node(lambda raw: {one: {"x": load()} for one, load in raw.items()}, "raw", "middle", name="cut")])
    run_slice(nodes, of, Slice(1, 1, {"cut": "raw"}))
    with pytest.raises(SliceError, match=r"saves 'a' of 'middle' as a folder.*Set its `split: \{into: 1, ids: new\}`"):
        run_slice(nodes, of, Slice(1, 1, {"cut": "raw"}, (), (), ("middle",)))


def test_a_dataset_without_partitions_can_not_be_narrowed() -> None:
    with pytest.raises(SliceError, match=r"Dataset 'raw' \(str\) has no partitions"):
        narrow("text", "raw", Slice(1, 2, {}))
