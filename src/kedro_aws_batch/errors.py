"""The errors of the plugin: each message says what, which one, and what to do about it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class KedroAwsBatchError(Exception):
    """Base of all that the plugin raises on purpose; the command line shows its message and nothing else."""


class ProjectError(KedroAwsBatchError):
    """The Kedro project, its environment or its configuration can't be read."""


class PayloadError(KedroAwsBatchError):
    """What a job was told to run makes no sense."""


class ServiceError(KedroAwsBatchError):
    """The service refused a request, failed, or can't be reached."""

    def __init__(self, message: str, type_: str = "Unreachable") -> None:
        super().__init__(message)
        #: The service's error type (`UnknownRun`, …), or `Unreachable` or `Failed`.
        self.type = type_


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` with the nearest known name, or an empty text."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""


def listed(names: Iterable[str], limit: int = 5) -> str:
    """Return names in quotes, the first few of them, for a sentence."""
    quoted = [f"'{name}'" for name in names]
    more = f" and {len(quoted) - limit} more" if len(quoted) > limit else ""
    return ", ".join(quoted[:limit]) + more
