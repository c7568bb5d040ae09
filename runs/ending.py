"""Finishes runs that are over: ends their jobs, learns from them, announces them. Repeating any of it is harmless."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from adapters.ports import LARGEST_PIECE, Ports
from dag.durations import dump_durations, learn, load_durations
from dag.plan import Plan
from dag.records import OUR_REASON, Run
from dag.shards import View
from dag.status import RunStatus
from runs.announcing import announce
from runs.reading import in_turn, read_jobs, read_outcomes


@dataclass(frozen=True)
class WoundUp:
    """What was done for a run that is over."""

    terminated: int
    whole: bool  #: whether there was time for all of it


def wind_up(ports: Ports, plan: Plan, run: Run, view: View) -> WoundUp:
    """Terminate what is in flight, then announce the run's end.

    The view has to be read after the status: then the submitter or whoever ends the run sees the other.
    """
    wound_up = WoundUp(0, whole=True)
    if in_flight := view.in_flight():
        # Terminating an array's parent terminates its children, all of which belong to this run. Events report the ends
        # of terminated jobs; if time runs short, the next invocation begins with other jobs.
        jobs = read_jobs(ports.table, plan, in_flight)
        wound_up = terminate(ports, run, in_turn([job.job_id for job in jobs], ports.clock.now()))
    if "start" not in run.announced:
        announce(ports, plan, replace(run, status=RunStatus.RUNNING, reason=None, ended_at=None), view)
    if "end" not in run.announced:
        _learn(ports, plan)
        announce(ports, plan, run, view)
    return wound_up


def terminate(ports: Ports, run: Run, job_ids: Sequence[str]) -> WoundUp:
    """Terminate jobs of a run that is over, with their arrays."""
    reason = f"{OUR_REASON}the run is {run.status.value}: {run.reason or 'no reason given'}"[:400]
    submitted = list(dict.fromkeys(job_id.partition(":")[0] for job_id in job_ids))
    done = ports.queue.terminate(submitted, reason)
    return WoundUp(done, whole=done == len(submitted))


def _learn(ports: Ports, plan: Plan) -> None:
    """Learn how long the run's groups took, for the order in which later runs submit theirs."""
    known = load_durations(ports.table.get_durations(plan.project, plan.environment))
    learned = learn(known, plan, read_outcomes(ports.table, plan.run_id, 0, len(plan.groups) - 1))
    if learned != known:
        ports.table.put_durations(plan.project, plan.environment, dump_durations(learned, LARGEST_PIECE))
