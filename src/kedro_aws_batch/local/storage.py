"""The embedded AWS's lasting contents, objects and items, read and restored without a request for each."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.s3.models import s3_backends

from kedro_aws_batch.local.tables import ONE_AT_A_TIME, ItemKey, PartitionedDynamoDBBackend
from kedro_aws_batch.stored import StoredItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from moto.s3.models import S3Backend

    from kedro_aws_batch.local.place import Place
    from kedro_aws_batch.stored import Objects, Times


@dataclass(frozen=True)
class Written:
    """The items written since the last save, all as of one moment."""

    items: tuple[StoredItem, ...]
    writes: Mapping[ItemKey, int]


class Storage:
    """Objects and items of a running embedded AWS."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def objects(self) -> tuple[Objects, Times]:
        """Return the objects and when each was put, and buckets without objects; of one with versions, the newest."""
        objects: Objects = {}
        times: Times = {}
        for name, bucket in list(self._s3.buckets.items()):
            found = {key: one for key in list(dict.keys(bucket.keys)) if (one := bucket.keys.get(key))}
            objects[name] = {key: one.etag.strip('"') for key, one in found.items()}
            times[name] = {key: _ms(one.last_modified) for key, one in found.items()}
        return objects, times

    def read(self, bucket: str, key: str, etag: str) -> bytes | None:
        """Return an object's content; None if it has changed or is gone."""
        found = self._s3.buckets[bucket].keys.get(key)
        if found is None or found.etag.strip('"') != etag:
            return None
        return bytes(found.value)

    def create_bucket(self, bucket: str) -> None:
        """Create a bucket, unless there is one."""
        if bucket not in self._s3.buckets:
            self._s3.create_bucket(bucket, self._place.region)

    def put_object(self, bucket: str, key: str, content: bytes, etag: str, written: int | None = None) -> None:
        """Put an object with its former ETag, and the time at which it was put (ms), if that is known."""
        made = self._s3.put_object(bucket, key, content, etag=etag)
        if written is not None:
            made.last_modified = datetime.fromtimestamp(written / 1000, timezone.utc).replace(tzinfo=None)

    def put_items(self, items: Iterable[StoredItem]) -> None:
        """Put items into their tables, if those exist; they count as saved."""
        with ONE_AT_A_TIME:
            before = dict(self._dynamodb.written)
            for item in items:
                if item.attributes is not None and item.table in self._dynamodb.tables:
                    self._dynamodb.put_item(item.table, dict(item.attributes))
            self._dynamodb.written = before

    def written(self) -> Written:
        """Return the items written since the last save."""
        with ONE_AT_A_TIME:
            writes = dict(self._dynamodb.written)
            return Written(tuple(self._item(key) for key in writes), writes)

    def everything(self) -> Written:
        """Return all items, as `written` returns some."""
        with ONE_AT_A_TIME:
            tables = self._dynamodb.tables.items()
            keys = [ItemKey(name, one.hash_key, one.range_key) for name, table in tables for one in table.all_items()]
            return Written(tuple(self._item(key) for key in keys), dict(self._dynamodb.written))

    def kept(self, written: Written) -> None:
        """Mark items as saved, except those written again meanwhile."""
        with ONE_AT_A_TIME:
            for key, number in written.writes.items():
                if self._dynamodb.written.get(key) == number:
                    del self._dynamodb.written[key]

    def _item(self, key: ItemKey) -> StoredItem:
        table = self._dynamodb.tables[key.table]
        names = (name for name in (table.hash_key_attr, table.range_key_attr) if name is not None)
        values = (value for value in (key.hash_key, key.range_key) if value is not None)
        found = table.get_item(key.hash_key, key.range_key)
        return StoredItem(
            table=key.table,
            key={name: _json(value) for name, value in zip(names, values, strict=True)},
            attributes=None if found is None else {name: _json(value) for name, value in found.attrs.items()},
        )

    @property
    def _s3(self) -> S3Backend:
        return s3_backends[self._place.account]["aws"]

    @property
    def _dynamodb(self) -> PartitionedDynamoDBBackend:
        backend = dynamodb_backends[self._place.account][self._place.region]
        assert isinstance(backend, PartitionedDynamoDBBackend)  # noqa: S101 - `_Running` has seen to it  # nosec B101
        return backend


def _ms(moment: datetime) -> int:
    """Return a moment of moto's, which is in UTC, in ms."""
    return round(moment.replace(tzinfo=timezone.utc).timestamp() * 1000)


def _json(value: Any) -> Any:
    """Return a moto value as DynamoDB's JSON; a copy, since moto changes sets in place."""
    if isinstance(value, DynamoType):
        return {value.type: _json(value.value)}
    if isinstance(value, dict):
        return {key: _json(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_json(one) for one in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
