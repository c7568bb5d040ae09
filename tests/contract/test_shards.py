"""The run table's promises about shards."""

from __future__ import annotations

import pytest

from adapters.ports import RunTable
from dag.shards import SETS, SHARD_SIZE, Mark, Shard
from tests.contract.dynamodb import Dynamo
from tests.contract.values import LATER, OTHER_RUN_ID, REFUSED, RUN_ID, a_run, every_page


def numbers(*wanted: int) -> frozenset[int]:
    """Return a set as a shard has it."""
    return frozenset(wanted)


def test_marks_add_up_and_the_shard_comes_back_as_it_was(table: RunTable) -> None:
    assert table.add_marks(RUN_ID, 3, {"submitted": [1, 2]}) == Shard(3)
    assert table.add_marks(RUN_ID, 3, {"succeeded": [1], "submitted": [5]}) == Shard(3, submitted=numbers(1, 2))
    assert table.get_shards(RUN_ID, [3]) == [Shard(3, submitted=numbers(1, 2, 5), succeeded=numbers(1))]


def test_marks_added_again_change_nothing(table: RunTable) -> None:
    table.add_marks(RUN_ID, 0, {"failed": [7], "cancelled": [7]})
    once = Shard(0, failed=numbers(7), cancelled=numbers(7))

    assert table.add_marks(RUN_ID, 0, {"failed": [7], "cancelled": [7]}) == once
    assert table.add_marks(RUN_ID, 0, {"failed": [7]}) == once
    assert table.get_shards(RUN_ID, [0]) == [once]


def test_every_set_is_kept_apart(table: RunTable) -> None:
    marks = {name: [place, place + 256] for place, name in enumerate(SETS)}

    table.add_marks(RUN_ID, 1, marks)
    assert table.get_shards(RUN_ID, [1]) == [Shard(1).with_marks(**marks)]


def test_sets_without_marks_are_passed_by(table: RunTable) -> None:
    table.add_marks(RUN_ID, 0, {"failed": [7], "retried": []})
    assert table.get_shards(RUN_ID, [0]) == [Shard(0, failed=numbers(7))]


def test_the_order_of_unions_does_not_matter(table: RunTable) -> None:
    table.add_marks(RUN_ID, 0, {"submitted": [1]})
    table.add_marks(RUN_ID, 0, {"submitted": [2], "failed": [1]})
    table.add_marks(OTHER_RUN_ID, 0, {"submitted": [2], "failed": [1]})
    table.add_marks(OTHER_RUN_ID, 0, {"submitted": [1]})

    assert table.get_shards(OTHER_RUN_ID, [0]) == table.get_shards(RUN_ID, [0])


def test_a_claim_returns_the_shard_as_it_was_before(table: RunTable) -> None:
    assert table.claim(RUN_ID, 2, [1, 2]) == Shard(2)
    assert table.claim(RUN_ID, 2, [2, 3]) == Shard(2, claimed=numbers(1, 2))
    table.add_marks(RUN_ID, 2, {"submitted": [1]})
    assert table.claim(RUN_ID, 2, [3]) == Shard(2, claimed=numbers(1, 2, 3), submitted=numbers(1))


def test_a_claim_is_taken_over_once_by_its_next_generation(table: RunTable) -> None:
    generation = Mark(5, 0, 1).number
    table.claim(RUN_ID, 0, [5])

    assert table.claim(RUN_ID, 0, [generation]) == Shard(0, claimed=numbers(5))
    assert table.claim(RUN_ID, 0, [generation]) == Shard(0, claimed=numbers(5, generation))


def test_shards_are_read_in_order_and_from_the_one_after(table: RunTable) -> None:
    indices = [0, 9, 10, 99, 100, 390]
    for index in reversed(indices):
        table.claim(RUN_ID, index, [index])
    expected = [Shard(index, claimed=numbers(index)) for index in indices]

    assert every_page(lambda after: table.shards(RUN_ID, after)) == expected
    assert table.shards(RUN_ID, 10) == (expected[3:], None)
    assert table.shards(RUN_ID, 11) == (expected[3:], None)
    assert table.shards(RUN_ID, 390) == ([], None)


def test_more_shards_than_fit_a_page_are_read_page_by_page(dynamo: Dynamo) -> None:
    table = dynamo.table
    for index in range(16):
        table.claim(RUN_ID, index, [index])
        dynamo.client.update_item(  # DynamoDB's pages are of 1 MB, of which real shards never fill as much
            TableName=dynamo.name,
            Key={"pk": {"S": f"run#{RUN_ID}"}, "sk": {"S": f"shard#{index:04d}"}},
            UpdateExpression="SET padding = :padding",
            ExpressionAttributeValues={":padding": {"S": "x" * 80_000}},
        )
    expected = [Shard(index, claimed=numbers(index)) for index in range(16)]

    first, more = table.shards(RUN_ID, None)

    assert more == first[-1].index
    assert first == expected[: len(first)] != expected
    assert every_page(lambda after: table.shards(RUN_ID, after)) == expected


def test_shards_are_a_run_s_own(table: RunTable) -> None:
    table.put_run(a_run())
    table.claim(OTHER_RUN_ID, 0, [1])

    assert table.shards(RUN_ID, None) == ([], None)
    assert table.get_shards(RUN_ID, [0]) == []


def test_shards_without_marks_are_left_out(table: RunTable) -> None:
    table.claim(RUN_ID, 1, [1])
    table.claim(RUN_ID, 300, [3])

    found = table.get_shards(RUN_ID, [0, 1, 2, 300])

    assert sorted(found, key=lambda shard: shard.index) == [
        Shard(1, claimed=numbers(1)),
        Shard(300, claimed=numbers(3)),
    ]
    assert table.get_shards(RUN_ID, []) == []


def test_a_hundred_shards_are_read_at_once(table: RunTable) -> None:
    for index in range(0, 100, 7):
        table.claim(RUN_ID, index, [index])

    assert {shard.index for shard in table.get_shards(RUN_ID, range(100))} == set(range(0, 100, 7))


def test_more_than_100_shards_at_once_are_refused(table: RunTable) -> None:
    with pytest.raises(REFUSED):
        table.get_shards(RUN_ID, range(101))


def test_the_marks_of_a_whole_shard_are_read_as_they_were_written(table: RunTable) -> None:
    attempts = [Mark(512 + group, attempt).number for group in range(SHARD_SIZE) for attempt in (0, 1, 12, 99)]

    table.add_marks(RUN_ID, 2, dict.fromkeys(SETS, attempts))

    assert table.shards(RUN_ID, None)[0] == [Shard(2).with_marks(**dict.fromkeys(SETS, attempts))]


def test_a_shard_is_forgotten_with_its_run(dynamo: Dynamo) -> None:
    dynamo.table.claim(RUN_ID, 0, [1], LATER)
    dynamo.table.claim(RUN_ID, 0, [2], LATER + 5)
    key = {"pk": {"S": f"run#{RUN_ID}"}, "sk": {"S": "shard#0000"}}
    item = dynamo.client.get_item(TableName=dynamo.name, Key=key, ConsistentRead=True)["Item"]
    assert item["expires_at"] == {"N": str(LATER + 5)}
