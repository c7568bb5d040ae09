"""The errors of the plugin: each message says what, which one, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class KedroAwsBatchError(Exception):
    """Base of all errors that the plugin raises on purpose; the command line shows only its message."""


class ProjectError(KedroAwsBatchError):
    """The Kedro project, its environment or its configuration can't be read."""


def missing_packages(what: str, error: ImportError, extra: str) -> ProjectError:
    """Return what to raise where an extra of the plugin is not installed. `what` needs it, in the plural."""
    return ProjectError(f"{what} need more packages ({error}): pip install 'kedro-aws-batch[{extra}]'.")


class PayloadError(KedroAwsBatchError):
    """A job's payload makes no sense."""


class ImageError(KedroAwsBatchError):
    """The project in a job's image doesn't match the run's graph."""


class SliceError(KedroAwsBatchError):
    """A split node can't run on a slice, or would save data of another slice."""


class ServiceError(KedroAwsBatchError):
    """The service refused a request, failed, or can't be reached."""

    def __init__(self, message: str, type_: str = "Unreachable", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        #: The service's error type (`UnknownRun`, …); or `Unreachable`, which may pass; or `Refused` or `Failed`.
        self.type = type_
        #: The service's details besides the message.
        self.details = details
