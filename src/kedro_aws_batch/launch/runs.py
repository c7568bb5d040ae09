"""Where runs are told of: by the deployed service, by a local run in progress, or by what finished local runs left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from kedro_aws_batch._service.dag.jobs import is_run_id
from kedro_aws_batch._service.dag.problems import listed
from kedro_aws_batch.aws import embedded_client
from kedro_aws_batch.client import RunSummary, Service
from kedro_aws_batch.errors import KedroAwsBatchError, ServiceError
from kedro_aws_batch.kept import state as kept
from kedro_aws_batch.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kedro_aws_batch.client import RunState

#: Runs among which a beginning of an id is looked up: as many as `list_runs` gives.
LOOKED_THROUGH = 100


class NoSuchRunError(KedroAwsBatchError):
    """There is no run by that name, or more than one."""


class Runs(Protocol):
    """What tells of runs."""

    def describe_run(self, run_id: str) -> RunState:
        """Return the state of a run."""
        ...

    def list_runs(self, status: str | None = None, limit: int | None = None) -> list[RunSummary]:
        """Return runs, newest first."""
        ...

    def cancel_run(self, run_id: str, reason: str | None = None, /) -> str:
        """Cancel a run and return its status."""
        ...


@dataclass(frozen=True)
class KeptRuns:
    """The finished local runs of a project."""

    project: Path

    def describe_run(self, run_id: str) -> RunState:
        """Return the state in which a run ended."""
        run = kept.kept_run(self.project, run_id)
        if run is None:
            raise ServiceError(f"There is no local run '{run_id}'.", "UnknownRun")
        return run

    def list_runs(self, status: str | None = None, limit: int | None = None) -> list[RunSummary]:
        """Return the runs, newest first."""
        found = [run for run in kept.kept_runs(self.project) if status in (None, run.status)]
        names = RunSummary.__dataclass_fields__
        return [RunSummary(**{name: getattr(run, name) for name in names}) for run in found[: limit or 20]]

    def cancel_run(self, run_id: str, _: str | None = None) -> str:
        """Return the status that a finished run has."""
        return self.describe_run(run_id).status


@dataclass(frozen=True)
class LocalRuns:
    """The local runs of a project, for whoever looks for long: the one in progress ends and joins the others."""

    project: Path

    def describe_run(self, run_id: str) -> RunState:
        """Return the state of a run."""
        return local_runs(self.project).describe_run(run_id)

    def list_runs(self, status: str | None = None, limit: int | None = None) -> list[RunSummary]:
        """Return the runs, newest first."""
        return local_runs(self.project).list_runs(status, limit)

    def cancel_run(self, run_id: str, reason: str | None = None) -> str:
        """Cancel a run and return its status."""
        return local_runs(self.project).cancel_run(run_id, reason)


def live_client(project: Path, name: str) -> Any | None:
    """Return a client of the embedded AWS in which a local run of the project is in progress, or None."""
    live = kept.live(project)
    if live is None:
        return None
    return embedded_client(name, live)


def local_runs(project: Path) -> Runs:
    """Return what tells of a project's local runs: the one in progress, if there is one."""
    live = kept.live(project)
    if live is None:
        return KeptRuns(project)
    service = Service(live.service, embedded_client("lambda", live))
    try:
        service.list_runs(limit=1)
    except ServiceError:
        return KeptRuns(project)  # it was killed, and could not say so
    return service


def find_run(runs: Runs, wanted: str | None, status: Sequence[str] = ()) -> str:
    """Return the id of a run: the only one whose id begins so, or the latest, of these statuses if any are given."""
    if wanted is not None and is_run_id(wanted):
        return wanted
    found = runs.list_runs(limit=LOOKED_THROUGH if wanted or status else 1)
    if not found:
        raise NoSuchRunError("There are no runs yet.")
    if wanted is None:
        return _latest(found, status)
    matching = [run.run_id for run in found if run.run_id.startswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise NoSuchRunError(
            f"{counted(len(matching), 'run')} begin with '{wanted}': {listed(matching)}. Give more of the id."
        )
    latest = listed((run.run_id for run in found), limit=3)
    none = "No run begins" if len(found) < LOOKED_THROUGH else f"Of the {LOOKED_THROUGH} newest runs none begins"
    raise NoSuchRunError(f"{none} with '{wanted}'. The latest: {latest}.")


def _latest(found: Sequence[RunSummary], status: Sequence[str]) -> str:
    matching = [run for run in found if run.status in status] if status else list(found)
    if not matching:
        newest = found[0]
        raise NoSuchRunError(f"No run is {' or '.join(status)}: the latest, {newest.run_id}, is {newest.status}.")
    return matching[0].run_id
