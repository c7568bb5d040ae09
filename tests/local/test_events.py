"""Which events reach which queue, and what they look like."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch.local.errors import ApiError
from kedro_aws_batch.local.events import target_input
from kedro_aws_batch.local.schedules import next_time

from .support import messages, submit, unique, wait_for

if TYPE_CHECKING:
    from kedro_aws_batch.local import EmbeddedAws


def make_rule(aws: EmbeddedAws, pattern: Any = None, **settings: Any) -> str:
    """Create a rule with a queue of its own, and return the queue's URL."""
    name, sqs, events = unique("rule"), aws.client("sqs"), aws.client("events")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    if pattern is not None:
        settings["EventPattern"] = json.dumps(pattern)
    target: Any = {"Id": "queue", "Arn": arn, **settings.pop("target", {})}
    events.put_rule(Name=name, **settings)
    events.put_targets(Rule=name, Targets=[target])
    return url


def of_job(job_name: str, *statuses: str) -> Any:
    detail: dict[str, Any] = {"jobName": [job_name]}
    return {"source": ["aws.batch"], "detail": {**detail, **({"status": list(statuses)} if statuses else {})}}


def test_each_change_of_status_is_an_event(aws: EmbeddedAws) -> None:
    name = unique("observed")
    url = make_rule(aws, of_job(name))

    job = wait_for(aws, submit(aws, ["false"], jobName=name, retryStrategy={"attempts": 2}))

    events = messages(aws, url)
    assert [event["detail"]["status"] for event in events] == [
        "RUNNABLE", "STARTING", "RUNNING", "RUNNABLE", "STARTING", "RUNNING", "FAILED",
    ]  # fmt: skip
    last = events[-1]
    assert {key: last[key] for key in ("version", "detail-type", "source", "account", "region", "resources")} == {
        "version": "0",
        "detail-type": "Batch Job State Change",
        "source": "aws.batch",
        "account": "123456789012",
        "region": "us-east-1",
        "resources": [job["jobArn"]],
    }
    assert {**last["detail"], "tags": {}} == job
    assert last["detail"]["tags"] == {"resourceArn": job["jobArn"]}
    assert [attempt["container"]["exitCode"] for attempt in last["detail"]["attempts"]] == [1, 1]
    named = ["logStreamName" in event["detail"]["container"] for event in events[:3]]
    assert named == [False, False, True]  # from RUNNING on, as AWS says


def test_an_arrays_events_tell_children_from_their_parent(aws: EmbeddedAws) -> None:
    name = unique("array")
    url = make_rule(aws, of_job(name, "SUCCEEDED", "FAILED"))

    parent = submit(aws, ["true"], jobName=name, arrayProperties={"size": 2})
    wait_for(aws, parent)

    seen = {event["detail"]["jobId"]: event["detail"]["arrayProperties"] for event in messages(aws, url)}
    assert set(seen) == {parent, f"{parent}:0", f"{parent}:1"}
    assert [seen[f"{parent}:{index}"]["index"] for index in range(2)] == [0, 1]
    assert "index" not in seen[parent]
    assert seen[parent]["size"] == 2


def test_a_rule_hears_only_what_it_matches(aws: EmbeddedAws) -> None:
    name = unique("filtered")
    ended = make_rule(aws, of_job(name, "SUCCEEDED", "FAILED"))
    failed = make_rule(aws, of_job(name, "FAILED"))
    other_queue = make_rule(aws, {"source": ["aws.batch"], "detail": {"jobQueue": ["arn:elsewhere"]}})
    disabled = make_rule(aws, of_job(name), State="DISABLED")
    only_schedule = make_rule(aws, ScheduleExpression="rate(1 hour)")

    wait_for(aws, submit(aws, ["true"], jobName=name))

    assert [event["detail"]["status"] for event in messages(aws, ended)] == ["SUCCEEDED"]
    assert [messages(aws, url, wait=0) for url in (failed, other_queue, disabled, only_schedule)] == [[]] * 4


def test_a_job_that_can_never_start_blocks_its_queue_with_an_event(aws: EmbeddedAws) -> None:
    name = unique("blocked")
    url = make_rule(aws, {"detail-type": ["Batch Job Queue Blocked"], "detail": {"jobName": [name]}})
    requirements = [{"type": "VCPU", "value": "64"}]

    job_id = submit(aws, ["true"], jobName=name, containerOverrides={"resourceRequirements": requirements})

    (event,) = messages(aws, url)
    aws.client("batch").terminate_job(jobId=job_id, reason="seen")
    assert event["detail"]["status"] == "RUNNABLE"
    assert event["detail"]["statusReason"].startswith("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE")


def test_put_events_are_delivered_and_malformed_ones_refused(aws: EmbeddedAws) -> None:
    source = unique("kedro")
    url = make_rule(aws, {"source": [source], "detail": {"status": [{"prefix": "SUC"}]}})
    client = aws.client("events")

    answer = client.put_events(
        Entries=[
            {"Source": source, "DetailType": "Run", "Detail": '{"status": "SUCCEEDED"}'},
            {"Source": source, "DetailType": "Run", "Detail": '{"status": "FAILED"}'},
            {"Source": source, "DetailType": "Run", "Detail": "not json"},
        ]
    )

    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [None, None, "MalformedDetail"]
    assert [event["detail"] for event in messages(aws, url)] == [{"status": "SUCCEEDED"}]


def test_a_target_gets_its_own_input(aws: EmbeddedAws) -> None:
    source = unique("input")
    url = make_rule(aws, {"source": [source]}, target={"Input": '{"mine": true}'})

    aws.client("events").put_events(Entries=[{"Source": source, "DetailType": "x", "Detail": "{}"}])

    assert messages(aws, url) == [{"mine": True}]


def test_a_target_gets_a_part_or_a_transformation() -> None:
    message = {"id": "1", "time": "2026-11-22T13:11:00Z", "detail": {"run": {"id": "r"}}}
    transformer = {"InputPathsMap": {"run": "$.detail.run.id"}, "InputTemplate": '{"run": <run>, "text": "of <run>"}'}

    assert json.loads(target_input({"InputPath": "$.detail.run"}, message)) == {"id": "r"}
    assert json.loads(target_input({"InputTransformer": transformer}, message)) == {"run": "r", "text": "of r"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(1 minute)", "2026-11-22T13:12:30"),
        ("rate(2 hours)", "2026-11-22T15:11:30"),
        ("cron(0/15 * * * ? *)", "2026-11-22T13:15:00"),
        ("cron(0 6 ? * MON-FRI *)", "2026-11-23T06:00:00"),
        ("cron(30 9 1 JAN,JUL ? *)", "2027-01-01T09:30:00"),
    ],
)
def test_a_schedule_fires_next(expression: str, expected: str) -> None:
    now = datetime(2026, 11, 22, 13, 11, 30, tzinfo=timezone.utc)  # a Sunday

    due = datetime.fromtimestamp(next_time(expression, now.timestamp()), timezone.utc)

    assert due.isoformat() == f"{expected}+00:00"


@pytest.mark.parametrize("expression", ["rate(soon)", "cron(0 12 L * ? *)", "cron(* * *)", "at(2026-01-01T00:00:00)"])
def test_a_schedule_that_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(ApiError, match="not valid here"):
        next_time(expression, 0)
