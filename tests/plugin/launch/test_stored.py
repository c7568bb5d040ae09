"""When inputs were last written, as far as their storage can tell."""

from __future__ import annotations

import json
import os
import threading
from datetime import datetime, timedelta, timezone
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from kedro.io import DataCatalog

from kedro_aws_batch._service.dag.limits import INVOKE_BYTES
from kedro_aws_batch._service.dag.stored import Seen
from kedro_aws_batch.launch.stored import Stored, ask_storage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

AT = datetime(2026, 11, 22, 13, 11, tzinfo=timezone.utc)
LATER = AT + timedelta(minutes=1)
#: Bytes of the rest of a request (`runs.creation`).
LARGEST_REQUEST = 300_000
SAID, SAID_LATER = (int(one.timestamp() * 1000) for one in (AT, LATER))


class Bucket:
    """A file system that knows these files."""

    protocol = ("s3", "s3a")

    def __init__(self, files: Mapping[str, Mapping[str, Any]]) -> None:
        self.files = files

    def invalidate_cache(self) -> None:
        """Forget nothing."""

    def _strip_protocol(self, path: str) -> str:
        return path

    def info(self, path: str, refresh: bool) -> Mapping[str, Any]:
        assert refresh
        return {"type": "file", **self.files[path]} if path in self.files else {"type": "directory"}

    def find(self, path: str, detail: bool) -> dict[str, Mapping[str, Any]]:
        assert detail
        return {name: info for name, info in self.files.items() if name == path or name.startswith(f"{path}/")}


def told(dataset: Any, patience: float = 20) -> Stored:
    """Return what is told of one dataset."""

    def get(_: str) -> Any:
        if isinstance(dataset, Exception):
            raise dataset
        return dataset

    return ask_storage(project_of(get), ["x"], {}, patience)


def project_of(get: Callable[[str], Any]) -> Any:
    """Return a project with a catalog that answers so."""
    return SimpleNamespace(catalog=SimpleNamespace(get=get), path=PurePosixPath("/home/me/project"))


def of(files: Mapping[str, Mapping[str, Any]], path: str = "b/x") -> Any:
    return SimpleNamespace(_fs=Bucket(files), _filepath=path)


@pytest.mark.parametrize(
    ("files", "moment"),
    [
        ({"b/x": {"LastModified": AT}}, SAID),
        ({"b/x": {"last_modified": AT}}, SAID),
        ({"b/x": {"updated": "2026-11-22T13:11:00Z"}}, SAID),
        ({"b/x": {"mtime": AT.timestamp(), "created": LATER.timestamp()}}, SAID_LATER),
        ({"b/x/1": {"LastModified": AT}, "b/x/2": {"LastModified": LATER}, "b/y": {}}, SAID_LATER),
    ],
)
def test_a_store_says_when_the_last_file_was_put(files: Any, moment: int) -> None:
    assert told(of(files)).seen["x"].at == moment


def test_one_file_is_told_from_a_folder() -> None:
    assert not told(of({"b/x": {"LastModified": AT}})).seen["x"].folder
    assert told(of({"b/x/1": {"LastModified": AT}})).seen["x"].folder


def test_a_digest_tells_every_file_its_size_its_tag_and_its_time() -> None:
    states: list[dict[str, dict[str, Any]]] = [
        {"b/x/1": {"LastModified": AT, "Size": 1, "ETag": "a"}},
        {"b/x/1": {"LastModified": AT, "Size": 2, "ETag": "a"}},
        {"b/x/1": {"LastModified": AT, "Size": 1, "ETag": "b"}},
        {"b/x/1": {"LastModified": LATER, "Size": 1, "ETag": "a"}},
        {"b/x/2": {"LastModified": AT, "Size": 1, "ETag": "a"}},
        {"b/x/1": {"LastModified": AT, "Size": 1, "ETag": "a"}, "b/x/2": {"LastModified": AT}},
        {"b/x/1": {"updated": "2026-11-22T13:11:00Z", "size": 1, "md5Hash": "c"}},
    ]
    digests = [told(of(files)).seen["x"].digest for files in states]
    assert len({*digests}) == len(states)
    assert [told(of(files)).seen["x"].digest for files in states] == digests


def test_the_same_files_in_another_copy_of_the_project_are_the_same() -> None:
    here = told(of({"/home/me/project/data/x": {"LastModified": AT}}, "/home/me/project/data/x"))
    assert here.seen["x"].digest == told(of({"data/x": {"LastModified": AT}}, "data/x")).seen["x"].digest


def test_a_request_takes_what_lambda_does_of_a_hundred_thousand_datasets() -> None:
    run_id = "2026-11-22T13.11.00.000Z"
    seen = {f"some.namespace.dataset_{index}": Seen(SAID, "0123456789abcdef", run_id) for index in range(100_000)}
    request = Stored(seen).request()
    assert 5_000_000 < len(json.dumps(request)) < INVOKE_BYTES.most - LARGEST_REQUEST
    assert len(Stored(dict(list(seen.items())[:30_000])).request()["stored"]) == 30_000


def test_what_is_not_there_is_left_out() -> None:
    absent = told(of({"b/y": {"LastModified": AT}}))
    assert absent == Stored({}, {}, frozenset({"x"}))
    assert (absent.request(), absent.notes()) == ({"stored": {"x": {"untold": "it does not exist"}}}, [])


def test_a_file_that_is_replaced_by_an_older_one_is_newer(tmp_path: Path) -> None:
    entry = {"type": "pickle.PickleDataset", "filepath": str(tmp_path / "x.pkl")}
    catalog = DataCatalog.from_config({"x": entry})
    catalog["x"].save(1)
    os.utime(tmp_path / "x.pkl", (1, 1))
    found = ask_storage(project_of(catalog.get), ["x"], {}).seen["x"]
    assert abs(found.at / 1000 - datetime.now(timezone.utc).timestamp()) < 60


def test_a_file_to_which_a_link_of_a_folder_leads_counts_and_not_the_link(tmp_path: Path) -> None:
    (tmp_path / "far").write_text("1")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "near").symlink_to(tmp_path / "far")
    entry = {"type": "partitions.PartitionedDataset", "path": f"{tmp_path}/x", "dataset": "text.TextDataset"}
    dataset = DataCatalog.from_config({"x": entry})["x"]
    before = told(dataset).seen["x"]
    (tmp_path / "far").write_text("22")
    assert told(dataset).seen["x"].digest != before.digest
    (tmp_path / "x" / "folder").symlink_to(tmp_path)
    assert told(dataset).untold == {"x": "its folder has a link, 'folder', that leads to no file"}


def test_a_file_from_before_all_clocks_is_told() -> None:
    assert told(of({"b/x": {"mtime": -5}})).request()["stored"]["x"]["at"] == 0


def test_the_newest_version_is_told(tmp_path: Path) -> None:
    entry = {"type": "pickle.PickleDataset", "filepath": str(tmp_path / "x.pkl"), "versioned": True}
    for number in (1, 2):
        DataCatalog.from_config({"x": entry}, save_version=f"2026-11-22T13.1{number}.00.000Z")["x"].save(number)
    found = ask_storage(project_of(DataCatalog.from_config({"x": entry}).get), ["x"], {})
    assert (found.seen["x"].version, found.seen["x"].folder) == ("2026-11-22T13.12.00.000Z", False)
    assert found.request()["stored"]["x"] == {
        "at": found.seen["x"].at,
        "digest": found.seen["x"].digest,
        "version": "2026-11-22T13.12.00.000Z",
    }


def test_the_version_that_is_asked_for_is_told_as_long_as_it_is_the_same(tmp_path: Path) -> None:
    entry = {"type": "pickle.PickleDataset", "filepath": str(tmp_path / "x.pkl"), "versioned": True}
    version = "2026-11-22T13.11.00.000Z"

    def save(content: int, version: str) -> None:
        DataCatalog.from_config({"x@one": entry}, save_version=version)["x@one"].save(content)

    def look(name: str) -> Seen:
        catalog = DataCatalog.from_config({"x@one": entry})
        return ask_storage(project_of(catalog.get), ["x@one"], {"load_versions": {name: version}}).seen["x@one"]

    save(1, version)
    before = look("x@one")
    save(2, "2026-11-22T13.12.00.000Z")
    assert look("x") == look("x@one") == before
    assert before.version == version
    (tmp_path / "x.pkl" / version / "x.pkl").write_bytes(b"by hand")
    assert look("x").digest != before.digest


def test_a_conf_source_is_told_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    source = f"file://{tmp_path}"

    def look() -> Stored:
        return ask_storage(project_of(DataCatalog().get), [], {"conf_source": source})

    (tmp_path / "base/parameters.yml").write_text("rate: 1")
    before, name = look(), f"conf source {source}"
    assert [*before.seen] == [name]
    assert look() == before
    (tmp_path / "base/parameters.yml").write_text("rate: 22")
    assert look().seen[name].digest != before.seen[name].digest


def test_a_conf_source_that_cannot_be_read_is_no_input() -> None:
    found = ask_storage(project_of(DataCatalog().get), [], {"conf_source": "nowhere://conf"})
    assert [*found.untold] == ["conf source nowhere://conf"]
    assert found.notes() == []
    assert ask_storage(project_of(DataCatalog().get), [], {"conf_source": "settings/eu"}) == Stored()


def test_what_does_not_tell_or_cannot_be_asked_says_why() -> None:
    assert told(SimpleNamespace()) == Stored({}, {"x": "a SimpleNamespace does not say when it was written"})
    assert told(PermissionError("AccessDenied")) == Stored({}, {"x": "PermissionError: AccessDenied"})
    unknown = Stored({}, {"x": "its storage does not say when it was written"})
    assert told(of({"b/x/1": {"LastModified": AT}, "b/x/2": {}})) == unknown


def test_nobody_waits_long_for_storage_that_does_not_answer() -> None:
    answers = threading.Event()
    slow = Bucket({})
    slow.invalidate_cache = answers.wait  # type: ignore[method-assign,assignment]  # a storage that hangs
    found = told(SimpleNamespace(_fs=slow, _filepath="x"), patience=0.05)
    answers.set()
    assert found == Stored({}, {"x": "its storage hasn't answered within 0.05 s"})


def test_datasets_that_cannot_be_told_of_are_named_to_the_user() -> None:
    project = project_of(lambda name: of({"b/x": {"LastModified": AT}}) if name == "x" else SimpleNamespace())
    said = ask_storage(project, ["x", *(f"table{number}" for number in range(7))], {}).notes()
    head = "It can't be told whether these have changed since. What has read or written them is taken over; if they"
    assert said == [
        f"{head} have changed, start a new run.",
        *(f"  'table{number}': a SimpleNamespace does not say when it was written" for number in range(5)),
        "  and 2 more",
    ]
