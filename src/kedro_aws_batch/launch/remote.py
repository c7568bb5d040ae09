"""A run on AWS, by the deployed service."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.aws import client
from kedro_aws_batch.client import Service
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.graph.difference import explain_difference
from kedro_aws_batch.show.causes import in_cloudwatch
from kedro_aws_batch.show.outcome import Ending
from kedro_aws_batch.sizing import carries_on

from .execution import Execution, Watched, show_rehearsal, start, watch
from .follow import REMOTE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kedro_aws_batch.client import RunState
    from kedro_aws_batch.show.display import Display

    from .commands import Commands


@dataclass(frozen=True)
class RemoteRun:
    """A run to start on AWS."""

    #: The prefix of the functions' names.
    service: str
    #: The graph document of the project here: the deployed one must be the same.
    document: Mapping[str, Any]
    request: Mapping[str, Any]
    commands: Commands

    @property
    def whole_request(self) -> dict[str, Any]:
        """Return the request, which is refused for another graph."""
        return {**self.request, "graph_digest": self.document["digest"]}

    @property
    def carrying(self) -> bool:
        """Whether the run's containers may carry on."""
        return carries_on(self.document, self.request)


def rehearse_on_aws(run: RemoteRun, display: Display) -> int:
    """Print what would run, and return the exit code. Raises ServiceError if the deployed graph differs."""
    with differences_explained(run.document):
        return show_rehearsal(Service(run.service, client("lambda")), display, run.whole_request, carrying=run.carrying)


@contextmanager
def differences_explained(document: Mapping[str, Any]) -> Iterator[None]:
    """Say in the refusal of another graph how the deployed one differs from this document's."""
    try:
        yield
    except ServiceError as error:
        if error.type != "GraphMismatch":
            raise
        raise ServiceError(explain_difference(document, error.details), error.type) from error


def run_on_aws(run: RemoteRun, display: Display, wait: bool) -> Watched:
    """Start a run and, if wanted, show it until it has ended. Raises ServiceError if the deployed graph differs."""

    def ending(state: RunState) -> Ending:
        return Ending(client("logs"), run.commands.to("logs", state.run_id), run.commands.to)

    execution = Execution(
        service=Service(run.service, client("lambda"), in_cloudwatch(cache(lambda: client("logs")))),
        display=display,
        pace=REMOTE,
        ending=ending,
        commands=run.commands,
        carrying=run.carrying,
    )
    with differences_explained(run.document):
        started = start(execution, run.whole_request)
    if wait:
        return watch(execution, started)
    if started.groups:
        display.note(run.commands.way_back(started.run_id))
    return Watched(0)
