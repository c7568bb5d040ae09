"""Checks who signed a request: AWS's signature version 4, and version 2 for S3.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. A signature is in a
header or, for a presigned address, among its parameters; boto3 presigns S3's with version 2 in the oldest Regions.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import lru_cache
from http.client import HTTPMessage
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, quote, unquote_to_bytes

from botocore.auth import HmacV1Auth
from botocore.credentials import Credentials
from botocore.utils import normalize_url_path

if TYPE_CHECKING:
    from kedro_aws_batch.local.loopback import Request

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^\s,]+) *, *SignedHeaders=([^\s,]+) *, *Signature=([0-9a-f]{64})", re.IGNORECASE
)
_SCOPE = re.compile(r"([^/]+)/(\d{8}/[^/]+/([^/]+)/aws4_request)")
_V2 = re.compile(r"AWS ([^:\s]+):(\S+)")
_SECONDS = re.compile(r"[0-9]{1,12}")
_MOMENT = "%Y%m%dT%H%M%SZ"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Signature:
    """A request's claim about its signer; `fits` checks it."""

    key_id: str
    service: str
    value: str
    request: Request
    #: For version 4: `<day>/<region>/<service>/aws4_request`, the time of signing, and the signed headers.
    scope: str = ""
    moment: str = ""
    headers: tuple[str, ...] = ()
    #: For a presigned address, the second until which it is valid.
    until: float | None = None

    def fits(self, secret: str) -> bool:
        """Return whether the owner of this secret signed exactly this request, and it is still valid."""
        if self.until is not None and time.time() > self.until:
            return False
        expected = _expected_of_v4(self, secret) if self.scope else _expected_of_v2(self, secret)
        return any(hmac.compare_digest(self.value.encode(), each.encode()) for each in expected)


def read_signature(request: Request) -> Signature | None:
    """Return a request's signature; None if it has none, or of an unknown kind."""
    header = request.header("Authorization")
    if match := _HEADER.fullmatch(header):
        return _of_v4(request, match[1], match[2], match[3], request.header("X-Amz-Date"))
    if match := _V2.fullmatch(header):
        return Signature(key_id=match[1], service="s3", value=match[2], request=request, moment=request.header("Date"))
    return None if header else _presigned(request)


def _presigned(request: Request) -> Signature | None:
    given = dict(parse_qsl(request.query, keep_blank_values=True))
    if "X-Amz-Signature" in given:
        names = ("X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date")
        signature = _of_v4(request, *(given.get(name, "") for name in names))
        ends = _end(given)
        return replace(signature, until=ends) if signature is not None and ends is not None else None
    if "AWSAccessKeyId" in given and _SECONDS.fullmatch(given.get("Expires", "")):
        until = given["Expires"]
        return Signature(
            key_id=given["AWSAccessKeyId"],
            service="s3",
            value=given.get("Signature", ""),
            request=request,
            moment=until,
            until=float(until),
        )
    return None


def _of_v4(request: Request, credential: str, headers: str, value: str, moment: str) -> Signature | None:
    match = _SCOPE.fullmatch(credential)
    if match is None:
        return None
    return Signature(
        key_id=match[1],
        service=match[3].lower(),
        value=value,
        request=request,
        scope=match[2],
        moment=moment,
        headers=tuple(headers.lower().split(";")),
    )


def _end(given: Mapping[str, str]) -> float | None:
    try:
        signed = datetime.strptime(given["X-Amz-Date"], _MOMENT).replace(tzinfo=timezone.utc)
        return signed.timestamp() + int(given["X-Amz-Expires"])
    except (KeyError, ValueError, OverflowError):
        return None


def _expected_of_v4(signature: Signature, secret: str) -> Iterator[str]:
    """Return the right signatures: one, or for S3 one for each way in which clients spell paths."""
    request = signature.request
    digest = _payload(signature)
    if digest is None:
        return
    key = _signing_key(secret, signature.scope)
    headers = [f"{name}:{_header(request, name)}" for name in signature.headers]
    for path in _paths(signature.service, request.path):
        lines = [request.method, path, _query(request.query), *headers, "", ";".join(signature.headers), digest]
        hashed = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{signature.moment}\n{signature.scope}\n{hashed}"
        yield hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=64)
def _signing_key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _paths(service: str, path: str) -> list[str]:
    """Return the signed forms of a path: for S3 as sent, or encoded again; for all others encoded twice."""
    if service != "s3":
        return [quote(normalize_url_path(path), safe="/~")]
    return list(dict.fromkeys([path, quote(unquote_to_bytes(path), safe="/~")]))


def _query(query: str) -> str:
    """Return the signed form of the parameters: in order, encoded in the one way, without the signature."""
    pairs = sorted((_anew(name), _anew(value)) for name, _, value in (each.partition("=") for each in query.split("&")))
    return "&".join(f"{name}={value}" for name, value in pairs if name not in {"", "X-Amz-Signature"})


def _anew(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")


def _header(request: Request, name: str) -> str:
    return ",".join(" ".join(value.split()) for key, value in request.headers if key.lower() == name)


def _payload(signature: Signature) -> str | None:
    """Return the signed digest of the body, which may be a word instead; None if it is of another body."""
    request = signature.request
    if signature.service == "s3" and signature.until is not None:
        return "UNSIGNED-PAYLOAD"
    told = request.header("X-Amz-Content-SHA256")
    if told and not _DIGEST.fullmatch(told):
        return told
    actual = hashlib.sha256(request.body).hexdigest()
    return actual if told in ("", actual) else None


def _expected_of_v2(signature: Signature, secret: str) -> Iterator[str]:
    """Return the right signatures, as botocore makes them: a bucket's path may be signed with a slash at its end."""
    request = signature.request
    given = parse_qsl(request.query, keep_blank_values=True) if signature.until is not None else []
    headers = HTTPMessage()
    for name, value in [*request.headers, *given]:
        if name not in headers:
            headers[name] = value
    signer = _SignedAt(Credentials("", secret), signature.moment)
    for path in (request.path, f"{request.path}/"):
        url = SplitResult("http", "s3", path, request.query, "")  # not parsed: whatever a stranger sends is no URL yet
        yield signer.get_signature(request.method, url, headers)  # type: ignore[arg-type]  # botocore's own kind


class _SignedAt(HmacV1Auth):
    """Signs as of a given moment; an address has it as the second of its expiry."""

    def __init__(self, credentials: Credentials, moment: str) -> None:
        super().__init__(credentials)
        self._moment = moment

    def _get_date(self) -> str:
        return self._moment
