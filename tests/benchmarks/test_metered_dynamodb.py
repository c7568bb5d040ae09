"""The metered DynamoDB answers like the table's other implementations, and counts as DynamoDB's guide says."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from adapters.run_table import DynamoRunTable
from benchmarks.aws.dynamodb import MeteredDynamoDB, item_size, read_units, write_units
from dag.records import Array
from dag.shards import Mark
from dag.status import RunStatus
from tests.contract.test_calls import CALLS
from tests.contract.values import LATER, RUN_ID, a_job, a_run, an_outcome


@pytest.fixture
def dynamodb() -> MeteredDynamoDB:
    return MeteredDynamoDB()


@pytest.fixture
def table(dynamodb: MeteredDynamoDB) -> DynamoRunTable:
    client: Any = dynamodb
    return DynamoRunTable(client, "runs")


def test_every_method_is_understood_and_counted_as_one_request(
    dynamodb: MeteredDynamoDB, table: DynamoRunTable
) -> None:
    made = {}
    for name, (_, call) in CALLS.items():
        before = dynamodb.meter.requests.copy()
        call(table)
        made[name] = list((dynamodb.meter.requests - before).elements())

    assert made == {name: [operation] for name, (operation, _) in CALLS.items()}


def test_it_keeps_what_is_written(table: DynamoRunTable) -> None:
    run = a_run()
    array = Array(Mark(7), (Mark(7), Mark(8)), "job-7", 3)

    assert [table.put_run(run), table.put_run(run)] == [True, False]
    assert table.claim(RUN_ID, 0, [1, 2], LATER).claimed == frozenset()
    assert table.claim(RUN_ID, 0, [2, 3], LATER).claimed == {1, 2}
    assert table.add_marks(RUN_ID, 0, {"submitted": [1], "succeeded": [1]}).claimed == {1, 2, 3}
    table.put_jobs(RUN_ID, [a_job(1), a_job(2)], LATER)
    table.put_outcomes(RUN_ID, [an_outcome(1)], LATER)
    table.put_array(RUN_ID, array, LATER)
    assert table.take_slots(RUN_ID, [5, 6], 2)
    assert not table.take_slots(RUN_ID, [7], 2)
    freed = table.free_slots(RUN_ID, [5])
    table.flag_failure(RUN_ID, "first")
    table.flag_failure(RUN_ID, "second")
    assert [table.end_run(RUN_ID, RunStatus.FAILED, "why", 5) for _ in range(2)] == [True, False]

    assert freed is not None
    assert freed.slots == {6}
    ended = table.get_run(RUN_ID)
    assert ended is not None
    assert (ended.status, ended.reason, ended.failure, ended.ended_at) == (RunStatus.FAILED, "why", "first", 5)
    assert table.jobs(RUN_ID, 0, 9, None) == ([a_job(1), a_job(2)], None)
    assert table.outcomes(RUN_ID, 0, 9, None) == ([an_outcome(1)], None)
    assert table.arrays(RUN_ID, None) == ([array], None)
    assert [shard.submitted for shard in table.get_shards(RUN_ID, [0, 1])] == [{1}]


def test_an_items_size_is_that_of_its_names_and_values() -> None:
    item = {"pk": {"S": "run#é"}, "n": {"N": "12345"}, "s": {"NS": ["1", "255", "25600"]}, "b": {"B": b"abc"}}

    assert item_size(item) == (2 + 6) + (1 + 4) + (1 + 2 + 3 + 4) + (1 + 3)


@pytest.mark.parametrize(("size", "writes", "reads"), [(0, 1, 1), (1024, 1, 1), (1025, 2, 1), (4097, 5, 2)])
def test_units_are_begun_kilobytes(size: int, writes: int, reads: int) -> None:
    assert (write_units(size), read_units(size)) == (writes, reads)


def test_a_shard_costs_by_its_whole_size(dynamodb: MeteredDynamoDB, table: DynamoRunTable) -> None:
    table.claim(RUN_ID, 0, range(256), None)
    first = dynamodb.meter.units["write"]
    table.add_marks(RUN_ID, 0, {"submitted": list(range(256))})
    second = dynamodb.meter.units["write"] - first
    kept = dynamodb.peek(f"run#{RUN_ID}", "shard#0000")

    assert kept is not None
    assert dynamodb.meter.largest == item_size(kept) == 1394
    assert (first, second) == (1, 2)


def test_a_set_in_which_something_comes_twice_is_refused(dynamodb: MeteredDynamoDB) -> None:
    with pytest.raises(ClientError, match="contains duplicates for key :more"):
        dynamodb.update_item(
            TableName="runs",
            Key={"pk": {"S": "a"}, "sk": {"S": "1"}},
            UpdateExpression="ADD claimed :more",
            ExpressionAttributeValues={":more": {"NS": ["1", "1"]}},
        )
