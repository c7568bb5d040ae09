"""The endpoint: it passes each request to our code or moto's."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from xml.sax.saxutils import escape  # it parses nothing  # nosec B406

from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    environ_key_for_header,
    should_preserve_original_header_name,
)
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from kedro_aws_batch._service.dag import limits
from kedro_aws_batch.local.admission import Admission
from kedro_aws_batch.local.errors import ApiError, EmbeddedAwsError
from kedro_aws_batch.local.functions import AsyncInvoker, Functions, invocation_error
from kedro_aws_batch.local.loopback import Request, Response
from kedro_aws_batch.local.tables import ONE_AT_A_TIME

if TYPE_CHECKING:
    from flask import Flask

    from kedro_aws_batch.local.batch.api import BatchApi

logger = logging.getLogger(__name__)

_INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")

#: The key of the request's service in its WSGI environment.
_SERVICE = "kedro_aws_batch.service"
#: moto's addresses that AWS lacks: one wipes its state, and its recorder reads and writes files.
_NOT_AWS = frozenset({"moto_api", "instance_metadata"})


class Gateway:
    """Answers all requests of all services from senders who may make them."""

    def __init__(self, admission: Admission, batch: BatchApi, functions: Functions, asynchronous: AsyncInvoker) -> None:
        self._admission = admission
        self._batch = batch
        self._functions = functions
        self._asynchronous = asynchronous
        self._moto = _Dispatcher(create_backend_app)

    def __call__(self, request: Request) -> Response:
        """Return the answer, or an error as an answer."""
        service, path = "", request.path
        try:
            service = self._admission.service(request)
            return self._answer(service, path, request)
        except ApiError as error:
            return _refusal(request, error)
        except EmbeddedAwsError as error:
            return _error(ApiError("ServiceUnavailable", str(error), 503))
        except Exception:
            logger.exception("a request could not be answered", extra={"service": service, "path": path})
            return _error(ApiError("InternalFailure", "The embedded AWS failed; its log says how", 500))

    def _answer(self, service: str, path: str, request: Request) -> Response:
        if service == "batch" and self._batch.answers(path):
            return _json(200, self._batch.answer(path, request.body))
        if service == "lambda" and (match := _INVOKE.fullmatch(path)):
            return self._invoke(unquote(match[1]), request)
        if service == "dynamodb":
            _check_batch_write(request)
            with ONE_AT_A_TIME:
                return self._ask_moto(service, request)
        return self._ask_moto(service, request)

    def _invoke(self, name: str, request: Request) -> Response:
        function = self._functions.find(name)
        kind = request.header("X-Amz-Invocation-Type", "RequestResponse")
        payload = request.body or b"{}"
        limit = limits.INVOKE_ASYNC_BYTES if kind == "Event" else limits.INVOKE_BYTES
        if not limit.allows(len(payload)):
            raise ApiError("RequestTooLargeException", limit.answer(len(payload)), 413)
        try:
            json.loads(payload)
        except ValueError as error:
            raise ApiError(
                "InvalidRequestContentException", f"Could not parse request body into json: {error}"
            ) from None
        if kind == "DryRun":
            return Response(204)
        if kind == "Event":
            return Response(202, [("x-amzn-RequestId", self._asynchronous.invoke(function.name, payload))])
        request_id = str(uuid.uuid4())
        invocation = self._functions.invoke(function.name, payload, request_id)
        headers = {
            "Content-Type": "application/json",
            "x-amzn-RequestId": request_id,
            "X-Amz-Executed-Version": "$LATEST",
            **invocation_error(invocation),
        }
        return Response(200, list(headers.items()), invocation.answer)

    def _ask_moto(self, service: str, request: Request) -> Response:
        response = Response()

        def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            response.status = int(status[:3])
            # moto lets all sites' pages read its answers.
            response.headers = [each for each in headers if not each[0].lower().startswith("access-control-")]

        chunks = self._moto({**_environ(request), _SERVICE: service}, start)
        try:
            response.body = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        return response


class _Dispatcher(DomainDispatcherApplication):
    """moto's choice of a service, limited to AWS; only S3 answers what is signed for S3."""

    def get_application(self, environ: dict[str, Any]) -> Flask:
        if environ[_SERVICE] != "s3":
            return super().get_application(environ)
        with self.lock:
            return self.app_instances.get("s3") or self.app_instances.setdefault("s3", self.create_app("s3"))

    def get_backend_for_host(self, host: str | None) -> Any:
        if host in _NOT_AWS:
            raise ApiError("AccessDenied", "The embedded AWS has no such address.", 403)
        return super().get_backend_for_host(host)


def _json(status: int, answer: Any) -> Response:
    return Response(status, [("Content-Type", "application/json")], json.dumps(answer).encode())


def _error(error: ApiError) -> Response:
    body = {"__type": error.code, "code": error.code, "message": error.message, "Message": error.message}
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", error.code)]
    return Response(error.status, headers, json.dumps(body).encode())


def _refusal(request: Request, error: ApiError) -> Response:
    """Return an error in the protocol of the request: XML for S3 and forms."""
    header = request.header("Authorization")
    bare = not header and not request.header("X-Amz-Target") and request.method in {"GET", "HEAD", "PUT", "DELETE"}
    s3 = bare or "/s3/aws4_request" in header or header.startswith("AWS ")
    if not s3 and not request.header("Content-Type").startswith("application/x-www-form-urlencoded"):
        return _error(error)
    body = f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
    body = body if s3 else f"<ErrorResponse>{body}</ErrorResponse>"
    return Response(error.status, [("Content-Type", "application/xml")], body.encode())


def _check_batch_write(request: Request) -> None:
    """Refuse requests that DynamoDB refuses and moto accepts."""
    if not request.header("X-Amz-Target").endswith(".BatchWriteItem"):
        return
    count = sum(len(requests) for requests in json.loads(request.body).get("RequestItems", {}).values())
    if not limits.BATCH_WRITE.allows(count):
        raise ApiError(
            "ValidationException",
            "1 validation error detected: Value at 'requestItems' failed to satisfy constraint: "
            f"{limits.BATCH_WRITE.answer(count)}",
        )


def _environ(request: Request) -> dict[str, Any]:
    """Return a request in WSGI's form."""
    path, _, query = request.target.partition("?")
    host, _, port = request.header("Host", "127.0.0.1:80").partition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        # WSGI's own encoding: text is latin-1 with the bytes of UTF-8.
        "PATH_INFO": unquote(path).encode().decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": request.target,
        "RAW_URI": request.target,
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    preserved = {}
    for name, value in request.headers:
        if "_" in name and not should_preserve_original_header_name(name):
            continue
        key = environ_key_for_header(name)
        if should_preserve_original_header_name(name):
            preserved[key] = name
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ.pop("HTTP_TRANSFER_ENCODING", None)  # the body was read to its end
    environ["CONTENT_LENGTH"] = str(len(request.body))
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = preserved
    return environ
