"""Saves a local run as it goes, so that little is lost however its command ends."""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.errors import ProjectError
from kedro_aws_batch.kept.place import folder, require_there

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kedro_aws_batch.client import RunState, RunSummary, Service, Started
    from kedro_aws_batch.kept.logs import KeptLogs
    from kedro_aws_batch.kept.state import State
    from kedro_aws_batch.show.display import Display

#: Saving takes at most one part in this many of the time.
SHARE = 10


@dataclass(frozen=True)
class _Remedy:
    """What to do if a run can't be saved."""

    meanwhile: str
    afterwards: str


_ROOM = _Remedy("Make room", "make room, then resume the run")
_GONE = _Remedy("Move it back", "resume the run in the folder that the project is in now")
_REMEDIES = {errno.ENOSPC: _ROOM, errno.EDQUOT: _ROOM, errno.ENOENT: _GONE}
_OTHERS = _Remedy("Make that place writable", "make that place writable, then resume the run")


def _remedy(error: OSError) -> _Remedy:
    return _REMEDIES.get(error.errno or 0, _OTHERS)


@dataclass
class Keeping:
    """The service of a local run. It saves the state whenever it describes a run that has changed."""

    service: Service
    state: State
    logs: KeptLogs
    display: Display
    clock: Callable[[], float] = time.monotonic
    _last: RunState | None = field(default=None, init=False)
    _told: Any = field(default=None, init=False)
    _next: float = field(default=0, init=False)
    _trouble: str = field(default="", init=False)

    def start_run(self, request: Mapping[str, Any]) -> Started:
        """Start a run."""
        started = self.service.start_run(request)
        self.describe_run(started.run_id)
        return started

    def describe_run(self, run_id: str) -> RunState:
        """Return the state of a run."""
        self._last = self.service.describe_run(run_id)
        try:
            self._keep(self._last)
        except OSError as error:
            self._warn(error)
        return self._last

    def list_runs(self, status: str | None = None, limit: int | None = None) -> list[RunSummary]:
        """Return runs, newest first."""
        return self.service.list_runs(status, limit)

    def cancel_run(self, run_id: str, reason: str | None = None) -> str:
        """Cancel a run and return its status."""
        return self.service.cancel_run(run_id, reason)

    def finish(self) -> None:
        """Save the state at the end of the command. Raises ProjectError if that fails.

        A run that nobody has described is in no list. If its items were saved, the next command's service would go on
        with it, so an interruption that comes before its description leaves nothing of it.
        """
        try:
            if self._last is not None:
                self.state.save(self._last)
            self.state.close()
        except OSError as error:
            raise ProjectError(
                f"The state of the run could not be saved in '{folder(self.state.project)}': {error.strerror}. "
                f"What was saved before is intact: {_remedy(error).afterwards}."
            ) from error

    def _keep(self, run: RunState) -> None:
        require_there(self.state.project)
        self.logs.keep(run)
        told = (run.status, run.settled, [(group.status, group.attempt) for group in run.groups])
        began = self.clock()
        if told != self._told and (run.over or began >= self._next):
            self.state.save(run)
            self._told, self._next = told, began + SHARE * (self.clock() - began)

    def _warn(self, error: OSError) -> None:
        """Say once that nothing more can be saved. The run goes on, and there may be room again later."""
        if self._trouble != error.strerror:
            self._trouble = str(error.strerror)
            place = folder(self.state.project)
            self.display.note(
                f"The run goes on, but can't be saved in '{place}': {error.strerror}. "
                f"{_remedy(error).meanwhile} before it ends.",
                "yellow",
            )
