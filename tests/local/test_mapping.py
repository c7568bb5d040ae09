"""From a queue to a function: batches, partial failures, redelivery, dead letters."""

from __future__ import annotations

import json
import statistics
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch.local import EmbeddedAws, JobDefinitionSettings
from kedro_aws_batch.local.mapping import reported_failures

from .support import function_log, messages, submit, until, wait_for, write_service

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLERS = {
    # Prints what came, and reports messages as failed as often as they say.
    "read": """
import json, time

def handler(event, context):
    bodies = [json.loads(record["body"]) for record in event["Records"]]
    print(json.dumps({"names": [body["name"] for body in bodies], "records": event["Records"]}))
    if any(body.get("raises") for body in bodies):
        raise RuntimeError("all of it")
    time.sleep(max(body.get("sleeps", 0) for body in bodies))
    failed = [
        {"itemIdentifier": record["messageId"]}
        for record, body in zip(event["Records"], bodies)
        if int(record["attributes"]["ApproximateReceiveCount"]) <= body.get("fails", 0)
    ]
    return {"batchItemFailures": failed}
""",
    "gather": """
import json

def handler(event, context):
    print(json.dumps(len(event["Records"])))
""",
    "hear": """
import json, time

def handler(event, context):
    now = time.time() * 1000
    for record in event["Records"]:
        detail = json.loads(record["body"])["detail"]
        print(json.dumps({"job": detail["jobId"], "status": detail["status"], "late": now - detail["stoppedAt"]}))
    return {"batchItemFailures": []}
""",
    "tick": "def handler(event, context):\n    print(event['detail-type'])\n",
}


def arn(name: str) -> Any:
    return {"Fn::GetAtt": [name, "Arn"]}


def sqs(name: str, **options: Any) -> Any:
    return [{"sqs": {"arn": arn(name), **options}}]


PARTIAL = {"functionResponseType": "ReportBatchItemFailures", "maximumConcurrency": 2}
FUNCTIONS = {
    "read": {"handler": "handlers/read.handler", "events": sqs("Queue", batchSize=10, **PARTIAL)},
    "gather": {
        "handler": "handlers/gather.handler",
        "events": sqs("Gathered", batchSize=50, maximumBatchingWindow=1),
    },
    "hear": {"handler": "handlers/hear.handler", "events": sqs("Events", **PARTIAL)},
    "tick": {"handler": "handlers/tick.handler", "events": [{"schedule": "rate(1 minute)"}]},
}
RESOURCES = {
    "Queue": {
        "Type": "AWS::SQS::Queue",
        "Properties": {
            "VisibilityTimeout": 1,
            "RedrivePolicy": {"deadLetterTargetArn": arn("DeadLetters"), "maxReceiveCount": 2},
        },
    },
    "DeadLetters": {"Type": "AWS::SQS::Queue"},
    "Gathered": {"Type": "AWS::SQS::Queue"},
    "Events": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 120}},
    "Rule": {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "EventPattern": {"source": ["aws.batch"], "detail": {"status": ["SUCCEEDED", "FAILED"]}},
            "Targets": [{"Id": "events", "Arn": arn("Events")}],
        },
    },
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    root = write_service(
        tmp_path_factory.mktemp("service"), HANDLERS, functions=FUNCTIONS, resources={"Resources": RESOURCES}
    )
    definition = JobDefinitionSettings(command=("true",))
    with EmbeddedAws(service=root, jobs_cwd=root, job_definitions={"embedded_definition": definition}) as running:
        yield running


def queue_url(aws: EmbeddedAws, name: str) -> str:
    return aws.client("sqs").get_queue_url(QueueName=f"{aws.service_prefix}-{name}")["QueueUrl"]


def send(aws: EmbeddedAws, queue: str, *bodies: Any) -> None:
    entries: list[Any] = [{"Id": str(n), "MessageBody": json.dumps(body)} for n, body in enumerate(bodies)]
    aws.client("sqs").send_message_batch(QueueUrl=queue_url(aws, queue), Entries=entries)


def calls(aws: EmbeddedAws, name: str) -> list[Any]:
    """Return the calls of `read` that were about a message of this name."""
    lines = [json.loads(line) for line in function_log(aws, "read") if line.startswith("{")]
    return [line for line in lines if name in line["names"]]


def test_what_succeeded_is_gone_and_what_failed_comes_again(aws: EmbeddedAws) -> None:
    send(aws, "Queue", {"name": "good"}, {"name": "bad", "fails": 1})

    until(lambda: len(calls(aws, "bad")) == 2)

    assert [call["names"] for call in calls(aws, "bad")][1] == ["bad"]
    assert len(calls(aws, "good")) == 1
    assert messages(aws, queue_url(aws, "DeadLetters"), wait=0) == []


def test_what_fails_too_often_goes_to_the_dead_letters(aws: EmbeddedAws) -> None:
    send(aws, "Queue", {"name": "hopeless", "fails": 99})

    dead = messages(aws, queue_url(aws, "DeadLetters"), wait=15)

    assert dead == [{"name": "hopeless", "fails": 99}]
    assert len(calls(aws, "hopeless")) == 2


def test_a_batch_may_outlive_its_messages_stay_in_the_queue(aws: EmbeddedAws) -> None:
    def batches() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name.startswith("batch")]

    send(aws, "Queue", {"name": "slow", "sleeps": 4})
    until(lambda: len(calls(aws, "slow")) == 2)  # two handle it at a time, since it is visible again after a second

    def dead() -> list[Any]:
        aws.client("sqs").receive_message(QueueUrl=queue_url(aws, "Queue"))
        return messages(aws, queue_url(aws, "DeadLetters"), wait=0)

    assert until(dead) == [{"name": "slow", "sleeps": 4}]
    assert len(batches()) == 2
    until(lambda: not batches())  # pytest makes sure that none of them ended by an exception
    assert len(calls(aws, "slow")) == 2


def test_an_error_fails_the_whole_batch(aws: EmbeddedAws) -> None:
    send(aws, "Queue", {"name": "fine"}, {"name": "raising", "raises": True})

    dead = messages(aws, queue_url(aws, "DeadLetters"), wait=15)
    dead += [] if len(dead) == 2 else messages(aws, queue_url(aws, "DeadLetters"), wait=15)

    assert {body["name"] for body in dead} <= {"fine", "raising"}
    assert "raising" in {body["name"] for body in dead}


def test_a_record_is_shaped_as_lambda_shapes_it(aws: EmbeddedAws) -> None:
    url = queue_url(aws, "Queue")
    attributes: Any = {"who": {"DataType": "String", "StringValue": "me"}}
    body = json.dumps({"name": "shaped"})
    message_id = aws.client("sqs").send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)

    (call,) = until(lambda: calls(aws, "shaped"))

    (record,) = call["records"]
    assert {key: record[key] for key in ("messageId", "body", "md5OfBody", "eventSource", "awsRegion")} == {
        "messageId": message_id["MessageId"],
        "body": body,
        "md5OfBody": message_id["MD5OfMessageBody"],
        "eventSource": "aws:sqs",
        "awsRegion": "us-east-1",
    }
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"]["who"]["stringValue"] == "me"
    assert record["eventSourceARN"].endswith(f":{aws.service_prefix}-Queue")


def test_a_window_gathers_a_batch_larger_than_ten(aws: EmbeddedAws) -> None:
    for _ in range(3):
        send(aws, "Gathered", *range(10))

    assert until(lambda: function_log(aws, "gather")) == ["30"]


def test_a_jobs_end_invokes_the_function_as_soon_as_some_direct_invocations_take(aws: EmbeddedAws) -> None:
    wait_for(aws, submit(aws, ["true"]))
    until(lambda: function_log(aws, "hear"))  # so that its cold start is not measured
    jobs, floor = list[str](), list[float]()
    for n in range(20):
        jobs.append(submit(aws, ["true" if n % 2 else "false"]))
        wait_for(aws, jobs[-1])
        begun = time.monotonic()
        aws.client("lambda").invoke(FunctionName=aws.function_name("hear"), Payload=b'{"Records": []}')
        floor.append(1000 * (time.monotonic() - begun))

    def heard() -> list[Any]:
        lines = [json.loads(line) for line in function_log(aws, "hear")]
        seen = [line for line in lines if line["job"] in jobs]
        return seen if len(seen) == len(jobs) else []

    seen = until(heard)
    assert {line["job"]: line["status"] for line in seen} == {
        job_id: "FAILED" if n % 2 == 0 else "SUCCEEDED" for n, job_id in enumerate(jobs)
    }
    # Nothing on the way waits for a time of its own: it takes as long as some invocations do, however busy the machine.
    assert statistics.median(line["late"] for line in seen) < 10 * statistics.median(floor)


def test_a_disabled_mapping_reads_nothing_until_it_is_enabled(aws: EmbeddedAws) -> None:
    client = aws.client("lambda")
    found = client.list_event_source_mappings(FunctionName=aws.function_name("read"))["EventSourceMappings"]
    client.update_event_source_mapping(UUID=found[0]["UUID"], Enabled=False)
    send(aws, "Queue", {"name": "patient"})
    url = queue_url(aws, "Queue")
    waiting = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])

    client.update_event_source_mapping(UUID=found[0]["UUID"], Enabled=True)

    assert waiting["Attributes"]["ApproximateNumberOfMessages"] == "1"
    until(lambda: calls(aws, "patient"))


def test_a_rule_with_a_schedule_invokes_its_function(aws: EmbeddedAws) -> None:
    (name,) = aws.client("events").list_rule_names_by_target(
        TargetArn=f"arn:aws:lambda:us-east-1:{aws.account}:function:{aws.function_name('tick')}"
    )["RuleNames"]

    # A minute is Lambda's least; the rule's own code path, without the wait.
    aws.fire(name)

    assert until(lambda: function_log(aws, "tick")) == ["Scheduled Event"]


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        ("null", set()),
        ("{}", set()),
        ('{"batchItemFailures": null}', set()),
        ('{"batchItemFailures": []}', set()),
        ('{"batchItemFailures": [{"itemIdentifier": "1"}]}', {"1"}),
        ('{"batchItemFailures": [{"itemIdentifier": ""}]}', {"1", "2"}),
        ('{"batchItemFailures": [{"itemIdentifier": null}]}', {"1", "2"}),
        ('{"batchItemFailures": [{"other": "1"}]}', {"1", "2"}),
        ('{"batchItemFailures": [{"itemIdentifier": "9"}]}', {"1", "2"}),
        ('{"batchItemFailures": "1"}', {"1", "2"}),
        ('"nonsense"', {"1", "2"}),
        ("[", {"1", "2"}),
    ],
)
def test_an_answer_that_makes_no_sense_fails_the_whole_batch(answer: str, failed: set[str]) -> None:
    assert reported_failures(answer.encode(), {"1", "2"}) == failed
