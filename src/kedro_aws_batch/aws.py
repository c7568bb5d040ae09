"""Clients of AWS. boto3 is slow to import, so the first client imports it; reading local runs does without."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError

from kedro_aws_batch._service.dag import variables
from kedro_aws_batch.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kedro_aws_batch.kept.commands import Live


def client(name: str, region: str | None = None, *, hurried: bool = False) -> Any:
    """Return a boto3 client. Raises a sentence if no Region is set. A hurried one tries once, for three seconds.

    AWS_REGION wins, as for the AWS CLI and osls; boto3 by itself reads only AWS_DEFAULT_REGION.
    """
    from botocore.config import Config  # noqa: PLC0415

    # A function answers within its time-out of 60 s.
    config = Config(
        connect_timeout=3 if hurried else 10,
        read_timeout=65,
        retries={"mode": "standard", "total_max_attempts": 1 if hurried else 3},
    )
    try:
        return _boto3_client()(name, region_name=region or os.environ.get(variables.REGION), config=config)
    except BotoCoreError as error:
        raise ServiceError(
            f"AWS can't be called: {error} Set AWS_PROFILE, or AWS_REGION and credentials; "
            "or add --local, for runs on this machine.",
            "Refused",
        ) from error


def embedded_client(name: str, live: Live) -> Any:
    """Return a client of the embedded AWS of a local run in progress."""
    return _boto3_client()(
        name,
        endpoint_url=live.endpoint_url,
        region_name=live.region,
        aws_access_key_id=live.access_key_id,
        aws_secret_access_key=live.secret_access_key,
    )


def _boto3_client() -> Callable[..., Any]:
    import boto3  # noqa: PLC0415

    return boto3.Session().client  # the default session would keep the first credentials that it found
