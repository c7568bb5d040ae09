"""DynamoDB: moto's, without two costs that grow with what has been stored.

moto sorts the whole table for each Query of one partition, and puts answers into JSON by the service's model, each
number of each set wrapped by itself. With some runs in the table, and shards that are little else than sets, that was
most of what a call took.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from moto.core.serialize import JSONSerializer
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

if TYPE_CHECKING:
    from moto.core.model import StructureShape
    from moto.dynamodb.models.dynamo_type import DynamoType, Item

#: Types whose values moto keeps as JSON has them.
_PLAIN = {"S", "N", "BOOL", "NULL", "SS", "NS"}


#: moto's UpdateItem reads and writes without a lock, so that claims were won twice: one request is answered at a time.
ONE_AT_A_TIME = threading.Lock()


class ItemKey(NamedTuple):
    """Where an item lies, as moto has it."""

    table: str
    hash_key: DynamoType
    range_key: DynamoType | None


class PartitionedTable(Table):
    """A table whose Query looks at one partition. The gateway asks one thing at a time, so that may be noted here."""

    _partition: DynamoType | None = None

    def query(self, hash_key: DynamoType | None, *args: Any, **kwargs: Any) -> Any:
        """Return what the items of a partition are, filtered and in order; an index is moto's business."""
        indexed = kwargs.get("index_name") or (len(args) > 6 and args[6])
        self._partition = None if indexed else hash_key
        try:
            return super().query(hash_key, *args, **kwargs)
        finally:
            self._partition = None

    def all_items(self) -> list[Item]:
        """Return the items that a Query chooses from, or those of the table."""
        if self._partition is None or not self.range_key_attr:
            return super().all_items()
        return list(self.items.get(self._partition, {}).values())


class PartitionedDynamoDBBackend(DynamoDBBackend):
    """moto's DynamoDB, of such tables; it notes which items are written."""

    __module__ = DynamoDBBackend.__module__  # by which moto finds a backend's URLs

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name=region_name, account_id=account_id)
        self._writes = itertools.count(1)
        #: The items that were written, each with the number of its last write.
        self.written: dict[ItemKey, int] = {}

    def put_item(self, table_name: str, *args: Any, **kwargs: Any) -> Item:
        """Put an item."""
        item = super().put_item(table_name, *args, **kwargs)
        self._note(ItemKey(table_name, item.hash_key, item.range_key))
        return item

    def update_item(self, table_name: str, key: dict[str, dict[str, Any]], *args: Any, **kwargs: Any) -> Item:
        """Change an item."""
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
