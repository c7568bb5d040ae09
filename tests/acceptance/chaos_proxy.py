"""An unreliable proxy on loopback between the functions and AWS.

A share of the calls through it meets with one of the mishaps that clients of AWS must live with. A seeded generator
draws the mishap, in the order in which the calls arrive; the operating system decides that order.
"""

from __future__ import annotations

import http.client
import json
import queue
import random
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

from kedro_aws_batch.local.loopback import LoopbackServer, Request, Response

MISHAPS = (
    "throttled",  # refused, surely not done
    "failed",  # 500: for all the client knows, perhaps done
    "delayed",
    "cut before",  # the connection is lost, and the call was not made
    "cut after",  # the connection is lost, and the call was made
)
LONGEST_DELAY = 0.5


class ChaosProxy:
    """Passes calls on to `target`, except for the share `rate` of them."""

    def __init__(self, seed: int, rate: float = 0.1) -> None:
        self.target = ""
        self.rate = rate
        #: How often each mishap befell each operation.
        self.mishaps: Counter[tuple[str, str]] = Counter()
        self.calls = 0
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._connections: queue.SimpleQueue[http.client.HTTPConnection] = queue.SimpleQueue()
        self._server = LoopbackServer(self._answer, "chaos-proxy")
        self.url = f"http://127.0.0.1:{self._server.port}"

    def stop(self) -> None:
        self._server.stop()
        while not self._connections.empty():
            self._connections.get().close()

    def _answer(self, request: Request) -> Response | None:
        """Return the answer to a call, or None to close the connection without one."""
        mishap, delay = self._draw(_operation(request))
        if mishap == "throttled":
            return _refusal(request, throttled=True)
        if mishap == "failed":
            return _refusal(request, throttled=False)
        if mishap == "cut before":
            return None
        if mishap == "delayed":
            time.sleep(delay)
        answer = self._pass_on(request)
        return None if mishap == "cut after" else answer

    def _draw(self, operation: str) -> tuple[str | None, float]:
        with self._lock:
            self.calls += 1
            if self._random.random() >= self.rate:
                return None, 0
            mishap, delay = self._random.choice(MISHAPS), self._random.uniform(0.05, LONGEST_DELAY)
            self.mishaps[mishap, operation] += 1
            return mishap, delay

    def _pass_on(self, request: Request) -> Response:
        try:
            connection = self._connections.get_nowait()
        except queue.Empty:
            address = urlsplit(self.target)
            connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
        try:
            connection.request(request.method, request.target, request.body, dict(request.headers))
            answer = connection.getresponse()
            body = answer.read()
        except BaseException:
            connection.close()
            raise
        self._connections.put(connection)
        return Response(answer.status, answer.getheaders(), body)


def _operation(request: Request) -> str:
    """Return the requested operation: `UpdateItem`, `submitjob`."""
    return request.header("X-Amz-Target").rpartition(".")[2] or request.target.rpartition("/")[2]


def _refusal(request: Request, *, throttled: bool) -> Response:
    """Return an error in the protocol of the call: the JSON of targets, or Batch's, which has the error in a header."""
    if request.header("X-Amz-Target"):
        kind = "ThrottlingException" if throttled else "InternalServerError"
        status = 400 if throttled else 500
    else:
        kind = "TooManyRequestsException" if throttled else "ServerException"
        status = 429 if throttled else 500
    body = json.dumps({"__type": kind, "message": "as the chaos proxy will have it"}).encode()
    return Response(status, [("Content-Type", "application/json"), ("x-amzn-ErrorType", kind)], body)
