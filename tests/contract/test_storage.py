"""start_run and the plugin look at the same buckets, and what they say of a dataset must be the same."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kedro.io import DataCatalog
from s3fs import S3FileSystem  # type: ignore[import-untyped]

from adapters import storage as adapter
from adapters.storage import S3Storage
from dag.stored import S3Place, Seen, Shown
from kedro_aws_batch.launch.stored import ask_storage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from kedro_aws_batch.local import EmbeddedAws

OLD, NEW = "2026-11-22T13.11.00.123Z", "2026-11-22T13.12.00.123Z"
TEXT = {"type": "text.TextDataset"}


@pytest.fixture(scope="module")
def s3(aws: EmbeddedAws) -> Iterator[S3Client]:
    """S3 of the embedded AWS, which fsspec finds, too."""
    before = dict(os.environ)
    os.environ.update(aws.environment)
    S3FileSystem.clear_instance_cache()
    yield aws.client("s3")
    S3FileSystem.clear_instance_cache()
    os.environ.clear()
    os.environ.update(before)


class Bucket:
    """A bucket with these objects."""

    number = 0

    def __init__(self, s3: S3Client, *keys: str) -> None:
        Bucket.number += 1
        self.s3, self.name = s3, f"bucket-{Bucket.number}"
        s3.create_bucket(Bucket=self.name)
        for key in keys:
            s3.put_object(Bucket=self.name, Key=key, Body=f"{key} has this".encode())

    def by_start_run(
        self, key: str, *, versioned: bool = False, asked: str | None = None, seconds: float = 20
    ) -> Shown:
        """Return what start_run sees of a dataset."""
        return S3Storage(self.s3).look({"x": S3Place(self.name, key, versioned, asked)}, seconds)

    def by_the_plugin(self, entry: Mapping[str, Any], request: Mapping[str, Any]) -> Shown:
        """Return what the plugin sees of it."""
        catalog = DataCatalog.from_config({"x": {**entry}})
        project: Any = SimpleNamespace(catalog=catalog, path=SimpleNamespace(as_posix=lambda: "/home/me/project"))
        found = ask_storage(project, ["x"], request)
        return Shown(
            {name: Seen(**vars(one)) for name, one in found.seen.items()},
            {**found.untold, **dict.fromkeys(found.absent, "it does not exist")},
        )

    def both(self, key: str, *, versioned: bool = False, partitions: bool = False, asked: str | None = None) -> Shown:
        """Return what both see of a dataset, which is the same."""
        here = f"s3://{self.name}/{key}"
        file: dict[str, Any] = {**TEXT, "filepath": here, "versioned": versioned}
        entry = {"type": "partitions.PartitionedDataset", "path": here, "dataset": TEXT} if partitions else file
        seen = self.by_start_run(key, versioned=versioned, asked=asked)
        assert seen == self.by_the_plugin(entry, {"load_versions": {"x": asked}} if asked else {})
        return seen


@pytest.mark.parametrize(
    ("key", "keys", "folder"),
    [
        ("a.csv", ["a.csv", "a.csv.bak", "a.csv-", "a.csv2", "b/a.csv"], False),
        ("in/a.csv", ["in/a.csv", "in/", "in/a.cs"], False),
        ("part1", ["part1/x", "part1/y/z", "part10/x", "part1.csv", "part", "part2"], True),
        ("part1", ["part1", "part1/x", "part1-"], True),
        ("part1", ["part1/", "part10"], True),
        ("part1", ["part1/", "part1/sub/", "part1/sub/x"], True),
        ("one", ["one/x"], True),
        ("with space/ü é 日本+%41&=.txt", ["with space/ü é 日本+%41&=.txt", "with space/ü"], False),
        ("𝒳", ["𝒳", "𝒳\uffff", "𝒳/\uffff", "𝒳/𝒳"], True),
    ],
)
@pytest.mark.parametrize("partitions", [False, True])
def test_both_see_the_same_files(s3: S3Client, key: str, keys: list[str], folder: bool, partitions: bool) -> None:
    bucket = Bucket(s3, *keys)
    seen = bucket.both(key, partitions=partitions).seen["x"]
    assert (seen.folder, seen.version) == (folder, None)
    s3.put_object(Bucket=bucket.name, Key="elsewhere", Body=b"more")
    assert bucket.both(key, partitions=partitions).seen["x"] == seen
    s3.put_object(Bucket=bucket.name, Key=f"{key}/x" if folder else key, Body=b"other content")
    assert bucket.both(key, partitions=partitions).seen["x"].digest != seen.digest


def test_both_notice_a_file_beside_a_folder_of_its_name(s3: S3Client) -> None:
    bucket = Bucket(s3, "a.csv", f"a.csv/{OLD}/a.csv")  # as of a dataset that once kept versions
    seen = bucket.both("a.csv").seen["x"]
    s3.put_object(Bucket=bucket.name, Key="a.csv", Body=b"other content")
    assert bucket.both("a.csv").seen["x"].digest != seen.digest


@pytest.mark.parametrize("keys", [[], ["a.csv.bak", "a.cs", "b/a.csv"]])
@pytest.mark.parametrize("versioned", [False, True])
def test_what_is_not_there_is_absent_to_both(s3: S3Client, keys: list[str], versioned: bool) -> None:
    assert Bucket(s3, *keys).both("a.csv", versioned=versioned) == Shown({}, {"x": "it does not exist"})


@pytest.mark.parametrize(
    ("keys", "newest", "folder"),
    [
        ([f"a.csv/{OLD}/a.csv", f"a.csv/{NEW}/a.csv"], NEW, False),
        ([f"a.csv/{OLD}/a.csv", f"a.csv/{NEW}/b.csv", f"a.csv/{NEW}/"], OLD, False),
        ([f"a.csv/{OLD}/a.csv", f"a.csv/{NEW}/a.csv.bak", "a.csv/a.csv"], OLD, False),
        ([f"a.csv/{OLD}/a.csv", f"a.csv/{NEW}/a.csv/part-0", f"a.csv/{NEW}/a.csv/part-1"], NEW, True),
        ([f"a.csv/{OLD}/a.csv", f"a.csv/{NEW}/a.csv/"], NEW, True),
        (["a.csv/v/a.csv", "a.csv/v-1/a.csv", "a.csv/v.1/a.csv"], "v", False),
        (["a.csv/v/a.csv", "a.csv/v0/a.csv", "a.csv", "a.csv.d/w/a.csv"], "v0", False),
        (["a.csv/mine/a.csv", f"a.csv/{NEW}/a.csv"], "mine", False),
        (["a.csv//a.csv", f"a.csv/{NEW}/a.csv"], NEW, False),
    ],
)
def test_both_take_the_same_version_for_the_newest(s3: S3Client, keys: list[str], newest: str, folder: bool) -> None:
    seen = Bucket(s3, *keys).both("a.csv", versioned=True).seen["x"]
    assert (seen.version, seen.folder) == (newest, folder)


def test_both_look_at_the_version_that_is_asked_for(s3: S3Client) -> None:
    bucket = Bucket(s3, f"a.csv/{OLD}/a.csv", f"a.csv/{NEW}/a.csv")
    old = bucket.both("a.csv", versioned=True, asked=OLD).seen["x"]
    assert (old.version, old.folder) == (OLD, False)
    assert bucket.both("a.csv", versioned=True, asked="another").untold == {"x": "it does not exist"}


PARTS = st.sampled_from(["a", "b", "a.csv", "a.csv.bak", "a.csv0", "a-", "v", "v-1", " ", "ü", "a'", ""])
KEYS = st.lists(PARTS, min_size=1, max_size=4).map("/".join).filter(lambda key: key.strip("/") == key.lstrip("/") != "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    keys=st.sets(KEYS, min_size=1, max_size=6), key=st.sampled_from(["a", "a.csv", "a/a.csv"]), how=st.integers(0, 2)
)
def test_both_see_the_same_in_any_bucket(s3: S3Client, keys: set[str], key: str, how: int) -> None:
    Bucket(s3, *keys).both(key, versioned=how == 1, partitions=how == 2)


def test_more_than_a_page_is_read_to_its_end_and_neighbours_are_passed_over(s3: S3Client) -> None:
    few = Bucket(s3, *(f"part1-{number:04}" for number in range(1001)), "part1/x", "part1")
    assert few.both("part1").seen["x"].folder
    many = Bucket(s3, *(f"in/part/{number:04}" for number in range(1001)), "in/part", "in/part0")
    seen = many.both("in/part").seen["x"]
    s3.put_object(Bucket=many.name, Key="in/part/1000", Body=b"another")
    assert many.both("in/part").seen["x"].digest != seen.digest


def test_one_request_tells_of_a_file_or_a_folder_and_two_of_a_version(s3: S3Client) -> None:
    bucket = Bucket(s3, "a.csv", "a.csv.bak", "part/1", "part/2", f"b.csv/{OLD}/b.csv", f"b.csv/{NEW}/b.csv")
    asked: list[str] = []

    def note(model: Any, **_: Any) -> None:
        asked.append(model.name)

    s3.meta.events.register("before-call.s3", note)
    try:
        for key, number in (("a.csv", 1), ("part", 1), ("absent", 1), ("b.csv", 2)):
            asked.clear()
            bucket.by_start_run(key, versioned=key == "b.csv")
            assert asked == ["ListObjectsV2"] * number
    finally:
        s3.meta.events.unregister("before-call.s3", note)


def test_two_names_of_one_place_are_asked_about_once(s3: S3Client) -> None:
    bucket = Bucket(s3, "a.csv")
    place = S3Place(bucket.name, "a.csv")
    seen = S3Storage(s3).look({"a@one": place, "a@two": place}, 20).seen
    assert seen["a@one"] == seen["a@two"]


def test_what_s3_refuses_is_untold_and_no_failure(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Bucket(s3, *(f"a/{number}" for number in range(3)))
    assert S3Storage(s3).look({"x": S3Place("nobodys-bucket", "a")}, 20).untold == {
        "x": "there is no bucket 'nobodys-bucket'"
    }
    assert S3Storage(s3).look({"x": S3Place("No Bucket", "a")}, 20).untold["x"].startswith("S3 can't be asked: ")
    assert there.by_start_run("a", seconds=0).untold == {"x": "its storage hasn't answered within 0 s"}
    monkeypatch.setattr(adapter, "MOST_PAGES", 0)
    assert there.by_start_run("a").untold == {"x": "it, or what is beside it, takes more than 0 requests to list"}
