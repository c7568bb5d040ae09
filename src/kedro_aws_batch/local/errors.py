"""Errors of the embedded AWS: mistakes of its user, and errors that an AWS API answers."""

from __future__ import annotations


class EmbeddedAwsError(Exception):
    """The embedded AWS can't do what was asked."""


class TemplateError(EmbeddedAwsError):
    """serverless.yml or one of its resources has something that isn't understood here."""


class ApiError(Exception):
    """An error for a client of the API, in AWS's words."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class ClientException(ApiError):  # noqa: N818 - Batch's own name
    """Batch's answer to a request that it refuses."""

    def __init__(self, message: str) -> None:
        super().__init__("ClientException", message)
