"""The saved local runs, each as last described; if its command was killed before its end, it was cut off."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag.status import IN_FLIGHT
from kedro_aws_batch.client import read_state
from kedro_aws_batch.files import write_atomically

from .commands import in_progress_now
from .place import folder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from kedro_aws_batch.client import GroupState, RunState

KEPT_RUNS = 100
#: The reason of a run whose command was killed, or whose terminal was closed.
CUT_OFF = "cut off: the command that ran it was ended before it"
_OF_A_JOB = "cut off with the command that ran it"


@dataclass(frozen=True)
class KeptRun:
    """A run as last described, by a command that may still be in progress."""

    state: RunState
    command: str = ""

    def is_cut_off(self, living: Collection[str]) -> bool:
        """Return whether no living command is left to end the run."""
        return not self.state.over and self.command not in living


def save_run(project: Path, state: RunState, command: str = "") -> None:
    """Save a run as `describe_run` last described it; only the last runs are kept."""
    place = folder(project) / "runs"
    write_atomically(place / f"{state.run_id}.json", json.dumps({**asdict(state), "command": command}).encode())
    for old in sorted(place.glob("*.json"))[:-KEPT_RUNS]:
        old.unlink(missing_ok=True)


def raw_runs(project: Path) -> Iterator[KeptRun]:
    """Return the saved runs, newest first, as last described."""
    for file in sorted((folder(project) / "runs").glob("*.json"), reverse=True):
        if (found := _read(file)) is not None:
            yield found


def kept_runs(project: Path) -> Iterator[KeptRun]:
    """Return the same, with cut-off runs marked as such."""
    living = in_progress_now(project)
    for kept in raw_runs(project):
        yield replace(kept, state=cut_off(kept.state)) if kept.is_cut_off(living) else kept


def kept_run(project: Path, run_id: str) -> KeptRun | None:
    """Return a saved run, or None."""
    file = folder(project) / "runs" / f"{run_id}.json"
    # `run_id` may be anything that a user typed or put into an address.
    kept = _read(file) if file.name == f"{run_id}.json" else None
    if kept is None or not kept.is_cut_off(in_progress_now(project)):
        return kept
    kept = _read(file) or kept  # read again now that its command has surely ended
    return kept if kept.state.over else replace(kept, state=cut_off(kept.state))


def cut_off(state: RunState) -> RunState:
    """Return a run that nobody will end, in its final state."""
    groups = tuple(_cut_off(group, state.now) for group in state.groups)
    counts = Counter(state.counts)
    counts.subtract(group.status for group in state.groups)
    counts.update(group.status for group in groups)
    settled = replace(state, groups=groups, counts=dict(counts), blocked=(), settled=True)
    return settled if state.ended else replace(settled, status="CANCELLED", reason=CUT_OFF, ended_at=state.now)


def _cut_off(group: GroupState, now: int | None) -> GroupState:
    if group.status in IN_FLIGHT:
        return replace(group, status="CANCELLED", reason=_OF_A_JOB, ended_at=now, job_status=None)
    return replace(group, status="SKIPPED") if group.status == "WAITING" else group


def _read(file: Path) -> KeptRun | None:
    """Return the run in a file, or None if there is none: another command may have removed the oldest."""
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    return KeptRun(read_state(found), found.get("command", ""))
