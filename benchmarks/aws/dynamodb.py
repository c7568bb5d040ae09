"""The part of DynamoDB that `DynamoRunTable` uses, metered: requests, and write and read units by items' sizes.

It understands exactly the expressions that the adapter writes, and raises on any other.
"""

# ruff: noqa: ARG002, N803 - the arguments are named as boto3 names them, used or not

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from botocore.exceptions import ClientError

from benchmarks.aws.expressions import Item, apply_change, condition_holds, read_changes, refuse_duplicates, value_size
from dag import limits

Key = tuple[str, str]
_LARGEST_ITEM = limits.ITEM_BYTES.most


class ConditionalCheckFailedError(ClientError):
    """A condition did not hold."""

    def __init__(self, operation: str) -> None:
        super().__init__({"Error": {"Code": "ConditionalCheckFailedException", "Message": "no"}}, operation)


class _Exceptions:
    ConditionalCheckFailedException = ConditionalCheckFailedError


class Line:
    """The connection from a caller to DynamoDB: nothing, unless a simulation adds time and limits."""

    def depart(self, operation: str) -> None:
        """Let a request's latency pass."""

    def admit(self, writes: Mapping[str, int], reads: Mapping[str, int]) -> bool:
        """Return whether the partition keys have units left for a request; by partition key."""
        return True

    def back_off(self, attempt: int) -> None:
        """Wait before a throttled request is made again, or raise when that was the last attempt."""

    def arrive(self) -> None:
        """Deliver the answer to the caller."""


@dataclass
class Meter:
    """The usage."""

    requests: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)  #: `write` and `read`
    written: Counter[str] = field(default_factory=Counter)  #: write units by kind of item
    throttled: int = 0
    largest: int = 0  #: bytes of the largest item

    @property
    def total(self) -> int:
        """Return how many requests there were."""
        return sum(self.requests.values())


def item_size(item: Mapping[str, Any]) -> int:
    """Return the bytes that DynamoDB counts for an item: names and values."""
    return sum(len(name) + value_size(value) for name, value in item.items())


def write_units(size: int) -> int:
    """Return the write units of an item: one for each KB begun."""
    return max(1, -(-size // 1024))


def read_units(size: int) -> int:
    """Return the units of a consistent read: one for each 4 KB begun, one for nothing."""
    return max(1, -(-size // 4096))


Effect = tuple[Mapping[Key, int], Mapping[Key, int], Callable[[], Item]]


class MeteredDynamoDB:
    """A client. A request takes effect at one moment, after its latency.

    A number set is kept as a set of strings, with its item's size beside it, so that large sets stay cheap to simulate.
    """

    exceptions = _Exceptions

    def __init__(self, line: Line | None = None, page_bytes: int = limits.QUERY_BYTES.most) -> None:
        self.meter = Meter()
        self._line = line or Line()
        self._page_bytes = page_bytes
        self._items: dict[str, dict[str, Item]] = {}
        self._order: dict[str, list[str]] = {}  #: sort keys by partition key, in order
        self._sizes: dict[Key, int] = {}

    def unmetered(self) -> MeteredDynamoDB:
        """Return a client of the same items that takes no time and doesn't count."""
        other = MeteredDynamoDB()
        other._items, other._order, other._sizes = self._items, self._order, self._sizes
        return other

    def take_over(self, other: MeteredDynamoDB) -> None:
        """Hold the items of another from here on, without a request."""
        self._items, self._order, self._sizes = other._items, other._order, other._sizes

    # the client's methods ----------------------------------------------------------------------------------------

    def put_item(self, *, TableName: str, Item: Item, ConditionExpression: str | None = None) -> Item:
        key, size = _key(Item), item_size(Item)

        def effect() -> Effect:
            holds = ConditionExpression is None or condition_holds(ConditionExpression, self._get(key), {})
            units = {key: write_units(max(size, self._sizes.get(key, 0)))}
            return units, {}, (lambda: self._put(Item, size)) if holds else _fail("PutItem")

        return self._request("PutItem", effect)

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool) -> Item:
        key = _key(Key)

        def effect() -> Effect:
            item = self._get(key)
            answer = {} if item is None else {"Item": _shown(item)}
            return {}, {key: read_units(self._sizes.get(key, 0))}, lambda: answer

        return self._request("GetItem", effect)

    def delete_item(self, *, TableName: str, Key: Item) -> Item:
        key = _key(Key)

        def apply() -> Item:
            if self._items.get(key[0], {}).pop(key[1], None) is not None:
                self._order[key[0]].remove(key[1])
            self._sizes.pop(key, None)
            return {}

        return self._request("DeleteItem", lambda: ({key: write_units(self._sizes.get(key, 0))}, {}, apply))

    def update_item(  # noqa: PLR0913 - DynamoDB's own
        self,
        *,
        TableName: str,
        Key: Item,
        UpdateExpression: str,
        ExpressionAttributeValues: Item,
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ConditionExpression: str | None = None,
        ReturnValues: str = "NONE",
    ) -> Item:
        key = _key(Key)
        refuse_duplicates(ExpressionAttributeValues)
        changes = list(read_changes(UpdateExpression, ExpressionAttributeNames or {}, ExpressionAttributeValues))

        def effect() -> Effect:
            old, old_size = self._get(key), self._sizes.get(key, 0)
            if ConditionExpression is not None and not condition_holds(
                ConditionExpression, old, ExpressionAttributeValues
            ):
                return {key: write_units(old_size)}, {}, _fail("UpdateItem")
            new, size = dict(old or Key), old_size or item_size(Key)
            for change in changes:
                size += apply_change(new, *change)
            shown = new if ReturnValues == "ALL_NEW" else old if ReturnValues == "ALL_OLD" else None

            def apply() -> Item:
                self._put(new, size)
                return {} if shown is None else {"Attributes": _shown(shown)}

            return {key: write_units(max(size, old_size))}, {}, apply

        return self._request("UpdateItem", effect)

    def query(  # noqa: PLR0913 - DynamoDB's own
        self,
        *,
        TableName: str,
        KeyConditionExpression: str,
        ExpressionAttributeValues: Item,
        ConsistentRead: bool,
        ScanIndexForward: bool = True,
        Limit: int | None = None,
        ExclusiveStartKey: Item | None = None,
    ) -> Item:
        pk = ExpressionAttributeValues[":pk"]["S"]
        low, high = "", "\U0010ffff"
        if KeyConditionExpression == "pk = :pk AND sk BETWEEN :low AND :high":
            low, high = ExpressionAttributeValues[":low"]["S"], ExpressionAttributeValues[":high"]["S"]
        elif KeyConditionExpression != "pk = :pk":
            raise NotImplementedError(KeyConditionExpression)
        start = ExclusiveStartKey["sk"]["S"] if ExclusiveStartKey else None

        def effect() -> Effect:
            order = self._order.get(pk, [])
            begin, end = bisect_left(order, low), bisect_right(order, high)
            if start is not None and ScanIndexForward:
                begin = max(begin, bisect_right(order, start))
            elif start is not None:
                end = min(end, bisect_left(order, start))
            keys = order[begin:end] if ScanIndexForward else order[begin:end][::-1]
            taken, total = self._page(pk, keys, Limit)
            answer: dict[str, Any] = {"Items": [_shown(self._items[pk][sk]) for sk in taken]}
            if len(taken) < len(keys):
                answer["LastEvaluatedKey"] = {"pk": {"S": pk}, "sk": {"S": taken[-1]}}
            return {}, {(pk, ""): read_units(total)}, lambda: answer

        return self._request("Query", effect)

    def _page(self, pk: str, keys: Iterable[str], limit: int | None) -> tuple[list[str], int]:
        taken: list[str] = []
        total = 0
        for sk in keys:
            if total >= self._page_bytes or len(taken) == limit:
                break
            taken.append(sk)
            total += self._sizes[pk, sk]
        return taken, total

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:
        ((table, wanted),) = RequestItems.items()
        keys = [_key(each) for each in wanted["Keys"]]
        _check(
            limits.BATCH_GET.allows(len(keys)) and len(set(keys)) == len(keys), "BatchGetItem takes 100 different keys"
        )

        def effect() -> Effect:
            found = [_shown(item) for key in keys if (item := self._get(key)) is not None]
            reads = {key: read_units(self._sizes.get(key, 0)) for key in keys}
            return {}, reads, lambda: {"Responses": {table: found}}

        return self._request("BatchGetItem", effect)

    def batch_write_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:
        ((_, wanted),) = RequestItems.items()
        items = {_key(each["PutRequest"]["Item"]): each["PutRequest"]["Item"] for each in wanted}
        _check(
            limits.BATCH_WRITE.allows(len(items)) and len(items) == len(wanted),
            "BatchWriteItem takes 25 different keys",
        )
        sizes = {key: item_size(item) for key, item in items.items()}

        def apply() -> Item:
            for key, item in items.items():
                self._put(item, sizes[key])
            return {}

        def effect() -> Effect:
            return {key: write_units(max(size, self._sizes.get(key, 0))) for key, size in sizes.items()}, {}, apply

        return self._request("BatchWriteItem", effect)

    def peek(self, pk: str, sk: str) -> Item | None:
        """Return an item without a request."""
        return self._items.get(pk, {}).get(sk)

    def keys(self, pk: str) -> list[str]:
        """Return the sort keys of a partition key without a request."""
        return list(self._items.get(pk, ()))

    def partitions(self, prefix: str) -> list[str]:
        """Return the partition keys with this prefix, without a request."""
        return [pk for pk in self._items if pk.startswith(prefix)]

    # behind it ---------------------------------------------------------------------------------------------------

    def _request(self, operation: str, effect: Callable[[], Effect]) -> Item:
        attempt = 1
        try:
            while True:
                self._line.depart(operation)
                writes, reads, apply = effect()
                if self._line.admit(_by_partition(writes), _by_partition(reads)):
                    break
                self.meter.throttled += 1
                self._line.back_off(attempt)
                attempt += 1
            self._note(operation, writes, reads)
            return apply()
        finally:
            self._line.arrive()

    def _note(self, operation: str, writes: Mapping[Key, int], reads: Mapping[Key, int]) -> None:
        self.meter.requests[operation] += 1
        self.meter.units["write"] += sum(writes.values())
        self.meter.units["read"] += sum(reads.values())
        for (pk, sk), units in writes.items():
            self.meter.written[(sk if pk.startswith("run#") else pk).partition("#")[0]] += units

    def _get(self, key: Key) -> Item | None:
        return self._items.get(key[0], {}).get(key[1])

    def _put(self, item: Item, size: int) -> Item:
        key = _key(item)
        _check(size <= _LARGEST_ITEM, f"{key} has {size:,} bytes")
        items = self._items.setdefault(key[0], {})
        if key[1] not in items:
            insort(self._order.setdefault(key[0], []), key[1])
        items[key[1]] = item
        self._sizes[key] = size
        self.meter.largest = max(self.meter.largest, size)
        return {}


def _check(right: bool, why: str) -> None:
    if not right:
        raise ClientError({"Error": {"Code": "ValidationException", "Message": why}}, "DynamoDB")


def _fail(operation: str) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise ConditionalCheckFailedError(operation)

    return fail


def _key(item: Mapping[str, Any]) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def _by_partition(units: Mapping[Key, int]) -> Counter[str]:
    total: Counter[str] = Counter()
    for (pk, _), each in units.items():
        total[pk] += each
    return total


def _shown(item: Item) -> Item:
    """Return an item as in an answer, which later updates don't change."""
    return dict(item)
