"""An HTTP/1.1 server for loopback: one thread a connection, kept alive.

werkzeug's closes the connection after each answer, which would cost every call
of every client a connection and a thread.

Loopback is not private: each page open in a browser can send requests here, and so can everybody else logged
in. The server itself refuses requests of pages; the application decides about all others.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import BinaryIO

#: A line or header longer than any of an AWS API.
_LINE_LIMIT = 65536
#: The most bytes of a body: what S3 takes at once; no other API of AWS takes more.
_BODY_LIMIT = 5 * 2**30
#: Seconds during which a refused client's further bytes are dropped, so that it reads its answer.
_LINGER = 1.0
#: The form of a header's name: https://www.rfc-editor.org/rfc/rfc9110#name-tokens
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: The names that clients of this machine use. Any other name leads here through somebody else's name server.
_OWN_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
#: Headers that browsers send for a page's request, and no client of AWS sends.
_OF_PAGES = frozenset({"origin", "referer", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-user"})


@dataclass
class Request:
    """A request, read to its end."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def path(self) -> str:
        """The path as sent, encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The parameters as sent, encoded."""
        return self.target.partition("?")[2]

    def header(self, name: str, default: str = "") -> str:
        """Return the first header of this name, in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), default)


@dataclass
class Response:
    """An answer; Content-Length is added unless it is among the headers."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


Application = Callable[[Request], Response | None]


class LoopbackServer:
    """Serves `application` on a free port of 127.0.0.1; an answer of None closes the connection."""

    def __init__(self, application: Application, name: str) -> None:
        self._application = application
        self._name = name
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._stopping = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name=f"{name}-accept", daemon=True)
        self._acceptor.start()

    def stop(self) -> None:
        """Close the port and every connection, and wait for their threads."""
        with self._lock:
            self._stopping = True
        # Closing a listening socket doesn't wake accept() everywhere; a connection does.
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._acceptor.join()
        self._listener.close()
        with self._lock:
            open_connections = dict(self._connections)
        for connection, thread in open_connections.items():
            _shut_down(connection)
            if thread is not threading.current_thread():
                thread.join(timeout=5)

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with self._lock:
                if self._stopping:
                    connection.close()
                    return
                thread = threading.Thread(target=self._serve, args=(connection,), name=self._name, daemon=True)
                self._connections[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection, connection.makefile("rb") as reader:
                while self._serve_one(connection, reader):
                    pass
        except (OSError, ValueError, MemoryError):
            pass  # the client went away, doesn't speak HTTP, or sends more than there is room for
        finally:
            with self._lock:
                self._connections.pop(connection, None)

    def _serve_one(self, connection: socket.socket, reader: BinaryIO) -> bool:
        request = _read_head(reader)
        if request is None:
            return False
        if _of_a_page(request):
            _refuse(connection, reader, request)
            return False
        _read_body(connection, reader, request)
        response = self._application(request)
        if response is None:
            return False
        keep_alive = request.header("Connection").lower() != "close" and not self._stopping
        connection.sendall(_encode(response, head=request.method == "HEAD", keep_alive=keep_alive))
        return keep_alive


def _of_a_page(request: Request) -> bool:
    """Return whether a web page may have sent a request, by its own name or one that was made to lead here."""
    names = [re.sub(r":\d*$", "", value.lower()) for name, value in request.headers if name.lower() == "host"]
    return (
        len(names) != 1 or names[0] not in _OWN_NAMES or any(name.lower() in _OF_PAGES for name, _ in request.headers)
    )


def _refuse(connection: socket.socket, reader: BinaryIO, request: Request) -> None:
    """Refuse a web page's request, whose body nobody has read: what still comes of it is thrown away."""
    answer = Response(403, body=b"Not for web pages.")
    connection.sendall(_encode(answer, head=request.method == "HEAD", keep_alive=False))
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(_LINGER)
    end = time.monotonic() + _LINGER
    while time.monotonic() < end and reader.read1(_LINE_LIMIT):  # type: ignore[attr-defined]  # a BufferedReader
        pass


def _shut_down(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be closed already
        connection.shutdown(socket.SHUT_RDWR)


def _read_head(reader: BinaryIO) -> Request | None:
    line = reader.readline(_LINE_LIMIT)
    if not line.strip():
        return None
    method, target, _ = line.decode("latin-1").split(None, 2)
    return Request(method, target, _read_headers(reader), b"")


def _read_body(connection: socket.socket, reader: BinaryIO, request: Request) -> None:
    if request.header("Expect").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if request.header("Transfer-Encoding").lower() == "chunked":
        request.body = _read_chunks(reader)
    else:
        request.body = _read_whole(reader, _size(request.header("Content-Length", "0"), 10))


def _size(text: str, base: int) -> int:
    """Return a number of bytes that a client announces. Raises ValueError for one that no body has."""
    size = int(text, base)
    if not 0 <= size <= _BODY_LIMIT:
        raise ValueError(f"not the size of a body: {text[:20]}")
    return size


def _read_headers(reader: BinaryIO) -> list[tuple[str, str]]:
    headers = []
    while (line := reader.readline(_LINE_LIMIT)) not in {b"\r\n", b"\n"}:
        if not line.endswith(b"\n"):
            raise _cut_short()
        name, _, value = line.decode("latin-1").partition(":")
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"not the name of a header: {name!r}")
        headers.append((name, value.strip()))
    return headers


def _read_whole(reader: BinaryIO, size: int) -> bytes:
    body = reader.read(size)
    if len(body) < size:
        raise _cut_short()
    return body


def _cut_short() -> ConnectionError:
    """Return an error that ends the connection: half a request of a killed client must have no effect."""
    return ConnectionResetError("the client went away before its request was whole")


def _read_chunks(reader: BinaryIO) -> bytes:
    chunks = []
    while size := _size(reader.readline(_LINE_LIMIT).split(b";")[0].decode("latin-1"), 16):
        chunks.append(_read_whole(reader, size))
        reader.readline(_LINE_LIMIT)
    _read_headers(reader)
    return b"".join(chunks)


def _encode(response: Response, *, head: bool, keep_alive: bool) -> bytes:
    phrase = HTTPStatus(response.status).phrase
    names = {name.lower() for name, _ in response.headers}
    lines = [f"HTTP/1.1 {response.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers if name.lower() != "connection"]
    if "content-length" not in names and response.status not in {204, 304}:
        lines.append(f"Content-Length: {len(response.body)}")
    lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if head else response.body)
