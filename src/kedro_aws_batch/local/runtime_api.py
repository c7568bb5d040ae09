"""Lambda's Runtime API, which gives an instance of a function its invocations.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, one port for each
instance, so that AWS's own runtime clients can run against it, too.

All paths begin with a secret, a part of the address that only the instance gets. AWS's client for Python can receive
and answer invocations with it. It can't report an error of initialisation, and ends with an exit status instead.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kedro_aws_batch.local.loopback import LoopbackServer, Request, Response

if TYPE_CHECKING:
    from kedro_aws_batch.local.function import FunctionSettings

_VERSION = "/2018-06-01/runtime"


@dataclass
class Invocation:
    """One attempt at a request, and, once `done`, its outcome."""

    request_id: str
    payload: bytes
    done: threading.Event = field(default_factory=threading.Event)
    answer: bytes = b""
    failed: bool = False

    def finish(self, answer: bytes, *, failed: bool) -> None:
        """Set the outcome; the first one counts."""
        if not self.done.is_set():
            self.answer, self.failed = answer, failed
            self.done.set()

    def fail(self, kind: str, message: str) -> None:
        """Set an outcome of Lambda's own, not of the function."""
        self.finish(json.dumps({"errorType": kind, "errorMessage": message}).encode(), failed=True)


class RuntimeApi:
    """The server of one instance."""

    def __init__(self, function: FunctionSettings) -> None:
        self._function = function
        self._changed = threading.Condition()
        self._next: Invocation | None = None
        self._current: Invocation | None = None
        self._closed = False
        #: Set once the instance has asked for its first invocation.
        self.ready = threading.Event()
        #: The error that kept it from starting, in its words.
        self.init_error: bytes | None = None
        self._prefix = f"/{secrets.token_urlsafe()}"
        self._server = LoopbackServer(self._answer, f"runtime-api {function.name}")
        #: The value of AWS_LAMBDA_RUNTIME_API.
        self.address = f"127.0.0.1:{self._server.port}{self._prefix}"

    def offer(self, invocation: Invocation) -> None:
        """Give an invocation to the instance, which must be waiting for one."""
        with self._changed:
            self._next = invocation
            self._changed.notify_all()

    def close(self, message: str) -> None:
        """Fail the current invocation with this message, and close the port."""
        with self._changed:
            self._closed = True
            invocation = self._current or self._next
            self._changed.notify_all()
        if invocation is not None:
            invocation.fail("Runtime.ExitError", message)
        self.ready.set()
        self._server.stop()

    def _answer(self, request: Request) -> Response | None:
        prefix = self._prefix + _VERSION
        if not hmac.compare_digest(request.target[: len(prefix)].encode(), prefix.encode()):
            return Response(403)
        path = request.target[len(prefix) :]
        if path == "/invocation/next":
            return self._take_next()
        if path == "/init/error":
            self.init_error = request.body
            self.ready.set()
            return _accepted()
        invocation = self._current
        if invocation is None or not path.startswith(f"/invocation/{invocation.request_id}/"):
            return Response(403, [("Content-Type", "application/json")], b'{"errorType": "InvalidRequestID"}')
        self._current = None
        invocation.finish(request.body, failed=path.endswith("/error"))
        return _accepted()

    def _take_next(self) -> Response | None:
        self.ready.set()
        with self._changed:
            self._changed.wait_for(lambda: self._next is not None or self._closed)
            if self._closed or self._next is None:
                return None
            self._current, self._next = self._next, None
            invocation = self._current
        deadline = int((time.time() + self._function.timeout) * 1000)
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(deadline)),
            ("Lambda-Runtime-Invoked-Function-Arn", self._function.arn),
            ("Lambda-Runtime-Trace-Id", f"Root=1-{int(time.time()):08x}-{invocation.request_id.replace('-', '')[:24]}"),
        ]
        return Response(200, headers, invocation.payload)


def _accepted() -> Response:
    return Response(202, [("Content-Type", "application/json")], b'{"status": "OK"}')
