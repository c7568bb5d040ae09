"""What can go wrong in the embedded AWS: mistakes of its user, and errors that an AWS API answers."""

from __future__ import annotations


class EmbeddedAwsError(Exception):
    """The embedded AWS can't do what it was asked to."""


class TemplateError(EmbeddedAwsError):
    """serverless.yml or one of its resources says something that isn't understood here."""


class ApiError(Exception):
    """An error that a client of the API gets, as AWS words it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class ClientException(ApiError):  # noqa: N818 - Batch's own name
    """Batch's answer to a request that it refuses."""

    def __init__(self, message: str) -> None:
        super().__init__("ClientException", message)
