"""A Query of one partition, and the short cut into JSON, give DynamoDB's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from kedro_aws_batch.local import EmbeddedAws

KEYS: Any = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]


@pytest.fixture
def dynamodb(aws: EmbeddedAws) -> Iterator[DynamoDBClient]:
    client = aws.client("dynamodb")
    client.create_table(
        TableName="things",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "colour")],
        KeySchema=KEYS,
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_colour",
                "KeySchema": [{"AttributeName": "colour", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    for pk, sk, colour in (("b", "2", "red"), ("a", "3", "red"), ("b", "1", "blue"), ("a", "1", "red")):
        item: Any = {"pk": {"S": pk}, "sk": {"S": sk}, "colour": {"S": colour}}
        client.put_item(TableName="things", Item=item)
    yield client
    client.delete_table(TableName="things")


def keys(answer: Any) -> list[str]:
    return [item["pk"]["S"] + item["sk"]["S"] for item in answer["Items"]]


def test_a_query_sees_its_partition_in_order_and_nothing_of_the_others(dynamodb: DynamoDBClient) -> None:
    def query(pk: str) -> Any:
        values: Any = {":pk": {"S": pk}}
        return dynamodb.query(TableName="things", KeyConditionExpression="pk = :pk", ExpressionAttributeValues=values)

    assert [keys(query(pk)) for pk in ("a", "b", "c")] == [["a1", "a3"], ["b1", "b2"], []]


def test_an_index_and_a_scan_still_see_all_partitions(dynamodb: DynamoDBClient) -> None:
    values: Any = {":colour": {"S": "red"}}
    red = dynamodb.query(
        TableName="things",
        IndexName="by_colour",
        KeyConditionExpression="colour = :colour",
        ExpressionAttributeValues=values,
    )

    assert sorted(keys(red)) == ["a1", "a3", "b2"]
    assert sorted(keys(dynamodb.scan(TableName="things"))) == ["a1", "a3", "b1", "b2"]


def test_values_of_every_type_come_back_as_they_went(dynamodb: DynamoDBClient) -> None:
    item: Any = {
        "pk": {"S": "types"},
        "sk": {"S": "é"},
        "number": {"N": "1.5"},
        "numbers": {"NS": ["1", "20"]},
        "texts": {"SS": ["a"]},
        "bytes": {"B": b"\x00\xff"},
        "many": {"BS": [b"\x01"]},
        "yes": {"BOOL": True},
        "nothing": {"NULL": True},
        "map": {"M": {"inner": {"L": [{"N": "1"}, {"B": b"\xfe"}]}}},
    }
    dynamodb.put_item(TableName="things", Item=item)
    key: Any = {"pk": {"S": "types"}, "sk": {"S": "é"}}

    assert dynamodb.get_item(TableName="things", Key=key)["Item"] == item


def test_a_set_in_which_something_comes_twice_is_refused_as_dynamodb_does(dynamodb: DynamoDBClient) -> None:
    key: Any = {"pk": {"S": "a"}, "sk": {"S": "1"}}
    values: Any = {":more": {"NS": ["1", "1"]}}
    with pytest.raises(ClientError, match=r"contains duplicates for key :more"):
        dynamodb.update_item(
            TableName="things", Key=key, UpdateExpression="ADD numbers :more", ExpressionAttributeValues=values
        )
