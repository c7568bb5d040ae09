"""A job asks for a payload that didn't fit: over HTTP, from a Lambda that answers like AWS's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from kedro_aws_batch.container import asking
from kedro_aws_batch.container.asking import Next, Said
from kedro_aws_batch.container.door import Door
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
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[list[tuple[int, dict[str, str], Any]]], FakeLambda]]:
    """Start a Lambda that gives these answers."""
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("time.sleep", lambda _: None)
    servers: list[ThreadingHTTPServer] = []

    def start(answers: list[tuple[int, dict[str, str], Any]]) -> FakeLambda:
        fake = FakeLambda(answers)
        server = ThreadingHTTPServer(("127.0.0.1", 0), fake.handler())
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        asking._client.cache_clear()
        return fake

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def answered(serve: Any) -> Any:
    """Return a job's result for these answers, and its requests."""

    def act(*answers: tuple[int, dict[str, str], Any], **environment: str) -> tuple[Any, list[tuple[str, Any]]]:
        fake = serve(list(answers))
        told = {"format": 1, "run_id": RUN, "ask": {"function": FUNCTION, "job": "3-0a0", "token": "t"}}
        return read_payload({"KEDRO_AWS_BATCH_JOB": json.dumps(told), **environment}), fake.asked

    return act


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


# a container's next group

DOOR = Door(function=FUNCTION, job="3-0", token="t", index=None, job_id="job", epoch=1, seconds=3600)  # noqa: S106
NEXT: tuple[int, dict[str, str], Any] = (200, {}, {"place": 1, "payload": PAYLOAD})
WAIT: tuple[int, dict[str, str], Any] = (200, {}, {"wait": 1000})
REFUSED = refusal("TooManyRequestsException", 429)
LOST = refusal("ServiceException", 500)


@pytest.mark.parametrize(
    ("answers", "said", "waited"),
    [
        ([NEXT], Next(1, PAYLOAD), [0]),
        ([LOST, NEXT], Next(1, PAYLOAD), [0, 0]),
        ([WAIT, (200, {}, {"wait": 2000}), NEXT], Next(1, PAYLOAD), [0, 1000, 3000]),
        ([WAIT, (200, {}, {"nothing": True})], Said.NOTHING, [0, 1000]),
        ([WAIT, (200, {}, {"over": True})], Said.OVER, [0, 1000]),
        ([REFUSED], Said.NOTHING, [0]),
        ([WAIT, REFUSED], Said.NOTHING, [0, 1000]),
        ([LOST, REFUSED], Said.UNSURE, [0, 0]),
        ([LOST, WAIT, REFUSED], Said.UNSURE, [0, 0, 1000]),  # the lost one may still be answered
        ([LOST] * 4, Said.UNSURE, [0] * 4),
        ([LOST, LOST, LOST, WAIT, LOST, NEXT], Next(1, PAYLOAD), [0, 0, 0, 0, 1000, 1000]),
    ],
)
def test_a_container_asks_waits_and_asks_again(serve: Any, answers: list[Any], said: Any, waited: list[int]) -> None:
    fake = serve(answers)
    assert asking.ask_next(RUN, DOOR, 0, (1, 2)) == said
    assert [body["waited"] for _, body in fake.asked] == waited
    assert {body["done"] for _, body in fake.asked} == {0}


@pytest.mark.parametrize(("answers", "said"), [([WAIT], Said.NOTHING), ([LOST, WAIT], Said.UNSURE)])
def test_a_container_that_is_stopped_while_it_waits_does_not_ask_again(
    serve: Any, answers: list[Any], said: Any
) -> None:
    fake = serve(answers)
    assert asking.ask_next(RUN, DOOR, 0, (1, 2), lambda: True) is said
    assert len(fake.asked) == len(answers)


def test_a_restarted_container_asks_for_its_own_group_and_can_not_wait(serve: Any) -> None:
    fake = serve([REFUSED])
    assert asking.ask_next(RUN, DOOR, None) is Said.UNSURE
    assert "waited" not in fake.asked[0][1]
