"""The functions' calls to AWS, seen on the embedded one, against what their roles allow."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch.local.gateway import Gateway
from tests.acceptance.support import (
    Node,
    Project,
    believe_invocations_short,
    finished,
    layers,
    make_project,
    messages_in,
    open_runs,
    reconcile,
    reconciling,
    service,
    settled,
)
from tests.local.support import until

from .conftest import ROOT
from .test_template import ACTIONS, FUNCTIONS, LOG, LOOK

if TYPE_CHECKING:
    from kedro_aws_batch.local import EmbeddedAws
    from kedro_aws_batch.local.loopback import Request, Response

Calls = set[tuple[str, str]]

_BATCH = {
    "submitjob": "SubmitJob",
    "terminatejob": "TerminateJob",
    "describejobs": "DescribeJobs",
    "listjobs": "ListJobs",
    "describejobqueues": "DescribeJobQueues",
    "describecomputeenvironments": "DescribeComputeEnvironments",
    "describejobdefinitions": "DescribeJobDefinitions",
}
_SERVICES = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs", "AWSEvents": "events"}


def call_of(request: Request) -> tuple[str, str] | None:
    """Return the function that makes a request, if a function does."""
    function = re.search(r"app/(\w+)", request.header("User-Agent"))
    if function is None:
        return None
    service_name, _, action = request.header("X-Amz-Target").partition(".")
    if service_name in _SERVICES:
        if service_name == "AmazonSQS":  # a batch takes the permission of a single message
            action = action.removesuffix("Batch")
        return function[1], f"{_SERVICES[service_name]}:{action}"
    return function[1], f"batch:{_BATCH[request.target.rpartition('/')[2]]}"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Every call that a function makes from now on."""
    seen: Calls = set()
    answer = Gateway.__call__

    def listen(gateway: Gateway, request: Request) -> Response:
        if (call := call_of(request)) is not None:
            seen.add(call)
        return answer(gateway, request)

    monkeypatch.setattr(Gateway, "__call__", listen)
    return seen


@pytest.fixture
def project(tmp_path: Path) -> Project:
    quick = layers(1, 12, 1)
    failing = {"bad": Node(exits=[1, 1, 1, 1]), **{f"slow{number}": Node(seconds=60) for number in range(11)}}
    waiting = {f"wait{number}": Node(seconds=60) for number in range(12)}
    return make_project(tmp_path, {"__default__": quick, "failing": failing, "waiting": waiting}, array_jobs=True)


@pytest.fixture
def aws(project: Project, calls: Calls) -> Iterator[EmbeddedAws]:  # noqa: ARG001  (it listens from the start)
    with project.aws(max_vcpus=16, stop_timeout=0.5) as running:
        client = running.client("lambda")
        for function in FUNCTIONS:
            name = running.function_name(function)
            variables = client.get_function(FunctionName=name)["Configuration"]["Environment"]["Variables"]
            told: Any = {**variables, "AWS_SDK_UA_APP_ID": function}
            client.update_function_configuration(FunctionName=name, Environment={"Variables": told})
        yield running


def events(aws: EmbeddedAws, heard: bool) -> None:
    client = aws.client("events")
    (rule,) = [each["Name"] for each in client.list_rules()["Rules"] if each["Name"].endswith("JobStateChangeRule")]
    (client.enable_rule if heard else client.disable_rule)(Name=rule)


def test_functions_call_nothing_that_their_roles_do_not_allow(aws: EmbeddedAws, calls: Calls) -> None:
    functions = service(aws)
    assert finished(aws, functions.start_run({})).status == "SUCCEEDED"
    assert finished(aws, functions.start_run({"pipeline": "failing"})).status == "FAILED"
    cancelled = functions.start_run({"pipeline": "waiting", "max_workers": 20})
    functions.cancel_run(cancelled.run_id, "enough")
    settled(aws, cancelled.run_id)
    functions.list_runs()

    events(aws, heard=False)
    lost = functions.start_run({"nodes": ["n0_0", "n1_0"]})
    deadline = time.monotonic() + 30
    while not (ended := functions.describe_run(lost.run_id).ended):
        assert time.monotonic() < deadline
        reconcile(aws)
        time.sleep(0.3)
    assert ended
    believe_invocations_short(aws)
    with reconciling(aws, every=1):
        until(lambda: open_runs(aws) == [], 60)

    assert messages_in(aws, "DeadLetterQueue") == 0
    seen = {function: {action for name, action in calls if name == function} for function in FUNCTIONS}
    assert {
        function: sorted(seen[function] - ACTIONS[function])
        for function in FUNCTIONS
        if seen[function] - ACTIONS[function]
    } == {}
    # The rest was not needed here: hand-overs, lost claims, runs that end in unusual places.
    assert {*LOOK, "batch:SubmitJob", "dynamodb:BatchWriteItem"} <= seen["start_run"]
    assert {"batch:TerminateJob", "dynamodb:Query"} <= seen["job_state_change"]
    assert {"batch:DescribeJobs", "dynamodb:DeleteItem"} <= seen["reconcile"]
    assert seen["describe_run"] == ACTIONS["describe_run"] - LOG
    assert seen["list_runs"] == ACTIONS["list_runs"] - LOG
    assert seen["cancel_run"] == ACTIONS["cancel_run"] - LOG - {"dynamodb:PutItem", "sqs:SendMessage"}


def test_roles_allow_what_the_adapters_call_and_no_more() -> None:
    def camel(name: str) -> str:
        return "".join(part.capitalize() for part in name.split("_"))

    called = set()
    for service_name, module in (
        ("dynamodb", "run_table"),
        ("dynamodb", "dynamo"),
        ("batch", "job_queue"),
        ("events", "announcements"),
        ("sqs", "announcements"),
    ):
        source = (ROOT / f"adapters/{module}.py").read_text(encoding="utf-8")
        names = set(re.findall(r"(?:_client|_submitter|\bbatch)\.([a-z_]+)[( ]", source))
        mine = {"events": {"put_events"}, "sqs": {"send_message"}}.get(service_name, names)
        assert mine <= names
        called |= {f"{service_name}:{camel(name)}" for name in mine}

    by_lambda_itself = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
    with_submit_job = {"batch:TagResource"}
    assert set().union(*ACTIONS.values()) - LOG == called | by_lambda_itself | with_submit_job
