"""The sources of runs: the deployed service, local runs in progress, and the state of ended local runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.jobs import is_run_id
from kedro_aws_batch._service.dag.problems import listed
from kedro_aws_batch._service.dag.records import MOST_LISTED
from kedro_aws_batch._service.dag.status import RESUMABLE
from kedro_aws_batch.aws import embedded_client
from kedro_aws_batch.client import RunSummary, Service
from kedro_aws_batch.errors import KedroAwsBatchError, ServiceError
from kedro_aws_batch.kept.commands import in_progress_now
from kedro_aws_batch.kept.logs import kept_causes, local_causes
from kedro_aws_batch.kept.runs import kept_run, kept_runs
from kedro_aws_batch.show.outcome import LAST_WORDS, end_of_log
from kedro_aws_batch.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kedro_aws_batch.client import Runs, RunState
    from kedro_aws_batch.kept.runs import KeptRun


class NoSuchRunError(KedroAwsBatchError):
    """There is no run by that name, or more than one."""


@dataclass(frozen=True)
class LocalRuns:
    """The local runs of a project: running ones from their commands, and ended ones from files."""

    project: Path

    def describe_run(self, run_id: str) -> RunState:
        """Return the state of a run."""
        kept = self._kept(run_id)
        service = self._living(kept)
        if service is None:
            return self._told(kept)
        try:
            return service.describe_run(run_id)
        except ServiceError as error:
            if error.type != "Unreachable":
                raise
            return self._told(self._kept(run_id))  # its command has just ended

    def request_of(self, run_id: str) -> Mapping[str, Any]:
        """Return the request of a run that is to be resumed. Raises ServiceError if another command still has it."""
        state = self.describe_run(run_id)
        if state.over:
            return state.request
        if state.ended:
            raise ServiceError(
                f"Run {run_id} is {state.status}, but its command is still ending its jobs. Try again in a minute.",
                "NotSettled",
            )
        raise ServiceError(
            f"Run {run_id} is {state.status} in another command: wait for its end, or cancel it, then resume it.",
            "NotSettled",
        )

    def list_runs(self, status: str | None = None, limit: int | None = None) -> list[RunSummary]:
        """Return the runs, newest first."""
        found: list[RunSummary] = []
        for kept in kept_runs(self.project):
            state = self._told(kept) if kept.state.over else self.describe_run(kept.state.run_id)
            if status in (None, state.status):
                found.append(RunSummary(**{name: getattr(state, name) for name in RunSummary.__dataclass_fields__}))
            if len(found) == (limit or 20):
                break
        return found

    def cancel_run(self, run_id: str, reason: str | None = None) -> str:
        """Cancel a run and return its status; a run that has ended keeps its own."""
        kept = self._kept(run_id)
        service = self._living(kept)
        if service is None:
            return kept.state.status
        try:
            return service.cancel_run(run_id, reason)
        except ServiceError as error:
            ended = self._kept(run_id).state
            if error.type != "Unreachable" or not ended.over:
                raise
            return ended.status

    def _living(self, kept: KeptRun) -> Service | None:
        return None if kept.state.over else _service(self.project, kept.command)

    def _told(self, kept: KeptRun) -> RunState:
        return kept_causes(self.project, kept.state.run_id)(kept.state)

    def _kept(self, run_id: str) -> KeptRun:
        kept = kept_run(self.project, run_id)
        if kept is None:
            raise ServiceError(f"There is no local run '{run_id}'.", "UnknownRun")
        return kept


def live_client(project: Path, run_id: str, name: str) -> Any | None:
    """Return a client of the embedded AWS in which a local run is in progress, or None once it has ended."""
    kept = kept_run(project, run_id)
    live = None if kept is None or kept.state.over else in_progress_now(project).get(kept.command)
    return None if live is None else embedded_client(name, live)


def _service(project: Path, command: str) -> Service | None:
    """Return the service of a command in progress."""
    live = in_progress_now(project).get(command)
    if live is None:
        return None
    causes = local_causes(project, lambda group: end_of_log(embedded_client("logs", live), group, LAST_WORDS)[0])
    return Service(live.service, embedded_client("lambda", live), causes)


def find_run(runs: Runs, wanted: str | None, status: Sequence[str] = ()) -> str:
    """Return the id of a run: the only one that begins so, or else the latest, with one of these statuses if given."""
    if wanted is not None and is_run_id(wanted):
        return wanted
    found = runs.list_runs(limit=MOST_LISTED if wanted or status else 1)
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
    none = "No run begins" if len(found) < MOST_LISTED else f"Of the {MOST_LISTED} newest runs none begins"
    raise NoSuchRunError(f"{none} with '{wanted}'. The latest: {latest}.")


def find_resumable(runs: Runs, wanted: str | None) -> str:
    """Return the id of a run to resume: the one that is wanted, or else the latest that left something to do.

    A run that a later one has resumed has left nothing if that one succeeded. If it didn't, that is the later one.
    """
    if wanted is not None:
        return find_run(runs, wanted)
    found = runs.list_runs(limit=MOST_LISTED)
    if not found:
        raise NoSuchRunError("There are no runs yet.")
    failed, done = [run for run in found if run.status in RESUMABLE], _done_since(found)
    left = [run.run_id for run in failed if run.run_id not in done]
    if failed and not left:
        raise NoSuchRunError(
            f"No run is left to resume: {failed[0].run_id} {failed[0].status}, but a run that resumed it SUCCEEDED. "
            "To resume it all the same, give its id."
        )
    return left[0] if left else _latest(found, RESUMABLE)


def _done_since(found: Sequence[RunSummary]) -> set[str]:
    """Return the runs, of these with the newest first, that ended well: by themselves, or by runs that resumed them."""
    done = {run.run_id for run in found if run.status == "SUCCEEDED"}
    for run in found:
        if run.run_id in done and run.resumed_from is not None:
            done.add(run.resumed_from)
    return done


def _latest(found: Sequence[RunSummary], status: Sequence[str]) -> str:
    matching = [run for run in found if run.status in status] if status else list(found)
    if not matching:
        newest = found[0]
        raise NoSuchRunError(f"No run is {' or '.join(status)}: the latest, {newest.run_id}, is {newest.status}.")
    return matching[0].run_id
