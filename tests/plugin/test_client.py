from __future__ import annotations

import io
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.response import StreamingBody
from botocore.stub import Stubber

from kedro_aws_batch.client import GroupState, RunState, RunSummary, Service, Started, read_state
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.estimate import words_left
from kedro_aws_batch.prices import Spent, read_prices

PLACE: dict[str, Any] = {"region_name": "eu-west-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}


class Functions:
    """A Lambda client whose functions give their answers in turn; it keeps the requests."""

    def __init__(self, *answers: Any) -> None:
        self.client = boto3.client("lambda", **PLACE)
        self.stubber = Stubber(self.client)
        self.asked: list[tuple[str, Any]] = []
        self.client.meta.events.register("provide-client-params.lambda.Invoke", self._note)
        for answer in answers:
            raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.stubber.add_response(
                "invoke", {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(raw), len(raw))}
            )
        self.stubber.activate()
        self.service = Service("prefix", self.client)

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        self.asked.append((params["FunctionName"], json.loads(params["Payload"])))


GROUP = {"index": 0, "nodes": ["a"], "status": "SUCCEEDED", "started_at": 1000, "ended_at": 3500, "new_field": 1}
RUN = {"run_id": "r", "status": "RUNNING", "groups_total": 2, "nodes_total": 3, "groups": [GROUP], "next_page": None}


def test_a_run_is_started_with_exactly_the_request() -> None:
    functions = Functions({"run_id": "r", "status": "RUNNING", "groups": 2, "nodes": 3})
    assert functions.service.start_run({"tags": ["x"]}) == Started("r", "RUNNING", 2, 3)
    assert functions.asked == [("prefix-start_run", {"tags": ["x"]})]


def test_a_run_s_groups_are_read_page_by_page() -> None:
    functions = Functions({**RUN, "next_page": 1}, {**RUN, "groups": [{**GROUP, "index": 1}], "next_page": None})
    group = GroupState(0, ("a",), "SUCCEEDED", started_at=1000, ended_at=3500)
    again = GroupState(1, ("a",), "SUCCEEDED", started_at=1000, ended_at=3500)
    assert functions.service.describe_run("r") == RunState("r", "RUNNING", 2, 3, (group, again))
    assert functions.asked[1] == ("prefix-describe_run", {"run_id": "r", "page": 1})
    assert group.seconds == 2.5


def test_runs_are_listed() -> None:
    functions = Functions({"runs": [{"run_id": "r", "status": "FAILED", "pipelines": ["p"], "reason": "why"}]})
    assert functions.service.list_runs(limit=3) == [RunSummary("r", "FAILED", ("p",), reason="why")]
    assert functions.asked == [("prefix-list_runs", {"limit": 3})]


def test_a_run_is_cancelled_with_a_reason() -> None:
    functions = Functions({"run_id": "r", "status": "CANCELLED"})
    assert functions.service.cancel_run("r", "enough") == "CANCELLED"
    assert functions.asked == [("prefix-cancel_run", {"run_id": "r", "reason": "enough"})]


def test_what_the_service_refuses_is_raised_in_its_words() -> None:
    functions = Functions({"error": {"type": "UnknownRun", "message": "There is no run 'r'."}})
    with pytest.raises(ServiceError, match=r"^There is no run 'r'\.$") as raised:
        functions.service.describe_run("r")
    assert raised.value.type == "UnknownRun"


def test_an_answer_that_is_none_of_the_service_s_is_said_to_be() -> None:
    with pytest.raises(ServiceError, match="not an answer of this service"):
        Functions(b"null").service.list_runs()


def test_a_function_that_crashes_is_named_with_its_log() -> None:
    functions = Functions()
    raw = json.dumps({"errorType": "KeyError", "errorMessage": "'x'"}).encode()
    response = {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": StreamingBody(io.BytesIO(raw), len(raw))}
    functions.stubber.add_response("invoke", response)
    with pytest.raises(ServiceError, match=r"failed with KeyError: 'x' Its log group /aws/lambda/prefix-start_run"):
        functions.service.start_run({})


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "ResourceNotFoundException",
            "There is no function 'prefix-list_runs' in eu-west-1 in this account. Deploy",
        ),
        ("AccessDeniedException", "You may not call 'prefix-list_runs': the words of AWS"),
        ("ExpiredTokenException", "Your AWS credentials have expired"),
        ("UnrecognizedClientException", "Your AWS credentials are not valid"),
        ("ServiceException", "AWS refused to call 'prefix-list_runs' with ServiceException: the words of AWS"),
    ],
)
def test_what_aws_refuses_is_a_sentence(code: str, message: str) -> None:
    functions = Functions()
    functions.stubber.add_client_error("invoke", code, "the words of AWS")
    with pytest.raises(ServiceError, match=message):
        functions.service.list_runs()


def test_a_lambda_that_cannot_be_reached_is_a_sentence() -> None:
    config = Config(retries={"max_attempts": 0}, connect_timeout=1)
    client = boto3.client("lambda", endpoint_url="http://127.0.0.1:9", config=config, **PLACE)
    with pytest.raises(ServiceError, match="AWS can't be reached to call 'prefix-list_runs'"):
        Service("prefix", client).list_runs()


def test_without_credentials_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = boto3.session.Session().client("lambda", region_name="eu-west-1")
    with pytest.raises(ServiceError, match="no AWS credentials"):
        Service("prefix", client).list_runs()


def test_the_golden_answer_of_describe_run_is_read_whole() -> None:
    golden = json.loads((Path(__file__).parents[1] / "golden/describe_run.json").read_text(encoding="utf-8"))
    assert golden.keys() - {field.name for field in fields(RunState)} == {"next_page"}
    assert golden["groups"][0].keys() - {field.name for field in fields(GroupState)} == set()
    state = read_state(golden)
    first = state.groups[0]
    assert (first.expected_ms, first.job_status, first.earlier[0]["log_streams"]) == (5000, "RUNNING", ["log/job-2"])
    assert words_left(state) == "about 4 s left"
    prices = read_prices({"vcpu_hour": 3600, "gb_hour": 0, "source": "a test"})
    assert prices.spent(state) == Spent({"USD": 3.002 + 1.0})
