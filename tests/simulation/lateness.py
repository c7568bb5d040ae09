"""How late each step of a run came after it could be taken, without the work that had to be done before it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from dag.status import RunStatus
from tests.simulation.batch import SimulatedJob
from tests.simulation.promises import BrokenPromiseError, History, group_of

#: ms of an invocation for each submission and each ended job, 429s included: half of 50 a second.
A_SUBMISSION, AN_END = 40, 15
STEPS = ("submitted", "ended", "terminated", "start announced", "end announced", "settled")
#: Steps that need EventBridge; reconcile finds what its events would tell in any case.
_PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_BY_EVENT = ("start announced", "end announced", "settled")


@dataclass
class Lateness:
    """The latest of each kind of step, in ms."""

    history: History
    #: From when until when a step could not be taken, each time.
    excused: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    worst: dict[str, int] = field(default_factory=dict)
    which: dict[str, str] = field(default_factory=dict)

    def excuse(self, service: str, begins: int, until: int) -> None:
        """Note that a service is out between two moments: whatever waits for it then is not late before the second."""
        for step in _BY_EVENT if service == "EventBridge" else STEPS:
            self.excused.setdefault(step, []).append((begins, until))

    def submitted(self, job: SimulatedJob, now: int) -> None:
        """Note that a job is submitted now. Call it before the history knows."""
        self._note("submitted", job.name, self.history.ready_at(group_of(job)), now)

    def run_ended(self, status: RunStatus, now: int) -> None:
        """Note that the run's end is written down now."""
        history = self.history
        if status is RunStatus.CANCELLED:
            return
        if len(history.succeeded) == len(history.parents):
            self._note("ended", "the run", max(history.succeeded.values()), now)
        elif history.failed and history.aborts:
            self._note("ended", "the run", history.failed[0], now)
        elif history.failed and not history.alive:
            self._note("ended", "the run", history.ends[-1], now)

    def job_ended(self, job: SimulatedJob, now: int) -> None:
        """Note that a job has ended now: if the run was over, it had to be terminated."""
        ended = self.history.run_ended
        if ended is not None:
            self._note("terminated", job.name, max(ended, job.accepted_at), now)

    def announced(self, what: str, now: int) -> None:
        """Note that the start or the end is announced now."""
        since = self.history.run_ended if what == "end" else self.history.begun
        self._note(f"{what} announced", "the run", now if since is None else since, now)

    def settled(self, now: int) -> None:
        """Note that the run is off the list now."""
        self._note("settled", "the run", max(self.history.run_ended or now, *self.history.ends[-1:], 0), now)

    def _note(self, step: str, which: str, since: int, now: int) -> None:
        since = max([since, *(until for begins, until in self.excused.get(step, ()) if begins <= now)])
        submissions, ends = self.history.work_since(since)
        late = now - since - submissions * A_SUBMISSION - ends * AN_END
        if late > self.worst.get(step, -1):
            self.worst[step], self.which[step] = max(0, late), which

    def check(self, bounds: Mapping[str, int]) -> None:
        """Raise if a step came later than its bound, in ms, allows."""
        for step, late in self.worst.items():
            if late > bounds[step]:
                raise BrokenPromiseError(f"{self.which[step]} was {step} {late} ms late, of at most {bounds[step]}")


@cache
def stated() -> dict[str, dict[str, int]]:
    """Return, by fault, how late each step may come in ms, from the seconds in docs/reliability.md."""
    rows = re.findall(r"^\| ([^|]+?) \| (\d+) s \| (\d+) s \|", _PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    bounds = {name: (int(step) * 1000, int(off) * 1000) for name, step, off in rows}
    return {name: dict.fromkeys(STEPS, step) | {"settled": off} for name, (step, off) in bounds.items()}
