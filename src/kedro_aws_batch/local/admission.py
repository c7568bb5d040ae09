"""Who may ask the embedded AWS for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kedro_aws_batch.local.errors import ApiError
from kedro_aws_batch.local.signatures import read_signature

if TYPE_CHECKING:
    from kedro_aws_batch.local.loopback import Request
    from kedro_aws_batch.local.place import AccessKey


@dataclass(frozen=True)
class Admission:
    """Lets in what the owner signed, and to S3 alone what the owners of some other keys did."""

    owner: AccessKey
    #: Access key id → secret.
    s3_keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    def service(self, request: Request) -> str:
        """Return the service that a request is for, if whoever sent it may ask that; ApiError says why not."""
        signature = read_signature(request)
        if signature is None:
            raise ApiError("MissingAuthenticationToken", "The embedded AWS answers none but signed requests.", 403)
        for_s3 = signature.service == "s3"
        known = {**(self.s3_keys if for_s3 else {}), self.owner.id: self.owner.secret}
        secret = known.get(signature.key_id)
        if secret is None:
            raise ApiError(*_unknown_key(for_s3), 403)
        if not signature.fits(secret):
            raise ApiError("SignatureDoesNotMatch", "The request's signature is not that of its access key.", 403)
        return signature.service


def _unknown_key(for_s3: bool) -> tuple[str, str]:
    if for_s3:
        known = "Its S3 takes the one that jobs have in their environment, and those in the credentials of the catalog."
        return "InvalidAccessKeyId", f"The embedded AWS doesn't know this access key. {known}"
    known = "It takes the one that jobs have in their environment."
    return "UnrecognizedClientException", f"The embedded AWS doesn't know this access key. {known}"
