"""AWS's refusals and failures, each as one sentence that says what to do."""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  (botocore's own, which Python's is no base of)
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, TokenRetrievalError, UnauthorizedSSOTokenError)
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_INVALID = ("UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId", "AuthFailure")
_DENIED = ("AccessDeniedException", "AccessDenied", "UnauthorizedOperation")
_PASSING = ("ServiceException", "TooManyRequestsException", "ThrottlingException", "Throttling")


@dataclass(frozen=True)
class Call:
    """A call to AWS, for messages."""

    #: As in `may not …`.
    what: str
    #: The action to allow, and on what.
    allow: str


def why_refused(error: ClientError | BotoCoreError, call: Call) -> str:
    """Return why a call failed, and what to do about it."""
    if isinstance(error, _CREDENTIALS):
        return f"There are no AWS credentials to {call.what} ({_ended(error)}). Log in, or set AWS_PROFILE."
    if isinstance(error, NoRegionError):
        return f"No AWS Region is set to {call.what}. Set AWS_REGION, or a region in your profile."
    if isinstance(error, EndpointConnectionError):
        return f"AWS can't be reached to {call.what}: {error}"
    if isinstance(error, ClientError):
        return _refused(error.response["Error"].get("Code", ""), error.response["Error"].get("Message", ""), call)
    return f"It failed to {call.what}: {error}"


def may_pass(error: ClientError | BotoCoreError) -> bool:
    """Whether the same call may succeed later: networks and services come back, permissions don't by themselves."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or status == 429 or error.response["Error"].get("Code", "") in _PASSING
    return isinstance(error, (HTTPClientError, ConnectionError))


def _refused(code: str, message: str, call: Call) -> str:
    if code in _DENIED:
        return f"You may not {call.what}: {message} Allow {call.allow}."
    if code in _EXPIRED:
        return f"Your AWS credentials have expired ({code}), so you can't {call.what}. Log in again."
    if code in _INVALID:
        return f"Your AWS credentials are not valid ({code}), so you can't {call.what}. Log in again."
    return f"AWS refused to {call.what} with {code}: {message}"


def _ended(error: Exception) -> str:
    return str(error).rstrip(".")
