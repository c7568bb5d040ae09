"""Worlds that go on where earlier ones ended: each an AWS of its own, with the state that is kept between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends

from kedro_aws_batch.kept.state import State
from kedro_aws_batch.local.place import Place, new_access_key
from kedro_aws_batch.local.storage import Storage
from kedro_aws_batch.local.tables import PartitionedDynamoDBBackend


class World:
    """The contents of an embedded AWS, with a table, and its state."""

    def __init__(self, project: Path, command: str) -> None:
        self.place = Place("us-east-1", "", new_access_key(), account=next(ACCOUNTS))
        self.state = State(project, Storage(self.place), command)
        self.s3 = s3_backends[self.place.account]["aws"]
        self.dynamodb = dynamodb_backends[self.place.account]["us-east-1"]
        self.dynamodb.create_table(
            "runs",
            schema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            attr=[{"AttributeName": "pk", "AttributeType": "S"}],
            throughput=None,
            indexes=[],
            global_indexes=[],
            streams=None,
            billing_mode="PAY_PER_REQUEST",
            sse_specification=None,
            tags=[],
            deletion_protection_enabled=False,
            warm_throughput=None,
        )

    def put(self, bucket: str, **objects: bytes) -> None:
        self.state.storage.create_bucket(bucket)
        for key, content in objects.items():
            self.s3.put_object(bucket, f"folder/{key}", content)

    def put_item(self, pk: str, **attributes: Any) -> None:
        self.dynamodb.put_item("runs", {"pk": {"S": pk}, **attributes})

    @property
    def objects(self) -> dict[str, bytes]:
        return {
            f"{name}/{key}": bucket.keys[key].value for name, bucket in self.s3.buckets.items() for key in bucket.keys
        }

    @property
    def pks(self) -> set[str]:
        return {item.hash_key.value for item in self.dynamodb.get_table("runs").all_items()}


Begin = Callable[..., Any]
ACCOUNTS = map(str, itertools.count(400_000_000_000))


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Begin:
    """Return a function that begins a world with the state of the earlier ones."""
    monkeypatch.setattr(dynamodb_backends, "backend", PartitionedDynamoDBBackend)

    @contextmanager
    def a_world(command: str = "", project: Path = tmp_path) -> Iterator[World]:
        world = World(project, command)
        try:
            world.state.load()
            yield world
        finally:
            for bucket in world.s3.buckets:
                s3_backends.bucket_accounts.pop(bucket)  # names of buckets are the world's, not an account's

    return a_world
