"""Operators may run all commands of the runbook, `redrive` included."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from moto import mock_aws

from kedro_aws_batch.deploy.letters import move, queues
from kedro_aws_batch.errors import ServiceError

from .commands import call

DOCS = Path(__file__).parents[2] / "docs"
STACK = "kedro-aws-batch-dev"
TEMPLATE = {
    "Resources": {
        "EventsQueue": {"Type": "AWS::SQS::Queue"},
        "Other": {"Type": "AWS::SQS::Queue"},
        "DeadLetterQueue": {"Type": "AWS::SQS::Queue"},
    }
}


def operators_may() -> set[str]:
    page = (DOCS / "security.md").read_text(encoding="utf-8").split("A policy for operators")[1]
    policy = json.loads(page.split("```json\n")[1].split("```")[0])
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def typed() -> set[str]:
    """Return the action of each `aws …` command of the runbook."""
    runbook = (DOCS / "operations.md").read_text(encoding="utf-8")
    found = set(re.findall(r"\baws\s+(\w+)\s+([a-z]+(?:-[a-z]+)+)", runbook))
    return {f"{service}:{operation(service, command)}" for service, command in found}


def operation(service: str, command: str) -> str:
    names = client(service, []).meta.service_model.operation_names
    return next(str(name) for name in names if xform_name(name, "-") == command)


def test_operators_may_what_the_runbook_types() -> None:
    assert len(typed()) >= 7
    assert typed() - operators_may() == set()


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with mock_aws():
        boto3.client("cloudformation", region_name="eu-west-1").create_stack(
            StackName=STACK, TemplateBody=json.dumps(TEMPLATE)
        )
        yield


def client(name: str, called: list[str]) -> Any:
    """Return a client that notes which actions it calls."""
    made: Any = boto3.client(name, region_name="eu-west-1")  # type: ignore[call-overload]  # by a name of the docs
    made.meta.events.register(f"before-call.{name}", lambda model, **_: called.append(f"{name}:{model.name}"))
    return made


@pytest.mark.usefixtures("stack")
def test_a_redrive_calls_what_operators_may() -> None:
    called: list[str] = []
    sqs, cloudformation = client("sqs", called), client("cloudformation", called)
    dead, events = queues(STACK, cloudformation)
    for number in range(12):
        boto3.client("sqs", region_name="eu-west-1").send_message(QueueUrl=dead, MessageBody=str(number))

    assert move(dead, events, sqs) == 12

    assert set(called) == {
        "cloudformation:ListStackResources",
        *(f"sqs:{action}" for action in ("DeleteMessage", "ReceiveMessage", "SendMessage")),
    }
    assert set(called) <= operators_may()
    counts = [
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
        for url in (dead, events)
    ]
    assert [each["ApproximateNumberOfMessages"] for each in counts] == ["0", "12"]


@pytest.mark.usefixtures("stack")
def test_the_command_finds_the_queues_of_the_service() -> None:
    done = call("redrive", f"--service={STACK}")
    assert (done.exit_code, done.stdout) == (0, "0 messages moved back to the queue of events.\n"), done.output
    absent = call("redrive", "--service=other-dev")
    assert (absent.exit_code, "Stack with id other-dev does not exist" in absent.stderr) == (1, True), absent.output
    assert "local runs leave none" in call("redrive", "--local").stderr


@pytest.mark.usefixtures("stack")
def test_a_stack_of_something_else_is_told() -> None:
    body = json.dumps({"Resources": {"Other": TEMPLATE["Resources"]["Other"]}})
    cloudformation = boto3.client("cloudformation", region_name="eu-west-1")
    cloudformation.create_stack(StackName="theirs", TemplateBody=body)
    with pytest.raises(ServiceError, match="The stack 'theirs' has no queues of kedro-aws-batch"):
        queues("theirs", cloudformation)
