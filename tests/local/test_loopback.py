"""What the server makes of requests that do not come whole, as a killed client leaves them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from kedro_aws_batch.local.loopback import LoopbackServer, Request, Response

WHOLE = b'POST /thing HTTP/1.1\r\nHost: here\r\nContent-Length: 7\r\n\r\n{"a":1}'
CHUNKED = b'PUT /thing HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n3\r\n:1}\r\n0\r\n\r\n'


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
    """Send bytes and nothing more, and return what comes back until the connection is closed."""
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
