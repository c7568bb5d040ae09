"""Errors in a request or a document, in words that a person can act on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from .problems import Problem


class DagError(ValueError):
    """Base of every refusal; callers see the class's name, without `Error`, as the error type."""

    #: Details for programs, besides the message.
    details: Mapping[str, Any] | None = None
    #: The wrong field of a request, if it is one of the existing fields.
    field: str | None = None
    #: Whether the message may quote a request, which not everybody who reads logs may see.
    quotes_request = True

    @property
    def kind(self) -> str:
        """Return the error type in answers, as `InvalidRequest`."""
        return type(self).__name__.removesuffix("Error")


class InvalidGraphError(DagError):
    """The graph document can't be read, or is of another format."""

    quotes_request = False


class InvalidRequestError(DagError):
    """The request names something unknown, or asks for something impossible."""

    #: All problems, if there are several. The message has the first.
    problems: Sequence[Problem] = ()

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> InvalidRequestError:
        """Return the error for these problems."""
        more = f" ({len(problems) - 1} more like this.)" if len(problems) > 1 else ""
        error = cls(f"{problems[0]}{more}")
        error.problems = tuple(problems)
        return error


class NothingLeftError(InvalidRequestError):
    """The run to resume has done everything, and nothing of it has changed."""


class UnknownRunError(DagError):
    """There is no such run, or it is gone."""


class GraphMismatchError(DagError):
    """The caller's graph isn't the deployed one; the details are the deployed graph's fingerprints."""

    def __init__(self, message: str, deployed: Mapping[str, Any] | None) -> None:
        super().__init__(message)
        self.details = deployed


class ShapeMismatchError(DagError):
    """The request's parameters would need another graph than the deployed one."""


class NotAllowedError(DagError):
    """The request uses a queue or definition that the deployment doesn't list."""


class NotReadyError(DagError):
    """A queue or definition that the run needs doesn't exist, or takes no jobs at the moment."""

    quotes_request = False  # except the names of what the deployment allows


class NotSettledError(DagError):
    """The run to resume is over, but not all of its jobs have ended yet: ask again later."""


class SupersededError(DagError):
    """A container's question is obsolete: another attempt of its job runs, or its end is known."""


class RunTooLargeError(DagError):
    """The run is beyond a documented size."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` for the nearest of the known names, or nothing."""
    nearest = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{nearest[0]}'?" if nearest else ""
