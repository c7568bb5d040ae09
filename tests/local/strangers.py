"""Requests to the embedded AWS, byte for byte, from others than its own clients."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kedro_aws_batch.local import EmbeddedAws

#: boto3's Authorization header for a made-up key.
MADE_UP = (
    "AWS4-HMAC-SHA256 Credential={key}/20261122/us-east-1/{service}/aws4_request, "
    f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
)


def submission(aws: EmbeddedAws, mark: Path) -> bytes:
    """Return the body of a SubmitJob whose job would leave a mark."""
    command = ["python", "-c", f"open({str(mark)!r}, 'w')"]
    return json.dumps(
        {
            "jobName": "of-another",
            "jobQueue": aws.job_queue,
            "jobDefinition": aws.job_definition,
            "containerOverrides": {"command": command},
        }
    ).encode()


def send(
    url: str, path: str, body: bytes = b"", method: str = "POST", headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Return the status, the headers and the body of an answer."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def jobs(aws: EmbeddedAws) -> list[Any]:
    """Return all jobs there are."""
    client = aws.client("batch")
    filters: Any = [{"name": "JOB_NAME", "values": ["*"]}]
    return list(client.list_jobs(jobQueue=aws.job_queue, filters=filters)["jobSummaryList"])
