"""moto's DynamoDB, without two costs that grow with its contents.

moto sorts the whole table for each Query of one partition. It also converts answers to JSON by the service's model, and
wraps each number of each set by itself. With some runs in the table, whose shards are little else than sets, that took
most of a call's time.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from moto.core.serialize import JSONSerializer
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

if TYPE_CHECKING:
    from moto.core.model import StructureShape
    from moto.dynamodb.models.dynamo_type import DynamoType, Item

#: Types whose values moto keeps in JSON's form.
_PLAIN = {"S", "N", "BOOL", "NULL", "SS", "NS"}
_TWICE = "ExpressionAttributeValues contains invalid value: Input collection contains duplicates"


#: moto's UpdateItem reads and writes without a lock, and claims were won twice. So requests are answered one at a time.
ONE_AT_A_TIME = threading.Lock()


class ItemKey(NamedTuple):
    """The place of an item, in moto's terms."""

    table: str
    hash_key: DynamoType
    range_key: DynamoType | None


class PartitionedTable(Table):
    """A table whose Query looks at one partition. Requests come one at a time, so the table may note that partition."""

    _partition: DynamoType | None = None

    def query(self, hash_key: DynamoType | None, *args: Any, **kwargs: Any) -> Any:
        """Return the items of a partition, filtered and in order; moto handles an index."""
        indexed = kwargs.get("index_name") or (len(args) > 6 and args[6])
        self._partition = None if indexed else hash_key
        try:
            return super().query(hash_key, *args, **kwargs)
        finally:
            self._partition = None

    def all_items(self) -> list[Item]:
        """Return a Query's candidates, or all items of the table."""
        if self._partition is None or not self.range_key_attr:
            return super().all_items()
        return list(self.items.get(self._partition, {}).values())


class PartitionedDynamoDBBackend(DynamoDBBackend):
    """moto's DynamoDB with such tables; it notes which items are written."""

    __module__ = DynamoDBBackend.__module__  # moto finds a backend's URLs by this

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name=region_name, account_id=account_id)
        self._writes = itertools.count(1)
        #: The written items, each with the number of its last write.
        self.written: dict[ItemKey, int] = {}

    def put_item(self, table_name: str, *args: Any, **kwargs: Any) -> Item:
        """Put an item."""
        item = super().put_item(table_name, *args, **kwargs)
        self._note(ItemKey(table_name, item.hash_key, item.range_key))
        return item

    def update_item(self, table_name: str, key: dict[str, dict[str, Any]], *args: Any, **kwargs: Any) -> Item:
        """Change an item. moto alone would take a set in which something comes twice."""
        for name, value in (kwargs.get("expression_attribute_values") or {}).items():
            for kind in ("NS", "SS"):
                if len(set(value.get(kind, ()))) < len(value.get(kind, ())):
                    raise MockValidationException(f"{_TWICE} for key {name}")
        item = super().update_item(table_name, key, *args, **kwargs)
        self._note(ItemKey(table_name, *self.get_keys_value(self.get_table(table_name), key)))
        return item

    def delete_item(self, table_name: str, key: dict[str, Any], *args: Any, **kwargs: Any) -> Item | None:
        """Delete an item."""
        item = super().delete_item(table_name, key, *args, **kwargs)
        self._note(ItemKey(table_name, *self.get_keys_value(self.get_table(table_name), key)))
        return item

    def _note(self, key: ItemKey) -> None:
        self.written[key] = next(self._writes)

    def create_table(self, *args: Any, **kwargs: Any) -> Table:
        """Create a table."""
        table = super().create_table(*args, **kwargs)
        table.__class__ = PartitionedTable  # type: ignore[type-abstract]  # moto's own has no more to it
        return table


class AttributeSerializer(JSONSerializer):
    """moto's serializer, with a short cut for values that need no change."""

    def _serialize_type_structure(self, serialized: Any, value: Any, shape: StructureShape, key: str) -> None:
        if key and shape.name == "AttributeValue" and isinstance(value, dict) and _PLAIN.issuperset(value):
            self._default_serialize(serialized, value, shape, key)
        else:
            super()._serialize_type_structure(serialized, value, shape, key)
