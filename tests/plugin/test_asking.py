"""A job asks for a payload that didn't fit: over HTTP, from a Lambda that answers like AWS's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from kedro_aws_batch.container import asking
from kedro_aws_batch.container.payload import read_payload
from kedro_aws_batch.errors import PayloadError

RUN = "2026-11-22T13.11.00.123Z"
FUNCTION = "arn:aws:lambda:eu-west-3:123456789012:function:flights-next_group"
PAYLOAD = {"format": 1, "run_id": RUN, "params": {"rate": 1}, "groups": [{"nodes": ["mine"]}]}


@dataclass
class FakeLambda:
    """Gives its answers in turn, and repeats the last."""

    answers: list[tuple[int, dict[str, str], Any]]
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append((self.headers["Authorization"].split("/")[2], body))
                status, headers, answer = outer.answers[min(len(outer.asked), len(outer.answers)) - 1]
                sent = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(sent))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                """Print nothing."""

        return Handler


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a job's result for these answers, and its requests."""
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("time.sleep", lambda _: None)
    servers: list[ThreadingHTTPServer] = []

    def act(*answers: tuple[int, dict[str, str], Any], **environment: str) -> tuple[Any, list[tuple[str, Any]]]:
        fake = FakeLambda(list(answers))
        server = ThreadingHTTPServer(("127.0.0.1", 0), fake.handler())
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        asking._client.cache_clear()
        told = {"format": 1, "run_id": RUN, "ask": {"function": FUNCTION, "job": "3-0a0", "token": "t"}}
        return read_payload({"KEDRO_AWS_BATCH_JOB": json.dumps(told), **environment}), fake.asked

    yield act
    for server in servers:
        server.shutdown()
        server.server_close()


def refusal(code: str, status: int) -> tuple[int, dict[str, str], Any]:
    return status, {"x-amzn-ErrorType": code}, {"Message": "no"}


def test_a_child_asks_for_its_own_part_in_the_function_s_region(answered: Any) -> None:
    payload, asked = answered((200, {}, {"payload": PAYLOAD}), AWS_BATCH_JOB_ARRAY_INDEX="7")
    assert (payload.nodes, payload.params) == (("mine",), {"rate": 1})
    assert asked == [("eu-west-3", {"run_id": RUN, "job": "3-0a0", "token": "t", "index": 7})]


def test_what_may_pass_is_asked_again(answered: Any) -> None:
    payload, asked = answered(
        refusal("TooManyRequestsException", 429),
        refusal("ServiceException", 500),
        (200, {"X-Amz-Function-Error": "Unhandled"}, {"errorMessage": "Task timed out"}),
        (200, {}, {"payload": PAYLOAD}),
    )
    assert (payload.nodes, len(asked)) == (("mine",), 4)


def test_a_missing_permission_is_named(answered: Any) -> None:
    with pytest.raises(PayloadError, match=r"Allow the job's role lambda:InvokeFunction on that function.*check --aws"):
        answered(refusal("AccessDeniedException", 403))


def test_what_the_function_refuses_is_said_in_its_words(answered: Any) -> None:
    with pytest.raises(PayloadError, match="refused to say what to run: The token is not"):
        answered((200, {}, {"error": {"type": "NotAllowed", "message": "The token is not that of job '3-0a0'."}}))


def test_a_service_that_does_not_answer_is_given_up_in_the_end(answered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.0)
    with pytest.raises(PayloadError, match=r"gave no payload for 0 s: .*ServiceException"):
        answered(refusal("ServiceException", 500))
