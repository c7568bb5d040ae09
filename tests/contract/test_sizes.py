"""No item comes near DynamoDB's limit of 400 KB; and the billed size of updates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from adapters.ports import LARGEST_PIECE, PlanPiece
from dag.shards import SETS, SHARD_SIZE, Mark
from tests.contract.dynamodb import Dynamo
from tests.contract.values import LATER, RUN_ID

LIMIT = 400 * 1024


def item_size(item: Mapping[str, Any]) -> int:
    """Return the bytes of an item by the rules of DynamoDB's developer guide, "Item sizes and formats".

    Names and strings are UTF-8. A number takes a byte for every two digits on the same side of the decimal point,
    without zeros at the end, and one more.
    """
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    sizes = {
        "S": lambda: len(content.encode()),
        "B": lambda: len(content),
        "N": lambda: _number_size(content),
        "NS": lambda: sum(map(_number_size, content)),
    }
    return sizes[kind]()


def _number_size(number: str) -> int:
    count = 1
    rest = int(number)
    while rest and rest % 100 == 0:
        rest //= 100
    while rest:
        rest //= 100
        count += 1
    return count


def read(dynamo: Dynamo, sort_key: str) -> Mapping[str, Any]:
    """Return one of the run's items as it is stored."""
    key = {"pk": {"S": f"run#{RUN_ID}"}, "sk": {"S": sort_key}}
    return dynamo.client.get_item(TableName=dynamo.name, Key=key, ConsistentRead=True)["Item"]


def test_a_shard_with_every_mark_of_every_group_stays_far_below_the_limit(dynamo: Dynamo) -> None:
    last = 390  # of a run of 100,000 groups
    groups = range(last * SHARD_SIZE, (last + 1) * SHARD_SIZE)
    attempts = [Mark(group, attempt).number for group in groups for attempt in range(5)]
    taken_over = [
        Mark(group, attempt, generation).number for group in groups for attempt in range(5) for generation in range(4)
    ]
    dynamo.table.add_marks(RUN_ID, last, dict.fromkeys(SETS, attempts))
    dynamo.table.claim(RUN_ID, last, taken_over)

    item = read(dynamo, f"shard#{last:04d}")

    assert {name: len(item[name]["NS"]) for name in SETS} == {**dict.fromkeys(SETS, 1280), "claimed": 5120}
    assert item_size(item) == 41_504 < LIMIT / 8


def test_a_shard_that_succeeded_at_once_is_small(dynamo: Dynamo) -> None:
    every = range(SHARD_SIZE)
    dynamo.table.add_marks(RUN_ID, 0, {"claimed": every, "submitted": every, "succeeded": every})

    # 1 number of 1 byte, 2 bytes each for 99 below 100 and for 100 and 200, 3 bytes for the others
    names = len("pk" + "run#" + RUN_ID + "sk" + "shard#0000" + "claimed" + "submitted" + "succeeded")
    assert item_size(read(dynamo, "shard#0000")) == names + 3 * (1 + 2 * 101 + 3 * 154)


def test_the_largest_piece_of_a_plan_leaves_room_for_its_names(dynamo: Dynamo) -> None:
    dynamo.table.put_plan(RUN_ID, PlanPiece("0123456789abcdef", 999, bytes(LARGEST_PIECE)), LATER)

    size = item_size(read(dynamo, "plan#0123456789abcdef#999"))

    assert LARGEST_PIECE < size < LARGEST_PIECE + 200 < LIMIT


@pytest.mark.parametrize("groups", [1, 99, 100, 101, 256])
def test_dynalite_bills_the_sizes_that_are_counted_here(dynalite_table: Dynamo, groups: int) -> None:
    every = [Mark(group, attempt).number for group in range(groups) for attempt in (0, 1, 7)]
    dynalite_table.table.add_marks(RUN_ID, 0, dict.fromkeys(SETS, every))
    item = read(dynalite_table, "shard#0000")

    answer = dynalite_table.client.put_item(TableName=dynalite_table.name, Item=item, ReturnConsumedCapacity="TOTAL")

    assert answer["ConsumedCapacity"]["CapacityUnits"] == math.ceil(item_size(item) / 1024)
