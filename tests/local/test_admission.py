"""Who may request what from the embedded AWS: holders of its key, for S3 also its guests, and nobody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import multiprocessing
import os
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import boto3
import pytest
from botocore.client import Config
from botocore.exceptions import ClientError

from kedro_aws_batch.local import EmbeddedAws

from .strangers import MADE_UP, jobs, send, submission
from .support import submit, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOBODY = 65534
GUEST = ("AKIDGUEST", "guest-secret")
#: What own_keys never finds, and a caller of EmbeddedAws may still hand over.
BLANK = {"": "", "AKIDBLANK": ""}
BUCKETS = ("private", "another")
ODD = "ä b/_c+d~e=f&g'(h)*"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with EmbeddedAws(jobs_cwd=tmp_path_factory.mktemp("project"), s3_keys={**BLANK, **dict([GUEST])}) as running:
        for bucket in BUCKETS:
            running.client("s3").create_bucket(Bucket=bucket)
            running.client("s3").put_object(Bucket=bucket, Key=ODD, Body=b"kept")
        yield running


def client_of(aws: EmbeddedAws, service: str, key: tuple[str, str] | None = None, **config: Any) -> Any:
    key_id, secret = key or (aws.access_key.id, aws.access_key.secret)
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, proxies={}, **config),
    )


def refusal(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**given)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    return str(caught.value.response["Error"]["Code"])


@pytest.mark.parametrize("headers", [{}, {"Authorization": "x"}, {"Authorization": "AWS a:b"}], ids=str)
def test_an_unsigned_submission_runs_nothing(aws: EmbeddedAws, tmp_path: Path, headers: dict[str, str]) -> None:
    status, _, _ = send(aws.endpoint_url, "/v1/submitjob", submission(aws, tmp_path / "mark"), headers=headers)
    assert (status, jobs(aws)) == (403, [])


@pytest.mark.parametrize("key", ["embedded", "AKIDGUEST", "the owner's"])
def test_a_submission_that_is_signed_by_guesswork_runs_nothing(aws: EmbeddedAws, tmp_path: Path, key: str) -> None:
    key_id = aws.access_key.id if key == "the owner's" else key
    headers = {"Authorization": MADE_UP.format(key=key_id, service="batch"), "X-Amz-Date": "20261122T000000Z"}
    status, _, _ = send(aws.endpoint_url, "/v1/submitjob", submission(aws, tmp_path / "mark"), headers=headers)
    assert (status, jobs(aws)) == (403, [])


def submit_unsigned(url: str, body: bytes, answers: Any) -> None:
    """Become another user and do as that user would."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    headers = {"Authorization": MADE_UP.format(key="embedded", service="batch")}
    answers.put([send(url, "/v1/submitjob", body, headers=given)[0] for given in ({}, headers)])


@pytest.mark.skipif(not hasattr(os, "setuid") or os.getuid() != 0, reason="only root can become another user")
def test_another_user_of_the_machine_runs_nothing(aws: EmbeddedAws, tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    answers = fork.SimpleQueue()
    other = fork.Process(target=submit_unsigned, args=(aws.endpoint_url, submission(aws, tmp_path / "m"), answers))
    other.start()
    other.join(30)
    assert (other.exitcode, answers.get(), jobs(aws)) == (0, [403, 403], [])


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks into /proc")  # noqa: PTH112
def test_the_secret_is_in_no_process_s_arguments(aws: EmbeddedAws) -> None:
    job = wait_for(aws, submit(aws, ["python", "-c", "import time; time.sleep(1)"]), "RUNNING")
    arguments = []
    for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                arguments.append(file.read())
        except OSError:
            continue
    assert job["status"] == "RUNNING"
    assert not [each for each in arguments if aws.access_key.secret in each]
    wait_for(aws, job["jobId"])


@pytest.mark.parametrize(
    ("service", "operation", "given"),
    [
        ("batch", "describe_job_queues", {}),
        ("dynamodb", "list_tables", {}),
        ("events", "list_rules", {}),
        ("lambda", "invoke", {"FunctionName": "start_run"}),
        ("logs", "describe_log_groups", {}),
        ("sqs", "list_queues", {}),
        ("iam", "list_roles", {}),
        ("sts", "get_caller_identity", {}),
        ("s3", "list_buckets", {}),
    ],
)
def test_each_service_refuses_keys_and_secrets_that_are_not_its_own(
    aws: EmbeddedAws, service: str, operation: str, given: dict[str, Any]
) -> None:
    unknown = "InvalidAccessKeyId" if service == "s3" else "UnrecognizedClientException"
    made_up, wrong = (
        client_of(aws, service, ("embedded", "embedded")),
        client_of(aws, service, (aws.access_key.id, "x")),
    )
    assert refusal(getattr(made_up, operation), **given) == unknown
    assert refusal(getattr(wrong, operation), **given) == "SignatureDoesNotMatch"
    if service != "s3":
        assert refusal(getattr(client_of(aws, service, GUEST), operation), **given) == unknown


def test_a_guest_of_s3_reads_and_writes_there(aws: EmbeddedAws) -> None:
    guest = client_of(aws, "s3", GUEST)
    guest.put_object(Bucket="private", Key="of/guest", Body=b"x" * 100_000)
    assert guest.get_object(Bucket="private", Key=ODD)["Body"].read() == b"kept"
    assert refusal(client_of(aws, "s3", ("AKIDGUEST", "wrong")).list_buckets) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("key_id", BLANK)
def test_a_key_without_a_secret_opens_nothing(aws: EmbeddedAws, key_id: str) -> None:
    expires = int(time.time()) + 60
    text = f"GET\n\n\n{expires}\n/private/{quote(ODD, safe='/~')}"
    signature = base64.b64encode(hmac.new(b"", text.encode(), hashlib.sha1).digest()).decode()
    signed = urlencode({"AWSAccessKeyId": key_id, "Expires": expires, "Signature": signature})
    status, _, body = send(aws.endpoint_url, f"/private/{quote(ODD, safe='/~')}?{signed}", method="GET")
    assert (status, b"InvalidAccessKeyId" in body or b"UnrecognizedClient" in body) == (403, True)


TOLD = {
    "QueueConfigurations": [{"QueueArn": "arn:aws:sqs:us-east-1:123456789012:told", "Events": ["s3:ObjectCreated:*"]}]
}


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_guest_has_s3_tell_no_other_service(aws: EmbeddedAws, version: str) -> None:
    url = aws.client("sqs").create_queue(QueueName="told")["QueueUrl"]
    guest = client_of(aws, "s3", GUEST, signature_version=version)
    change = guest.put_bucket_notification_configuration
    given: Any = {"Bucket": "another", "NotificationConfiguration": TOLD}
    assert refusal(change, **given) == "AccessDenied"
    for query in ("%6eotification", "Notification&notification=", "x-id=x&notification", "delete&notification"):
        guest.meta.events.register("before-sign", lambda request, query=query, **_: ask(request, query), query)
        assert refusal(change, **given) in {"AccessDenied", "SignatureDoesNotMatch"}
        guest.meta.events.unregister("before-sign", unique_id=query)
    guest.put_object(Bucket="another", Key="told", Body=b"")
    assert "Messages" not in aws.client("sqs").receive_message(QueueUrl=url)


def ask(request: Any, query: str) -> None:
    """Have a request ask for what another query says."""
    request.url = f"{request.url.partition('?')[0]}?{query}"


def test_a_guest_does_with_objects_what_clients_do(aws: EmbeddedAws) -> None:
    guest = client_of(aws, "s3", GUEST)
    guest.create_bucket(Bucket="of-a-guest")
    upload = guest.create_multipart_upload(Bucket="of-a-guest", Key="parts")["UploadId"]
    named = {"Bucket": "of-a-guest", "Key": "parts", "UploadId": upload}
    etag = guest.upload_part(PartNumber=1, Body=b"x", **named)["ETag"]
    guest.complete_multipart_upload(MultipartUpload={"Parts": [{"ETag": etag, "PartNumber": 1}]}, **named)
    guest.copy_object(Bucket="of-a-guest", Key="copy", CopySource="of-a-guest/parts")
    guest.put_object_tagging(Bucket="of-a-guest", Key="copy", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    guest.delete_objects(Bucket="of-a-guest", Delete={"Objects": [{"Key": "copy"}, {"Key": "parts"}]})
    assert guest.list_objects_v2(Bucket="of-a-guest")["KeyCount"] == 0
    guest.delete_bucket(Bucket="of-a-guest")


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize(
    ("method", "bucket", "key"),
    [("POST", "v1", "submitjob"), ("GET", "latest", "meta-data/"), ("GET", "moto-api", "data.json")],
)
def test_what_is_signed_for_s3_is_answered_by_s3_alone(
    aws: EmbeddedAws, tmp_path: Path, version: str, method: str, bucket: str, key: str
) -> None:
    guest = client_of(aws, "s3", GUEST, signature_version=version)
    url = guest.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, HttpMethod=method)
    body = submission(aws, tmp_path / "mark") if method == "POST" else b""
    before = jobs(aws)
    status, _, _ = send(aws.endpoint_url, url.removeprefix(aws.endpoint_url), body, method)
    assert (status >= 400, jobs(aws)) == (True, before)  # moto's S3 fails on a POST of JSON


FORM = (
    b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/x"
    b"&RoleSessionName=session&WebIdentityToken=x"
)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"X-Amz-Target": "AWSCognitoIdentityService.ListIdentityPools"}, b'{"MaxResults": 1}'),
        ({"Content-Type": "application/x-www-form-urlencoded"}, FORM),
    ],
)
def test_no_header_and_no_body_has_another_service_answer_what_is_signed_for_s3(
    aws: EmbeddedAws, headers: dict[str, str], body: bytes
) -> None:
    """Of an address that is signed, moto would take either for another service's request."""
    guest = client_of(aws, "s3", GUEST, signature_version="s3v4")
    path = guest.generate_presigned_url("list_buckets", HttpMethod="POST").removeprefix(aws.endpoint_url)
    assert b"<ListAllMyBucketsResult" in send(aws.endpoint_url, path, body, headers=headers)[2]


@pytest.mark.parametrize("version", [None, "s3v4"])
def test_a_presigned_address_does_what_it_says_and_nothing_else(aws: EmbeddedAws, version: str | None) -> None:
    client = client_of(aws, "s3", signature_version=version)

    def presigned(operation: str, seconds: int = 60, **params: str) -> str:
        url: str = client.generate_presigned_url(operation, Params={"Bucket": "private", **params}, ExpiresIn=seconds)
        return url.removeprefix(aws.endpoint_url)

    path = presigned("get_object", Key=ODD)
    assert send(aws.endpoint_url, path, method="GET")[::2] == (200, b"kept")
    for wrong in (path.replace("private", "another"), path[:-3] + "xxx", presigned("get_object", -1, Key=ODD)):
        assert send(aws.endpoint_url, wrong, method="GET")[0] == 403
    put = presigned("put_object", Key="put", ContentType="a/b")
    assert send(aws.endpoint_url, put, b"sent", "PUT", {"Content-Type": "a/b"})[0] == 200
    assert client.get_object(Bucket="private", Key="put")["Body"].read() == b"sent"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_both_versions_of_signatures_sign_whole_requests(aws: EmbeddedAws, version: str) -> None:
    client = client_of(aws, "s3", signature_version=version)
    client.put_object(Bucket="private", Key=f"{version}/{ODD}", Body=b"12", Metadata={"a": "b  c"})
    listed = client.list_objects_v2(Bucket="private", Prefix=f"{version}/{ODD[:5]}", Delimiter="&")
    assert client.get_object(Bucket="private", Key=f"{version}/{ODD}")["Metadata"] == {"a": "b  c"}
    assert listed["KeyCount"] == 1
    wrong = client_of(aws, "s3", (aws.access_key.id, "wrong"), signature_version=version)
    assert refusal(wrong.get_object, Bucket="private", Key=ODD) == "SignatureDoesNotMatch"


def test_another_body_than_the_signed_one_is_refused(aws: EmbeddedAws) -> None:
    client = client_of(aws, "s3")
    sent: list[Any] = []

    def swap(request: Any, **_: Any) -> None:
        request.body = b"swapped"
        request.headers["Content-Length"] = "7"
        sent.append(request)

    client.meta.events.register("before-send.s3.PutObject", swap)
    assert refusal(client.put_object, Bucket="private", Key="swapped", Body=b"1234567") == "SignatureDoesNotMatch"
    assert len(sent) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/", "/private", f"/private/{quote(ODD)}", "//private", "http://s3.amazonaws.com/private"]
)
def test_nobody_reads_or_writes_without_a_signature(aws: EmbeddedAws, method: str, path: str) -> None:
    assert send(aws.endpoint_url, path, method=method)[0] == 403


@pytest.mark.parametrize(
    "path", ["/moto-api/", "/moto-api/reset", "/moto-api/data.json", "/%6doto-api/reset", "/favicon.ico"]
)
def test_not_even_the_owner_reaches_what_is_moto_s_own(aws: EmbeddedAws, path: str) -> None:
    client = client_of(aws, "batch")
    client.meta.events.register("before-sign", lambda request, **_: setattr(request, "url", aws.endpoint_url + path))
    assert refusal(client.describe_job_queues) in {"AccessDenied", "SignatureDoesNotMatch"}


def test_answers_are_for_no_page_to_read(aws: EmbeddedAws) -> None:
    client = client_of(aws, "s3")
    headers = client.list_buckets()["ResponseMetadata"]["HTTPHeaders"]
    assert [name for name in headers if name.startswith("access-control")] == []


def test_the_next_embedded_aws_has_another_key(aws: EmbeddedAws) -> None:
    from kedro_aws_batch.local.place import new_access_key  # noqa: PLC0415

    other = new_access_key()
    assert other.id != aws.access_key.id
    assert other.secret != aws.access_key.secret
    assert aws.access_key.secret not in repr(aws.access_key)
