"""DynamoDB: moto's, without two costs that grow with what has been stored.

moto sorts the whole table for each Query of one partition, and puts answers into JSON by the service's model, each
number of each set wrapped by itself. With some runs in the table, and shards that are little else than sets, that was
most of what a call took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.serialize import JSONSerializer
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

if TYPE_CHECKING:
    from moto.core.model import StructureShape
    from moto.dynamodb.models.dynamo_type import DynamoType, Item

#: Types whose values moto keeps as JSON has them.
_PLAIN = {"S", "N", "BOOL", "NULL", "SS", "NS"}


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
    """moto's DynamoDB, of such tables."""

    __module__ = DynamoDBBackend.__module__  # by which moto finds a backend's URLs

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
