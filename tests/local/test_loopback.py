"""How the server treats requests that a killed client leaves half sent, and those that web pages send."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from kedro_aws_batch.local.loopback import LoopbackServer, Request, Response

WHOLE = b'POST /thing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\n{"a":1}'
CHUNKED = (
    b'PUT /thing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n3\r\n:1}\r\n0\r\n\r\n'
)


@pytest.fixture
def handled() -> list[Request]:
    return []


@pytest.fixture
def server(handled: list[Request]) -> Iterator[LoopbackServer]:
    def answer(request: Request) -> Response:
        handled.append(request)
        return Response(200, [], b"done")

    running = LoopbackServer(answer, "test")
    yield running
    running.stop()


def send(server: LoopbackServer, data: bytes) -> bytes:
    """Send bytes and nothing more, and return the answer until the connection is closed."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize("request_", [WHOLE, CHUNKED], ids=["with a length", "in chunks"])
def test_a_request_is_handled_when_it_is_whole_and_not_before(
    server: LoopbackServer, handled: list[Request], request_: bytes
) -> None:
    for size in range(len(request_) - (0 if request_ is WHOLE else 2)):  # the last line of chunks may be missing
        assert send(server, request_[:size]) == b""
    assert handled == []

    assert send(server, request_).endswith(b"done")
    assert [each.body for each in handled] == [b'{"a":1}']


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:1", "LOCALHOST", "[::1]:80"])
def test_a_client_of_this_machine_is_answered(server: LoopbackServer, host: str) -> None:
    assert send(server, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).endswith(b"done")


@pytest.mark.parametrize(
    "headers",
    [
        "Host: evil.example",
        "Host: evil.example:{port}",
        "Host: 127.0.0.1.evil.example",
        "Host: localhost.evil.example:80",
        "Host: evil.example\r\nHost: localhost",
        "Host: localhost\r\nHost: evil.example",
        "Host:",
        "X: y",
        "Host: localhost\r\nOrigin: https://evil.example",
        "Host: localhost\r\norigin: null",
        "Host: localhost\r\nOrigin:",
        "Host: localhost\r\nSec-Fetch-Site: none",
        "Host: localhost\r\nSec-Fetch-Mode: no-cors",
        "Host: localhost\r\nReferer: http://localhost:{port}/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_what_a_page_may_have_sent_is_refused_before_anybody_sees_it(
    server: LoopbackServer, handled: list[Request], method: str, headers: str
) -> None:
    answer = send(server, f"{method} /thing HTTP/1.1\r\n{headers.format(port=server.port)}\r\n\r\n".encode())
    assert (answer.split(b" ")[1], handled) == (b"403", [])
    assert b"Access-Control" not in answer


def test_the_body_of_a_page_is_not_read_and_its_answer_is(server: LoopbackServer, handled: list[Request]) -> None:
    announced = 5 * 2**30
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\nContent-Length: {announced}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head + b"x" * 100_000)
        assert connection.recv(4096).startswith(b"HTTP/1.1 403 ")  # though the client still sends
        connection.sendall(b"x" * 100_000)
    assert handled == []


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: " + "9" * 30,
        "Content-Length: 9999999999999",
        "Content-Length: " + "9" * 5000,
        "Content-Length: -1",
        "Content-Length: x",
        "Transfer-Encoding: chunked\r\n\r\n" + "f" * 20,
        "Transfer-Encoding: chunked\r\n\r\n-5",
        "Transfer-Encoding: chunked\r\n\r\n\xe9",
    ],
)
def test_a_body_of_no_size_ends_the_connection_and_says_nothing(
    server: LoopbackServer, handled: list[Request], framing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: list[object] = []
    monkeypatch.setattr(threading, "excepthook", broken.append)
    request = f"POST / HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\nabc".encode("latin-1")
    assert (send(server, request), handled, broken) == (b"", [], [])


@pytest.mark.parametrize("line", [b"Origin : x", b" Origin: x", b"Or\tigin: x", b"nothing", b": x"])
def test_a_header_that_is_none_ends_the_connection(server: LoopbackServer, handled: list[Request], line: bytes) -> None:
    assert send(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + line + b"\r\n\r\n") == b""
    assert handled == []
