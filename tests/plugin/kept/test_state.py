from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from kedro_aws_batch.kept import state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ITEM = {
    "pk": {"S": "run"},
    "plan": {"B": b"\x00\xff"},
    "many": {"BS": [b"\x01", b"\x02"]},
    "marks": {"NS": ["1", "2"]},
    "B": {"M": {"B": {"S": "an attribute's name"}, "list": {"L": [{"B": b"\x03"}]}}},
}


def client(service: str) -> Any:
    make: Any = boto3.client
    return make(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")  # noqa: S106


@pytest.fixture
def fresh_aws() -> Iterator[Callable[[], None]]:
    """Return what makes AWS empty but for a table, as a new embedded AWS is."""
    mock = mock_aws()

    def start_again() -> None:
        mock.stop()
        mock.start()
        create_table()

    mock.start()
    create_table()
    yield start_again
    mock.stop()


def create_table() -> None:
    key = {"AttributeName": "pk", "KeyType": "HASH"}
    attribute = {"AttributeName": "pk", "AttributeType": "S"}
    client("dynamodb").create_table(
        TableName="runs", KeySchema=[key], AttributeDefinitions=[attribute], BillingMode="PAY_PER_REQUEST"
    )


def put(bucket: str, **objects: bytes) -> None:
    state.create_bucket(client("s3"), bucket)
    for key, content in objects.items():
        client("s3").put_object(Bucket=bucket, Key=f"folder/{key}", Body=content)


def objects() -> dict[str, bytes]:
    s3 = client("s3")
    return {
        f"{bucket['Name']}/{entry['Key']}": s3.get_object(Bucket=bucket["Name"], Key=entry["Key"])["Body"].read()
        for bucket in s3.list_buckets()["Buckets"]
        for entry in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", [])
    }


def test_objects_and_items_come_back_as_they_were(tmp_path: Path, fresh_aws: Callable[[], None]) -> None:
    put("one", a=b"x", b=b"")
    put("two", a=b"x")
    client("dynamodb").put_item(TableName="runs", Item=ITEM)
    state.save(tmp_path, client)
    fresh_aws()
    assert state.load(tmp_path, client) == 3
    assert objects() == {"one/folder/a": b"x", "one/folder/b": b"", "two/folder/a": b"x"}
    item = client("dynamodb").get_item(TableName="runs", Key={"pk": {"S": "run"}})["Item"]
    assert {**item, "many": sorted(item["many"]["BS"])} == {**ITEM, "many": [b"\x01", b"\x02"]}


@pytest.mark.usefixtures("fresh_aws")
def test_what_is_no_longer_there_is_dropped_and_what_is_twice_is_kept_once(
    tmp_path: Path,
) -> None:
    put("one", a=b"old", b=b"same", c=b"same")
    state.save(tmp_path, client)
    put("one", a=b"new")
    state.save(tmp_path, client)
    contents = sorted(file.read_bytes() for file in (state.folder(tmp_path) / "objects").iterdir())
    assert contents == [b"new", b"same"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"format": 0, "objects": {"x": {"y": "z"}}}'])
@pytest.mark.usefixtures("fresh_aws")
def test_a_state_that_cannot_be_read_is_a_start_from_nothing(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        state.folder(tmp_path).mkdir(parents=True)
        (state.folder(tmp_path) / "index.json").write_bytes(content)
    assert state.load(tmp_path, client) == 0


@pytest.mark.usefixtures("fresh_aws")
def test_the_state_hides_itself_from_git(tmp_path: Path) -> None:
    state.save(tmp_path, client)
    assert (state.folder(tmp_path) / ".gitignore").read_text() == "*\n"
