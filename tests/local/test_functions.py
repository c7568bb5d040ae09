"""Functions: how they are called, what they see, what happens when they fail."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch.local import EmbeddedAws

from .support import alive, function_log, invoke, until, write_service

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLERS = {
    "look": """
import os, sys

calls = 0

def handler(event, context):
    global calls
    calls += 1
    print("looking at", event)
    return {
        "event": event,
        "calls": calls,
        "pid": os.getpid(),
        "directory": os.getcwd(),
        "first_on_path": sys.path[0],
        "kedro": "kedro" in sys.modules,
        "environment": dict(os.environ),
        "request_id": context.aws_request_id,
        "function_name": context.function_name,
        "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb,
        "left": context.get_remaining_time_in_millis(),
    }
""",
    "wait": """
import time
import zipfile

def handler(event, context):
    time.sleep(event["seconds"])
    return "waited"
""",
    "raises": """
def handler(event, context):
    raise ValueError("no such luck")
""",
    "exits": """
import os

def handler(event, context):
    os._exit(3)
""",
    "broken": "import nothing_of_the_kind\n",
    "flaky": """
import boto3, os

def handler(event, context):
    table = boto3.client("dynamodb")
    old = table.update_item(
        TableName=os.environ["TABLE"],
        Key={"pk": {"S": context.aws_request_id}},
        UpdateExpression="ADD attempts :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="ALL_NEW",
    )
    if int(old["Attributes"]["attempts"]["N"]) < 3:
        raise RuntimeError("not yet")
""",
}
FUNCTIONS = {
    **{name: {"handler": f"handlers/{name}.handler"} for name in HANDLERS},
    "wait": {"handler": "handlers/wait.handler", "timeout": 1},
    "look": {"handler": "handlers/look.handler", "memorySize": 256, "environment": {"MINE": "yes"}},
}
TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    },
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    root = write_service(
        tmp_path_factory.mktemp("service"),
        HANDLERS,
        functions=FUNCTIONS,
        provider={"name": "aws", "timeout": 20, "environment": {"TABLE": {"Ref": "Attempts"}}},
        resources=[{"Resources": {"Attempts": TABLE}}],
    )
    document = root / "graph.json"
    with EmbeddedAws(service=root, graph_document=document, async_retry_delays=(0.1, 0.1)) as running:
        yield running


def test_a_function_runs_in_a_process_of_its_own_in_the_service_tree(aws: EmbeddedAws) -> None:
    seen, error = invoke(aws, "look", {"a": [1]})

    root = os.path.realpath(str(aws.service))
    assert error is None
    assert (seen["event"], seen["directory"], seen["first_on_path"]) == ({"a": [1]}, root, str(aws.service))
    assert seen["pid"] != os.getpid()
    assert not seen["kedro"]


def test_a_function_sees_lambdas_environment_and_its_own(aws: EmbeddedAws) -> None:
    seen, _ = invoke(aws, "look")

    name = aws.function_name("look")
    expected = {
        "MINE": "yes",
        "TABLE": "kedro-aws-batch-local-Attempts",
        "GRAPH_DOCUMENT": str(aws.graph_document),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": aws.endpoint_url,
    }
    assert {key: seen["environment"].get(key) for key in expected} == expected
    assert "PYTHONPATH" not in seen["environment"]
    assert "AWS_LAMBDA_RUNTIME_API" in seen["environment"]
    assert (seen["function_name"], seen["memory"]) == (name, "256")
    assert seen["arn"] == f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    assert 15_000 < seen["left"] <= 20_000


def test_an_instance_is_used_again_and_its_output_is_in_the_log(aws: EmbeddedAws) -> None:
    first, _ = invoke(aws, "look")
    second, _ = invoke(aws, "look", "seen twice")

    assert (second["pid"], second["calls"]) == (first["pid"], first["calls"] + 1)
    assert first["request_id"] != second["request_id"]
    until(lambda: "looking at seen twice" in function_log(aws, "look"))


def test_invocations_at_the_same_time_have_instances_of_their_own(aws: EmbeddedAws) -> None:
    begin = time.monotonic()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: invoke(aws, "wait", {"seconds": 0.7}), range(4)))

    assert answers == [("waited", None)] * 4
    assert time.monotonic() - begin < 4 * 0.7


def test_a_function_that_takes_too_long_is_ended(aws: EmbeddedAws) -> None:
    answer, error = invoke(aws, "wait", {"seconds": 60})

    assert error == "Unhandled"
    assert answer["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in answer["errorMessage"]
    assert any("Task timed out after 1.00 seconds" in line for line in function_log(aws, "wait"))
    assert invoke(aws, "wait", {"seconds": 0}) == ("waited", None)


@pytest.mark.parametrize(
    ("key", "kind", "message"),
    [
        ("raises", "ValueError", "no such luck"),
        ("exits", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("broken", "ModuleNotFoundError", "No module named 'nothing_of_the_kind'"),
    ],
)
def test_a_failure_is_told_with_its_kind(aws: EmbeddedAws, key: str, kind: str, message: str) -> None:
    for _ in range(2):
        answer, error = invoke(aws, key)

        assert (error, answer["errorType"], answer["errorMessage"]) == ("Unhandled", kind, message)


def test_an_asynchronous_invocation_is_tried_three_times_with_one_request_id(aws: EmbeddedAws) -> None:
    answer = aws.client("lambda").invoke(FunctionName=aws.function_name("flaky"), InvocationType="Event")

    def items() -> list[Any]:
        found = aws.client("dynamodb").scan(TableName="kedro-aws-batch-local-Attempts")["Items"]
        return found if [item["attempts"]["N"] for item in found] == ["3"] else []

    (item,) = until(items)
    assert answer["StatusCode"] == 202
    assert item["pk"]["S"] == answer["ResponseMetadata"]["RequestId"]


def test_an_unknown_function_and_a_malformed_payload_are_refused(aws: EmbeddedAws) -> None:
    client = aws.client("lambda")

    with pytest.raises(client.exceptions.ResourceNotFoundException, match="nobody"):
        client.invoke(FunctionName="nobody")
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName=aws.function_name("look"), Payload=b"{")


def test_a_function_is_called_by_its_arn_and_tried_dry(aws: EmbeddedAws) -> None:
    client = aws.client("lambda")
    arn = client.get_function(FunctionName=aws.function_name("look"))["Configuration"]["FunctionArn"]

    answer = client.invoke(FunctionName=arn, Payload=json.dumps("by arn"))
    dry = client.invoke(FunctionName=arn, InvocationType="DryRun")

    assert json.loads(answer["Payload"].read())["event"] == "by arn"
    assert dry["StatusCode"] == 204


def test_changed_settings_are_those_of_the_next_invocation(aws: EmbeddedAws) -> None:
    before, _ = invoke(aws, "look")

    variables = {"MINE": "changed", "TABLE": "x"}
    aws.client("lambda").update_function_configuration(
        FunctionName=aws.function_name("look"), Environment={"Variables": variables}
    )
    after, _ = invoke(aws, "look")

    assert after["environment"]["MINE"] == "changed"
    assert after["pid"] != before["pid"]
    until(lambda: not alive(before["pid"]))


def test_a_zip_is_run_as_it_was_uploaded(aws: EmbeddedAws) -> None:

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("packed.py", "def handler(event, context):\n    return 'from the zip'\n")
    client = aws.client("lambda")
    role = client.get_function(FunctionName=aws.function_name("look"))["Configuration"]["Role"]
    client.create_function(
        FunctionName="packed",
        Runtime="python3.13",
        Role=role,
        Handler="packed.handler",
        Code={"ZipFile": content.getvalue()},
    )

    assert json.loads(client.invoke(FunctionName="packed")["Payload"].read()) == "from the zip"
