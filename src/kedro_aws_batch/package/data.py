"""The data that jobs may read and write, and that start_run may list: buckets, or parts of them, as policies."""

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
    _refuse_wrong(buckets)
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


def reuse_policy(buckets: Sequence[str]) -> dict[str, Any]:
    """Return the policy by which start_run lists the named buckets, or parts of them, and reads nothing in them.

    It is a template of its own, empty without buckets.
    """
    _refuse_wrong(buckets)
    if not buckets:
        return {"Resources": {}}
    of_bucket: dict[str, list[str]] = {}
    for name in sorted(set(buckets)):
        bucket, _, prefix = name.rstrip("/").partition("/")
        of_bucket.setdefault(bucket, []).append(f"{prefix}/*" if prefix else "")
    whole = [bucket for bucket, prefixes in of_bucket.items() if "" in prefixes]
    parts = {bucket: prefixes for bucket, prefixes in of_bucket.items() if "" not in prefixes}
    listed = [
        *([_listing("ListBuckets", [_bucket_arn(bucket) for bucket in whole])] if whole else []),
        *(_listing(f"ListParts{number}", [_bucket_arn(name)], parts[name]) for number, name in enumerate(parts)),
    ]
    policy = {"RoleName": {"Ref": "StartRunRole"}, **_policy("Reuse", listed)}
    return {"Resources": {"ReusePolicy": {"Type": "AWS::IAM::RolePolicy", "Properties": policy}}}


def _listing(sid: str, arns: Sequence[Mapping[str, str]], prefixes: Sequence[str] = ()) -> dict[str, Any]:
    condition = {"Condition": {"StringLike": {"s3:prefix": list(prefixes)}}} if prefixes else {}
    return {"Sid": sid, "Effect": "Allow", "Action": "s3:ListBucket", "Resource": list(arns), **condition}


def _refuse_wrong(buckets: Sequence[str]) -> None:
    for name in buckets:
        if wrong := wrong_bucket(name):
            raise PackageError(wrong)


def _policy(name: str, statements: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"PolicyName": name, "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)}}


def _bucket_arn(path: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{path}"}
