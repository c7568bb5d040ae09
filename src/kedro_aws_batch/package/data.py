"""The data that jobs may read and write: buckets, or parts of them, and the policies of the jobs' role."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from kedro_aws_batch.package.errors import PackageError

#: From the S3 user guide, "General purpose bucket naming rules", without the endings that only other buckets have.
_BUCKET = re.compile(
    r"(?!xn--|sthree-|(\d+\.){3}\d+(/|$))(?![^/]*\.\.)(?=[^/]{3,63}(/|$))[a-z0-9]([a-z0-9.-]*[a-z0-9])?(/[^*?${}]+)?"
)


def wrong_bucket(name: str) -> str | None:
    """Return why a name is not a bucket, nor `name/prefix` of a part of one, or None."""
    if _BUCKET.fullmatch(name):
        return None
    return (
        f"'{name}' is not a bucket: write its name, or name/prefix for a part of it, without s3://. A name has 3 to 63 "
        "lower-case letters, digits, hyphens and single dots."
    )


#: The permission that a job's role needs to ask for a payload that doesn't fit into the job's request.
ASK: Mapping[str, Any] = {
    "Sid": "AskWhatToRun",
    "Effect": "Allow",
    "Action": "lambda:InvokeFunction",
    "Resource": {
        "Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-next_group"
    },
}


def job_policies(buckets: Sequence[str]) -> list[dict[str, Any]]:
    """Return the policies of the jobs' role: for the named buckets, or parts of them, and for their own payload."""
    for name in buckets:
        if wrong := wrong_bucket(name):
            raise PackageError(wrong)
    whole = sorted({name.partition("/")[0] for name in buckets})
    objects = sorted({f"{name.rstrip('/')}/*" for name in buckets})
    if not buckets:
        return [_policy("Ask", [ASK])]
    statements = [
        {
            "Sid": "FindData",
            "Effect": "Allow",
            "Action": [
                "s3:GetBucketLocation",
                "s3:ListBucket",
                "s3:ListBucketMultipartUploads",
                "s3:ListBucketVersions",
            ],
            "Resource": [_bucket_arn(name) for name in whole],
        },
        {
            "Sid": "ReadAndWriteData",
            "Effect": "Allow",
            "Action": [
                "s3:AbortMultipartUpload",
                "s3:DeleteObject",
                "s3:GetObject",
                "s3:GetObjectVersion",
                "s3:ListMultipartUploadParts",
                "s3:PutObject",
            ],
            "Resource": [_bucket_arn(name) for name in objects],
        },
    ]
    return [_policy("Data", statements), _policy("Ask", [ASK])]


def _policy(name: str, statements: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"PolicyName": name, "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)}}


def _bucket_arn(path: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{path}"}
