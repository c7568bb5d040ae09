"""The runtime of a function, which calls its handler in its own process.

It runs by path with only the standard library. It speaks Lambda's Runtime API,
as AWS's `awslambdaric` does, and puts the code's directory first on `sys.path`
itself: processes that the function starts would inherit an environment variable.
"""

import http.client
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

_API = "/2018-06-01/runtime"


class Context:
    """Lambda's context object."""

    def __init__(self, request_id: str, deadline_ms: int, arn: str) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = arn
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.client_context = None
        self.identity = None
        self._deadline_ms = deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        """Return the time left until the invocation's time-out."""
        return max(0, self._deadline_ms - int(time.time() * 1000))


def _describe(error: BaseException) -> bytes:
    trace = traceback.format_list(traceback.extract_tb(error.__traceback__))
    described = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}
    return json.dumps(described).encode()


class RuntimeApi:
    """The Runtime API, on one connection; its address is a host, a port, and the prefix of all paths."""

    def __init__(self, address: str) -> None:
        host, slash, prefix = address.partition("/")
        self._connection = http.client.HTTPConnection(host)
        self._root = slash + prefix + _API

    def get(self, path: str) -> http.client.HTTPResponse:
        """Return an answer; read it before the next request."""
        self._connection.request("GET", self._root + path)
        return self._connection.getresponse()

    def post(self, path: str, body: bytes) -> None:
        """Tell something."""
        self._connection.request("POST", self._root + path, body, {"Content-Type": "application/json"})
        self._connection.getresponse().read()


def _load(name: str) -> Callable[[Any, Context], Any]:
    module, _, function = name.rpartition(".")
    loaded: Callable[[Any, Context], Any] = getattr(importlib.import_module(module.replace("/", ".")), function)
    return loaded


def _call(handler: Callable[[Any, Context], Any], headers: dict[str, str], body: bytes) -> "tuple[str, bytes]":
    request_id = headers["lambda-runtime-aws-request-id"]
    os.environ["_X_AMZN_TRACE_ID"] = headers.get("lambda-runtime-trace-id", "")
    deadline = int(headers["lambda-runtime-deadline-ms"])
    context = Context(request_id, deadline, headers["lambda-runtime-invoked-function-arn"])
    try:
        answer = json.dumps(handler(json.loads(body), context)).encode()
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is the caller's to see
        traceback.print_exc()
        return f"/invocation/{request_id}/error", _describe(error)
    return f"/invocation/{request_id}/response", answer


def main() -> None:
    """Load the handler and serve invocations until the Runtime API goes away."""
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = _load(os.environ["_HANDLER"])
    except BaseException as error:  # noqa: BLE001 - SystemExit on import too is an error of initialisation
        traceback.print_exc()
        api.post("/init/error", _describe(error))
        sys.exit(1)
    while True:
        try:
            response = api.get("/invocation/next")
        except (http.client.HTTPException, OSError):
            return  # the instance is not needed any more
        headers = {name.lower(): value for name, value in response.getheaders()}
        path, answer = _call(handler, headers, response.read())
        sys.stdout.flush()
        api.post(path, answer)


if __name__ == "__main__":
    main()
