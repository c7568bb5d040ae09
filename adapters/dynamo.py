"""Calls of DynamoDB on one table: one item, several read or written at once, or a page."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapters import encoding
from adapters.encoding import Item
from adapters.ports import Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoTable:
    """A table with a partition key `pk` and a sort key `sk`. All reads are consistent."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    def put_new(self, item: Item) -> bool:
        try:
            self._client.put_item(
                TableName=self._name, Item=encoding.written_item(item), ConditionExpression="attribute_not_exists(pk)"
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def update(  # noqa: PLR0913, PLR0917 - one call of DynamoDB, spelled out
        self,
        pk: str,
        sk: str,
        expression: str,
        values: Item,
        condition: str,
        names: Mapping[str, str] | None = None,
    ) -> bool:
        """Change an item if a condition holds, and return whether it does."""
        options: Item = {"ExpressionAttributeNames": names} if names else {}
        try:
            self._client.update_item(
                TableName=self._name,
                Key=encoding.key(pk, sk),
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                **options,
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def update_returning(self, pk: str, sk: str, expression: str, values: Item, condition: str = "") -> Item | None:
        """Change an item and return all of it as it is then; None if the condition doesn't hold."""
        options: Item = {"ConditionExpression": condition} if condition else {}
        try:
            answer = self._client.update_item(
                TableName=self._name,
                Key=encoding.key(pk, sk),
                UpdateExpression=expression,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                **options,
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return encoding.plain_item(answer["Attributes"])

    def get_one(self, pk: str, sk: str) -> Item | None:
        answer = self._client.get_item(TableName=self._name, Key=encoding.key(pk, sk), ConsistentRead=True)
        return encoding.plain_item(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Sequence[tuple[str, str]]) -> list[Item]:
        return [encoding.plain_item(item) for item in self.get_many_raw(keys)]

    def get_many_raw(self, keys: Sequence[tuple[str, str]]) -> list[Item]:
        if not keys:
            return []
        wanted: Any = {self._name: {"Keys": [encoding.key(*key) for key in keys], "ConsistentRead": True}}
        found: list[Item] = []
        for pause in _pauses():
            answer = self._client.batch_get_item(RequestItems=wanted)
            found += answer["Responses"].get(self._name, [])
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                break
            time.sleep(pause)
        return found

    def put_many(self, items: Iterable[Item]) -> None:
        # BatchWriteItem refuses a whole batch in which a key comes twice, as it does if an event is delivered twice.
        by_key = {item["sk"]: item for item in items}
        wanted: Any = {self._name: [{"PutRequest": {"Item": encoding.written_item(item)}} for item in by_key.values()]}
        for pause in _pauses():
            answer = self._client.batch_write_item(RequestItems=wanted)
            wanted = answer.get("UnprocessedItems")
            if not wanted:
                break
            time.sleep(pause)

    def query_raw(self, pk: str, low: str, high: str, start: Item | None) -> Any:
        options: Item = {"ExclusiveStartKey": start} if start else {}
        return self._client.query(
            TableName=self._name,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
            ExpressionAttributeValues={
                ":pk": encoding.write(pk),
                ":low": encoding.write(low),
                ":high": encoding.write(high),
            },
            ConsistentRead=True,
            **options,
        )

    def query(self, pk: str, low: str, high: str, start: Item | None) -> tuple[list[Item], Item | None]:
        answer = self.query_raw(pk, low, high, start)
        return [encoding.plain_item(item) for item in answer["Items"]], answer.get("LastEvaluatedKey")

    def listed(self, pk: str, start: str | None, *, forward: bool, limit: int) -> Page:
        options: Item = {"ExclusiveStartKey": encoding.key(pk, start)} if start else {}
        answer = self._client.query(
            TableName=self._name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": encoding.write(pk)},
            ConsistentRead=True,
            ScanIndexForward=forward,
            Limit=limit,
            **options,
        )
        run_ids = [item["sk"]["S"] for item in answer["Items"]]
        return Page(run_ids, run_ids[-1] if answer.get("LastEvaluatedKey") and run_ids else None)


def _pauses() -> Iterator[float]:
    """Yield the seconds to wait before asking again for items that a throttled table left over, for ever."""
    for tries in itertools.count():
        yield min(1.0, 0.05 * 2 ** min(tries, 5)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter  # nosec B311
