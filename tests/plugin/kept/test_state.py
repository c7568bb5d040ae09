from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from kedro_aws_batch.client import GroupState, RunState
from kedro_aws_batch.kept import items
from kedro_aws_batch.kept.commands import in_progress
from kedro_aws_batch.kept.place import folder, forget
from kedro_aws_batch.kept.runs import KEPT_RUNS, kept_run, save_run
from kedro_aws_batch.kept.state import State
from kedro_aws_batch.local import EmbeddedAws

from .conftest import Begin

ITEM: dict[str, Any] = {
    "pk": {"S": "run"},
    "plan": {"B": b"\x00\xff"},
    "many": {"BS": [b"\x01", b"\x02"]},
    "marks": {"NS": ["1", "2"]},
    "B": {"M": {"B": {"S": "an attribute's name"}, "list": {"L": [{"B": b"\x03"}, {"N": "1.5"}, {"NULL": True}]}}},
}
RUN = RunState("2026-11-21T10.00.00.000Z", "RUNNING", 1, 1, (GroupState(0, ("a",), "RUNNING"),), {"RUNNING": 1}, now=5)


def kept_objects(project: Path) -> dict[str, bytes]:
    """Return the objects in the index."""
    place = folder(project)
    index = json.loads((place / "index.json").read_bytes())["objects"]
    return {
        f"{bucket}/{key}": (place / "objects" / name).read_bytes()
        for bucket, keys in index.items()
        for key, name in keys.items()
    }


def test_objects_and_items_come_back_as_they_were(tmp_path: Path) -> None:
    with EmbeddedAws(jobs_cwd=tmp_path) as aws:
        s3, dynamodb, state = aws.client("s3"), aws.client("dynamodb"), State(tmp_path, aws.storage)
        _create_table(dynamodb)
        for bucket, key, body in (("one", "folder/a", b"x"), ("one", "ä b/_c+d", b""), ("two", "a", b"x" * 7_000_000)):
            aws.storage.create_bucket(bucket)
            s3.put_object(Bucket=bucket, Key=key, Body=body)
        s3.create_bucket(Bucket="none")
        dynamodb.put_item(TableName="runs", Item=ITEM)
        dynamodb.put_item(TableName="runs", Item={"pk": {"S": "gone"}})
        state.save()
        dynamodb.delete_item(TableName="runs", Key={"pk": {"S": "gone"}})
        _add(dynamodb, "3")
        state.save()
        _add(dynamodb, "4")  # which is not kept
        etags = {entry["Key"]: entry["ETag"] for entry in s3.list_objects_v2(Bucket="one")["Contents"]}
    with EmbeddedAws(jobs_cwd=tmp_path) as aws:
        s3, dynamodb = aws.client("s3"), aws.client("dynamodb")
        _create_table(dynamodb)
        State(tmp_path, aws.storage).load()
        assert sorted(bucket["Name"] for bucket in s3.list_buckets()["Buckets"]) == ["none", "one", "two"]
        assert {entry["Key"]: entry["ETag"] for entry in s3.list_objects_v2(Bucket="one")["Contents"]} == etags
        assert s3.get_object(Bucket="one", Key="ä b/_c+d")["Body"].read() == b""
        assert s3.get_object(Bucket="two", Key="a")["Body"].read() == b"x" * 7_000_000
        (item,) = dynamodb.scan(TableName="runs", ConsistentRead=True)["Items"]
        found = {**item, "many": {"BS": sorted(item["many"]["BS"])}, "marks": {"NS": sorted(item["marks"]["NS"])}}
        assert found == {**ITEM, "marks": {"NS": ["1", "2", "3"]}}


def _create_table(dynamodb: Any) -> None:
    dynamodb.create_table(
        TableName="runs",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def _add(dynamodb: Any, mark: str) -> None:
    dynamodb.update_item(
        TableName="runs",
        Key={"pk": {"S": "run"}},
        UpdateExpression="ADD marks :more",
        ExpressionAttributeValues={":more": {"NS": [mark]}},
    )


def test_what_is_no_longer_there_is_dropped_and_what_is_twice_is_kept_once(tmp_path: Path, begin: Begin) -> None:
    with begin() as world:
        world.put("one", a=b"old", b=b"same", c=b"same")
        world.state.save()
        world.put("one", a=b"new")
        world.state.save()
        world.state.close()
    contents = sorted(file.read_bytes() for file in (folder(tmp_path) / "objects").iterdir())
    assert contents == [b"new", b"same"]


def test_only_what_has_changed_is_written(tmp_path: Path, begin: Begin) -> None:
    with begin() as world:
        world.put("one", a=b"x")
        world.put_item("first")
        world.state.save()
        before = (folder(tmp_path) / "index.json").stat().st_mtime_ns
        world.state.save()
        world.put_item("second")
        world.state.save()
    assert (folder(tmp_path) / "index.json").stat().st_mtime_ns == before
    lines = [json.loads(line) for line in (folder(tmp_path) / "items.jsonl").read_bytes().split(b"\n") if line]
    assert [[key["pk"]["S"] for _, key, _ in line] for line in lines] == [["first"], ["second"]]


def test_an_object_keeps_the_time_at_which_it_was_put(begin: Begin) -> None:
    put = datetime(2020, 1, 2, 3, 4, 5, tzinfo=timezone.utc).replace(tzinfo=None)  # as moto has it
    with begin() as world:
        world.put("one", old=b"x", new=b"x")
        world.s3.buckets["one"].keys["folder/old"].last_modified = put
        world.state.save()
    for _ in range(2):
        with begin() as world:
            keys = world.s3.buckets["one"].keys
            found = {key: keys[f"folder/{key}"].last_modified for key in ("old", "new")}
            assert (found["old"], found["new"] > put) == (put, True)
            world.put("one", another=b"y")
            world.state.save()


def test_an_object_that_was_put_again_unchanged_has_its_newest_time(begin: Begin) -> None:
    with begin() as world:
        world.put("one", a=b"x")
        world.s3.buckets["one"].keys["folder/a"].last_modified = datetime(2020, 1, 2, tzinfo=timezone.utc)
        world.state.save()
        world.put("one", a=b"x")
        put = world.s3.buckets["one"].keys["folder/a"].last_modified
        world.state.save()
    with begin() as world:
        kept = world.s3.buckets["one"].keys["folder/a"].last_modified
        assert abs((kept - put.replace(tzinfo=None)).total_seconds()) < 0.001


def test_of_two_at_once_both_are_kept(tmp_path: Path, begin: Begin) -> None:
    with begin() as world:
        world.put("bucket", old=b"old", both=b"0", goes=b"x")
        world.put_item("old")
        world.state.save()
    with begin() as world:
        first_began = world.state
        world.put("bucket", first=b"1", both=b"1")
        world.s3.delete_object("bucket", "folder/goes")
        world.put_item("first")
        # Meanwhile another, which began as this one did, saves its own changes.
        second = State(tmp_path, _Fixed({"bucket": {"folder/second": "s", "folder/old": "o"}}, b"2"))  # type: ignore[arg-type]
        second._kept = {"bucket": {"folder/old": "o"}}
        second.save()
        first_began.save()
        first_began.close()
    assert kept_objects(tmp_path) == {
        "bucket/folder/old": b"old",
        "bucket/folder/both": b"1",
        "bucket/folder/first": b"1",
        "bucket/folder/second": b"2",
    }
    with begin() as world:
        assert world.pks == {"old", "first"}


class _Fixed:
    """The storage of another command, with objects of one content."""

    def __init__(self, objects: dict[str, dict[str, str]], content: bytes) -> None:
        self._objects, self._content = objects, content

    def objects(self) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, int]]]:
        return {bucket: dict(keys) for bucket, keys in self._objects.items()}, {}

    def read(self, *_: str) -> bytes:
        return self._content

    def written(self) -> Any:
        return type("Written", (), {"items": ()})

    def kept(self, _: Any) -> None:
        """Record what was saved."""


def test_a_project_that_was_moved_gets_no_second_folder_and_is_kept_once_it_is_back(
    tmp_path: Path, begin: Begin
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    with begin(project=project) as world:
        world.put("one", a=b"x")
        world.put_item("first")
        world.state.save(RUN)
        project.rename(elsewhere)
        world.put_item("second")
        for _ in range(2):
            with pytest.raises(FileNotFoundError, match="not there any more"):
                world.state.save(RUN)
        assert not project.exists()
        elsewhere.rename(project)
        world.state.save(RUN)
    assert _pks(project) == {"first", "second"}


def test_whoever_deletes_what_is_kept_while_a_run_goes_on_gets_all_of_it_again(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begin() as world:
        world.put("one", a=b"x")
        world.put_item("first")
        world.state.save(RUN)
        shutil.rmtree(folder(tmp_path))
        world.put("one", b=b"y")
        world.put_item("second")
        for room in range(20):  # the index is written, and then there is no room for the items
            with full_disk(monkeypatch, room), suppress(OSError):
                world.state.save(RUN)
                break
        world.put_item("third")
        world.state.save(RUN)
    lines = [json.loads(line) for line in (folder(tmp_path) / "items.jsonl").read_bytes().split(b"\n") if line]
    assert [sorted(key["pk"]["S"] for _, key, _ in line) for line in lines] == [["first", "second"], ["third"]]
    assert kept_objects(tmp_path) == {"one/folder/a": b"x", "one/folder/b": b"y"}


def test_a_run_of_another_command_that_goes_on_is_left_to_it(tmp_path: Path, begin: Begin) -> None:
    with in_progress(tmp_path) as other:
        with begin(command=other.name) as world:
            world.put_item(f"run#{RUN.run_id}")
            world.put_item("key")
            world.state.save(RUN)
        with begin() as world:
            assert world.pks == {"key"}
            world.state.save()
        with begin(command=other.name) as world:
            assert len(world.pks) == 2
    with begin() as world:
        assert len(world.pks) == 2


def test_a_disk_that_is_full_leaves_what_was_kept_and_later_all_is(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begin() as world:
        world.put("one", a=b"x")
        world.put_item("first")
        world.state.save(RUN)
        before = kept_objects(tmp_path)
        world.put("one", a=b"y", b=b"z")
        world.put_item("second")
        for room in range(10):
            with full_disk(monkeypatch, room):
                try:
                    world.state.save()
                    break
                except OSError:
                    assert kept_objects(tmp_path) in (before, {"one/folder/a": b"y", "one/folder/b": b"z"})
                    assert _pks(tmp_path) == {"first"}
    assert room >= 3
    assert kept_objects(tmp_path) == {"one/folder/a": b"y", "one/folder/b": b"z"}
    assert _pks(tmp_path) == {"first", "second"}
    assert [path.name for path in folder(tmp_path).rglob(".*")] == [".gitignore"]


def _pks(project: Path) -> set[str]:
    return {item.key["pk"]["S"] for item in items.read_items(folder(project) / "items.jsonl").values()}


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch, room: int) -> Iterator[None]:
    """Make fsync fail after so many calls, like a disk without room for what was written."""
    left = iter(range(room))

    def fsync(_: int) -> None:
        if next(left, None) is None:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fsync)
        yield


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"format": 0, "objects": {"x": {"y": "z"}}}'])
def test_a_state_that_cannot_be_read_is_a_start_from_nothing(
    tmp_path: Path, begin: Begin, content: bytes | None
) -> None:
    if content is not None:
        folder(tmp_path).mkdir(parents=True)
        (folder(tmp_path) / "index.json").write_bytes(content)
    with begin() as world:
        assert world.objects == {}
        world.put("one", a=b"x")
        world.state.save()
    assert kept_objects(tmp_path) == {"one/folder/a": b"x"}


def test_a_line_that_was_cut_short_counts_for_nothing(tmp_path: Path, begin: Begin) -> None:
    for pk in ("first", "second"):
        with begin() as world:
            world.put_item(pk)
            world.state.save()
    file = folder(tmp_path) / "items.jsonl"
    file.write_bytes(file.read_bytes()[:-9])
    with begin() as world:
        assert world.pks == {"first"}
        world.put_item("third")
        world.state.save()
    with begin() as world:
        assert world.pks == {"first", "third"}


def test_items_of_runs_that_are_not_kept_any_more_go(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(KEPT_RUNS):
        save_run(tmp_path, RunState(f"2026-11-21T10.00.00.{number:03d}Z", "SUCCEEDED", 0, 0))
    monkeypatch.setattr(items, "WORTHWHILE", 100)
    with begin() as world:
        for name in ("run#2026-11-20T10.00.00.000Z", "run#2026-11-21T10.00.00.000Z", "key"):
            world.put_item(name, text={"S": "x" * 1000})
        world.state.save()
    with begin() as world:
        assert world.pks == {"run#2026-11-21T10.00.00.000Z", "key"}
        size = (folder(tmp_path) / "items.jsonl").stat().st_size
        for number in range(9):
            world.put_item("key", text={"S": str(number) * 1000})
            world.state.save()
    with begin() as world:
        (item,) = (one for one in world.dynamodb.get_table("runs").all_items() if one.hash_key.value == "key")
        assert item.attrs["text"].value == "8" * 1000
    assert (folder(tmp_path) / "items.jsonl").stat().st_size < size + 100


def test_to_forget_leaves_nothing(tmp_path: Path, begin: Begin) -> None:
    with begin() as world:
        world.put("one", a=b"x")
        world.put_item("first")
        world.state.save(RUN)
    forget(tmp_path)
    assert kept_run(tmp_path, RUN.run_id) is None
    with begin() as world:
        assert (world.objects, world.pks) == ({}, set())


def test_the_state_hides_itself_from_git(tmp_path: Path, begin: Begin) -> None:
    with begin() as world:
        world.state.save()
    assert (folder(tmp_path) / ".gitignore").read_text() == "*\n"
