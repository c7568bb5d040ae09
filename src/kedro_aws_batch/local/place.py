"""Where the embedded AWS is, as its clients see it."""

from __future__ import annotations

import os
from dataclasses import dataclass

#: moto's only account.
ACCOUNT = "123456789012"
#: Not checked by anything.
ACCESS_KEY = SECRET = "embedded"  # noqa: S105 - there is no account behind it


@dataclass(frozen=True)
class Place:
    """An account, a region and an endpoint."""

    region: str
    endpoint_url: str
    account: str = ACCOUNT

    @property
    def environment(self) -> dict[str, str]:
        """What makes an AWS client use the embedded AWS and nothing of the user's own account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"
