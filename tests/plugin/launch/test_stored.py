"""When inputs were last written, as far as their storage can tell."""

from __future__ import annotations

import os
import threading
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from kedro.io import DataCatalog

from kedro_aws_batch.launch.stored import Stored, last_written, written_since
from kedro_aws_batch.moment import Moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

AT = datetime(2026, 11, 22, 13, 11, tzinfo=timezone.utc)
LATER = AT + timedelta(minutes=1)
SAID, SAID_LATER = "2026-11-22T13.11.00.000Z", "2026-11-22T13.12.00.000Z"


class Bucket:
    """A file system that knows these files."""

    def __init__(self, files: Mapping[str, Mapping[str, Any]]) -> None:
        self.files = files

    def invalidate_cache(self) -> None:
        """Forget nothing."""

    def find(self, path: str, detail: bool) -> dict[str, Mapping[str, Any]]:
        assert detail
        return {name: info for name, info in self.files.items() if name == path or name.startswith(f"{path}/")}


def told(dataset: Any, patience: float = 20) -> Stored:
    """Return what is told of one dataset."""

    def get(_: str) -> Any:
        if isinstance(dataset, Exception):
            raise dataset
        return dataset

    project = SimpleNamespace(catalog=SimpleNamespace(get=get))
    return last_written(cast("Any", project), ["x"], patience)


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
def test_a_store_says_when_the_last_file_was_put(files: Any, moment: str) -> None:
    assert told(of(files)) == Stored({"x": moment})


def test_what_is_not_there_is_left_out() -> None:
    assert told(of({"b/y": {"LastModified": AT}})) == Stored()


def test_a_file_that_is_replaced_by_an_older_one_is_newer(tmp_path: Path) -> None:
    entry = {"type": "pickle.PickleDataset", "filepath": str(tmp_path / "x.pkl")}
    catalog = DataCatalog.from_config({"x": entry})
    catalog["x"].save(1)
    os.utime(tmp_path / "x.pkl", (1, 1))
    found = last_written(cast("Any", SimpleNamespace(catalog=catalog)), ["x"]).written["x"]
    assert abs(Moment(found).utc - datetime.now(timezone.utc)) < timedelta(minutes=1)


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


def test_inputs_that_cannot_be_told_of_are_named_to_the_user() -> None:
    said: list[str] = []
    catalog = SimpleNamespace(get=lambda name: of({"b/x": {"LastModified": AT}}) if name == "x" else SimpleNamespace())
    project = cast("Any", SimpleNamespace(catalog=catalog))
    request = written_since(project, ["x", *(f"table{number}" for number in range(7))], said.append)
    assert request == {"inputs_written": {"x": SAID}}
    head = "It can't be told whether these inputs have changed since. What has read them is taken over; if they have"
    assert said == [
        f"{head} changed, start a new run.",
        *(f"  'table{number}': a SimpleNamespace does not say when it was written" for number in range(5)),
        "  and 2 more",
    ]
