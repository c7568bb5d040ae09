"""The embedded AWS's place, as its clients see it."""

from __future__ import annotations

import base64
import os
import secrets
from dataclasses import dataclass, field

from kedro_aws_batch._service.dag import variables

#: moto's only account.
ACCOUNT = "123456789012"


@dataclass(frozen=True)
class AccessKey:
    """The key by which an embedded AWS recognises its owner."""

    id: str
    secret: str = field(repr=False)


def new_access_key() -> AccessKey:
    """Return an access key that nobody else knows, in AWS's form: 20 capital letters and digits, and a secret."""
    return AccessKey(f"EMBEDDED{base64.b32encode(secrets.token_bytes(10)).decode()[:12]}", secrets.token_urlsafe(30))


@dataclass(frozen=True)
class Place:
    """An account, a region and an endpoint."""

    region: str
    endpoint_url: str
    key: AccessKey
    account: str = ACCOUNT

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make an AWS client use only the embedded AWS, not the user's own account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.key.id,
            "AWS_SECRET_ACCESS_KEY": self.key.secret,
            variables.REGION: self.region,
            variables.DEFAULT_REGION: self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"
