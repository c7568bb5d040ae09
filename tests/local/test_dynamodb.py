"""DynamoDB's guarantees that a run's state rests on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from .support import unique

if TYPE_CHECKING:
    from kedro_aws_batch.local import EmbeddedAws


@pytest.fixture
def table(aws: EmbeddedAws) -> str:
    name = unique("table")
    aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    return name


def claim(aws: EmbeddedAws, table: str, number: int) -> bool:
    """Add a number to the claims, and return whether it wasn't there before."""
    old = aws.client("dynamodb").update_item(
        TableName=table,
        Key={"pk": {"S": "shard"}},
        UpdateExpression="ADD claimed :new",
        ExpressionAttributeValues={":new": {"NS": [str(number)]}},
        ReturnValues="ALL_OLD",
    )
    return str(number) not in old.get("Attributes", {}).get("claimed", {}).get("NS", [])


def test_a_claim_is_won_once_by_many_threads(aws: EmbeddedAws, table: str) -> None:
    numbers = [number for number in range(40) for _ in range(6)]

    with ThreadPoolExecutor(12) as pool:
        won = list(pool.map(lambda number: claim(aws, table, number), numbers))

    assert sum(won) == 40
    item = aws.client("dynamodb").get_item(TableName=table, Key={"pk": {"S": "shard"}})["Item"]
    assert {int(number) for number in item["claimed"]["NS"]} == set(range(40))


def test_of_conditional_puts_at_the_same_time_one_succeeds(aws: EmbeddedAws, table: str) -> None:
    client = aws.client("dynamodb")

    def put(number: int) -> bool:
        try:
            item = {"pk": {"S": "one"}, "by": {"N": str(number)}}
            client.put_item(TableName=table, Item=item, ConditionExpression="attribute_not_exists(pk)")
        except client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(put, range(48))) == 1


def test_more_than_25_writes_in_a_batch_are_refused(aws: EmbeddedAws, table: str) -> None:
    client = aws.client("dynamodb")

    def write(count: int) -> None:
        client.batch_write_item(
            RequestItems={table: [{"PutRequest": {"Item": {"pk": {"S": str(n)}}}} for n in range(count)]}
        )

    write(25)
    with pytest.raises(client.exceptions.ClientError, match="between 1 and 25"):
        write(26)
