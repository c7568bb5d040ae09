"""Everything that botocore signs is recognised as signed, and nothing that differs from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from kedro_aws_batch.local.admission import Admission
from kedro_aws_batch.local.errors import ApiError
from kedro_aws_batch.local.loopback import Request
from kedro_aws_batch.local.place import AccessKey
from kedro_aws_batch.local.signatures import read_signature

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = Credentials("EMBEDDEDABCDEFGHIJKL", "the-secret")
SEGMENTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), min_size=1, max_size=3)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
HEADERS = st.dictionaries(
    st.sampled_from(["X-Amz-Target", "Content-Type", "X-Amz-Meta-A_b"]), st.text("ab  ;=/", max_size=10), max_size=2
)


def signed(service: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Request:
    """Return a request as it comes out of a client."""
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(KEY, service, "eu-west-1")
    return _sent(signer, path, query, headers, body)


def presigned(service: str, path: str, query: Mapping[str, str]) -> Request:
    signer = (S3SigV4QueryAuth if service == "s3" else SigV4QueryAuth)(KEY, service, "eu-west-1", expires=60)
    return _sent(signer, path, query, {}, b"")


def _sent(signer: Any, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Request:
    parts = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query.items())
    url = f"http://127.0.0.1:1{quote(path, safe='/~')}" + (f"?{parts}" if parts else "")
    request = AWSRequest(method="GET" if not body else "PUT", url=url, headers=dict(headers), data=body)
    signer.add_auth(request)
    prepared = request.prepare()
    sent = [(name, value if isinstance(value, str) else value.decode()) for name, value in prepared.headers.items()]
    target = prepared.url.removeprefix("http://127.0.0.1:1")
    return Request(str(prepared.method), target, [("Host", "127.0.0.1:1"), *sent], body)


def fits(request: Request, secret: str = "the-secret") -> bool:  # noqa: S107
    signature = read_signature(request)
    return signature is not None and signature.key_id == KEY.access_key and signature.fits(secret)


@given(
    service=st.sampled_from(["s3", "batch", "dynamodb", "lambda"]),
    segments=SEGMENTS,
    query=st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=3),
    headers=HEADERS,
    body=st.binary(max_size=20),
)
def test_what_botocore_signs_fits_and_nothing_else_does(
    service: str, segments: list[str], query: dict[str, str], headers: dict[str, str], body: bytes
) -> None:
    request = signed(service, "/" + "/".join(segments), query, headers, body)
    assert fits(request)
    assert not fits(request, "another secret")
    assert not fits(replace(request, method="DELETE"))
    assert not fits(replace(request, target=request.target + ("&" if request.query else "?") + "more=1"))
    assert not fits(replace(request, target="/other" + request.target))
    assert not fits(replace(request, body=body + b"."))
    assert not fits(replace(request, headers=[*request.headers, ("Host", "evil.example")]))


@given(service=st.sampled_from(["s3", "sts"]), segments=SEGMENTS, query=st.dictionaries(TEXTS.filter(bool), TEXTS))
def test_a_presigned_address_fits_as_it_is(service: str, segments: list[str], query: dict[str, str]) -> None:
    request = presigned(service, "/" + "/".join(segments), query)
    assert fits(request)
    assert not fits(replace(request, target=request.target.replace("X-Amz-Expires=60", "X-Amz-Expires=600")))
    assert not fits(replace(request, method="PUT"))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer x",
        "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=" + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=a/20261122/r/s3/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=a/20261122/r/s3/aws4_request, SignedHeaders=host, Signature=" + "é" * 64,
    ],
)
@pytest.mark.parametrize("more", ["", "&X-Amz-Credential=a/20261122/r/s3/aws4_request&X-Amz-Date=x"])
def test_what_is_half_a_signature_is_none(header: str, more: str) -> None:
    assert (
        read_signature(
            Request("GET", f"/?X-Amz-Signature=0{more}", [("Host", "localhost"), ("Authorization", header)], b"")
        )
        is None
    )


#: Of what a request that is nobody's may consist: what nearly is a signature, and what no number or address is.
PIECES = st.sampled_from(
    [
        *(
            "OWNER",
            "GUEST",
            "20261122",
            "s3",
            "batch",
            "host",
            "[",
            "//",
            "%0A",
            "\x00",
            "é",
            "²",
            "٣",
            "-1",
            "9" * 5000,
        ),
        *(
            "AWS GUEST:x",
            "OWNER/20261122/r/s3/aws4_request",
            "20261122T000000Z",
            "99991231T235959Z",
            "9" * 400,
            "=",
            "",
        ),
        "AWS4-HMAC-SHA256 Credential=OWNER/20261122/r/s3/aws4_request, SignedHeaders=host;;, Signature=" + "0" * 64,
    ]
)
NAMED = ("Authorization", "X-Amz-Date", "Date", "X-Amz-Content-SHA256", "Content-Type")
OF_V4 = ("X-Amz-Signature", "X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires")
OF_V2 = ("AWSAccessKeyId", "Expires", "Signature")
QUERIES: st.SearchStrategy[dict[str, str]] = st.sampled_from(
    [
        (OF_V4, {"X-Amz-Credential": st.just("OWNER/20261122/r/s3/aws4_request")}),
        (OF_V4, {"X-Amz-Credential": PIECES, "X-Amz-Date": st.just("20261122T000000Z")}),
        (OF_V2, {"AWSAccessKeyId": st.sampled_from(["OWNER", "GUEST"])}),
        (OF_V2, {"AWSAccessKeyId": st.just("GUEST"), "Expires": st.just("99999999999")}),
    ]
).flatmap(lambda kind: st.fixed_dictionaries({**dict.fromkeys(kind[0], PIECES), **kind[1]}))


@given(path=PIECES, query=QUERIES, headers=st.dictionaries(st.sampled_from(NAMED), PIECES, max_size=2))
def test_whatever_nobody_signed_is_refused_and_no_error(
    path: str, query: dict[str, str], headers: dict[str, str]
) -> None:
    target = f"{path}?{'&'.join(f'{name}={value}' for name, value in query.items())}"
    admission = Admission(AccessKey("OWNER", "a-secret"), {"GUEST": "another"})
    with pytest.raises(ApiError) as refused:
        admission.service(Request("GET", target, [("Host", "localhost"), *headers.items()], b""))
    assert refused.value.status == 403
