"""Clients of AWS."""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from kedro_aws_batch.errors import ServiceError

#: A function answers within its time-out of 60 s.
_CONFIG = Config(connect_timeout=10, read_timeout=65, retries={"mode": "standard", "total_max_attempts": 3})


def client(name: str, region: str | None = None) -> Any:
    """Return a boto3 client; a Region that is not set is a sentence.

    AWS_REGION goes before the rest, as for the AWS CLI and osls; boto3 by itself reads AWS_DEFAULT_REGION alone.
    """
    region = region or os.environ.get("AWS_REGION")
    try:
        return boto3.client(name, region_name=region, config=_CONFIG)  # type: ignore[call-overload]  # any of them
    except BotoCoreError as error:
        raise ServiceError(
            f"AWS can't be called: {error} Set AWS_PROFILE, or AWS_REGION and credentials; "
            "or add --local, for runs on this machine.",
            "Refused",
        ) from error
