"""Who may request what from the embedded AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from kedro_aws_batch.local.errors import ApiError
from kedro_aws_batch.local.signatures import read_signature

if TYPE_CHECKING:
    from kedro_aws_batch.local.loopback import Request
    from kedro_aws_batch.local.place import AccessKey


#: What a guest's writes may be about: objects. Whatever else S3 takes is about buckets, of which some would have S3
#: itself send events to queues, functions and the bus, which are no guest's to reach.
_OF_OBJECTS = frozenset(
    {
        "acl",
        "delete",
        "legal-hold",
        "partnumber",
        "restore",
        "retention",
        "select",
        "select-type",
        "tagging",
        "uploadid",
    }
    | {"uploads", "versionid"}
)
#: What an address is signed with, besides what begins with `X-Amz-`, and where an SDK says what it calls.
_OF_SIGNERS = frozenset({"awsaccesskeyid", "expires", "signature", "x-id"})


@dataclass(frozen=True)
class Admission:
    """Admits requests that the owner signed and, for S3 only, those signed with some other keys."""

    owner: AccessKey
    #: Access key id → secret.
    s3_keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    def service(self, request: Request) -> str:
        """Return the service of a request, if its sender may use that; ApiError says why not."""
        signature = read_signature(request)
        if signature is None:
            raise ApiError("MissingAuthenticationToken", "The embedded AWS answers only signed requests.", 403)
        for_s3 = signature.service == "s3"
        known = {**(self.s3_keys if for_s3 else {}), self.owner.id: self.owner.secret}
        secret = known.get(signature.key_id)
        if not signature.key_id or not secret:  # with no secret anybody signs
            raise ApiError(*_unknown_key(for_s3), 403)
        if not signature.fits(secret):
            raise ApiError("SignatureDoesNotMatch", "The request's signature is not that of its access key.", 403)
        if signature.key_id != self.owner.id and not _is_about_objects(request):
            raise ApiError("AccessDenied", "By this access key the embedded AWS takes and gives objects alone.", 403)
        return signature.service


def _is_about_objects(request: Request) -> bool:
    """Return whether a request to S3 reads, or writes objects: their buckets are made, emptied and removed at the most.

    It is told by the parameters alone, wherever they stand: what is taken for a bucket is for moto to say.
    """
    if request.method in {"GET", "HEAD"}:
        return True
    names = {name.lower() for name, _ in parse_qsl(request.query, keep_blank_values=True)}
    return all(name in _OF_OBJECTS | _OF_SIGNERS or name.startswith("x-amz-") for name in names)


def _unknown_key(for_s3: bool) -> tuple[str, str]:
    if for_s3:
        known = "Its S3 takes the one in the jobs' environment, and those in the catalog's credentials."
        return "InvalidAccessKeyId", f"The embedded AWS doesn't know this access key. {known}"
    known = "It takes the one in the jobs' environment."
    return "UnrecognizedClientException", f"The embedded AWS doesn't know this access key. {known}"
