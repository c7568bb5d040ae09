"""What can be wrong with a request or a document, said so that a person can act on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from .problems import Problem


class DagError(ValueError):
    """Base of every refusal; the class's name, without `Error`, is the error type that callers see."""

    #: What a program may make of it, besides the message.
    details: Mapping[str, Any] | None = None
    #: Of a request: the field that is wrong, if it is one of those there are.
    field: str | None = None
    #: Whether the message may quote a request, which not all who read logs may read.
    quotes_request = True

    @property
    def kind(self) -> str:
        """Return the error type in answers, as `InvalidRequest`."""
        return type(self).__name__.removesuffix("Error")


class InvalidGraphError(DagError):
    """The graph document can't be read, or is of another format."""

    quotes_request = False


class InvalidRequestError(DagError):
    """The request names what doesn't exist, or asks for what can't be."""

    #: Where several things are wrong: all of them. The message has the first.
    problems: Sequence[Problem] = ()

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> InvalidRequestError:
        """Return the error that tells of these problems."""
        more = f" ({len(problems) - 1} more like this.)" if len(problems) > 1 else ""
        error = cls(f"{problems[0]}{more}")
        error.problems = tuple(problems)
        return error


class UnknownRunError(DagError):
    """There is no such run, or no longer."""


class GraphMismatchError(DagError):
    """The caller's graph isn't the deployed one; the details are the fingerprints of that."""

    def __init__(self, message: str, deployed: Mapping[str, Any] | None) -> None:
        super().__init__(message)
        self.details = deployed


class ShapeMismatchError(DagError):
    """The request's parameters mean another graph than the deployed one."""


class NotAllowedError(DagError):
    """The request uses a queue or definition that the deployment doesn't list."""


class NotReadyError(DagError):
    """A queue or definition that the run needs isn't there, or takes no jobs at the moment."""

    quotes_request = False  # but for the names of what the deployment allows


class NotSettledError(DagError):
    """The run that is to be resumed is over, but not all of its jobs have ended yet: it may be asked again."""


class SupersededError(DagError):
    """A container asks what is nobody's business any more: another attempt of its job runs, or its end is known."""


class RunTooLargeError(DagError):
    """The run is beyond a documented size."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` for the nearest of the known names, or nothing."""
    nearest = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{nearest[0]}'?" if nearest else ""
