"""The promises for every run (docs/reliability.md), checked as jobs are accepted and when all is settled."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from dag.document import GraphDocument
from dag.records import Run
from dag.shards import View
from dag.status import RunStatus
from tests.simulation.batch import SimulatedJob

_KILLED = 137


class BrokenPromiseError(BaseException):
    """The protocol broke a promise. No handler of the functions can catch it."""


@dataclass
class History:
    """What has truly happened, whether or not anybody knows. Times are ms."""

    parents: Sequence[Sequence[int]]
    max_workers: int | None
    aborts: bool  #: whether a failure ends the run at once
    begun: int
    jobs: dict[int, list[SimulatedJob]] = field(default_factory=dict)  #: of each group
    succeeded: dict[int, int] = field(default_factory=dict)  #: when each group did
    failed: list[int] = field(default_factory=list)  #: when jobs failed
    alive: int = 0
    full_at: int = 0  #: when all places of `max_workers` were last taken
    submissions: list[int] = field(default_factory=list)  #: when SubmitJob accepted something
    ends: list[int] = field(default_factory=list)  #: when jobs ended
    run_ended: int | None = None

    def accepted(self, job: SimulatedJob, now: int) -> None:
        """Note that Batch has accepted a job, and check that it might be submitted."""
        group = group_of(job)
        for other in self.jobs.get(group, ()):
            if not other.over or other.exit_code != _KILLED:
                status = other.detail()["status"]
                raise BrokenPromiseError(f"{job.name} was submitted although there was {other.name} ({status})")
        for parent in self.parents[group]:
            if parent not in self.succeeded:
                raise BrokenPromiseError(f"{job.name} was submitted before group {parent} had succeeded")
        self.jobs.setdefault(group, []).append(job)
        self.alive += 1
        if not job.index:
            self.submissions.append(now)
        if self.max_workers is not None and self.alive > self.max_workers:
            raise BrokenPromiseError(
                f"{job.name} is one job too many: {self.alive} in flight, {self.max_workers} allowed"
            )

    def ended(self, job: SimulatedJob, now: int) -> None:
        """Note that a job that runs a node has ended."""
        if self.alive == self.max_workers:
            self.full_at = now
        self.alive -= 1
        self.ends.append(now)
        if job.succeeded:
            self.succeeded.setdefault(group_of(job), now)
        else:
            self.failed.append(now)

    def ready_at(self, group: int) -> int:
        """Return when a group could be submitted: its parents, its own last attempt and a place permitting."""
        parents = [self.succeeded[parent] for parent in self.parents[group]]
        attempts = [job.ended_at or 0 for job in self.jobs.get(group, ())]
        return max(self.begun, *parents, *attempts, self.full_at, 0)

    def work_since(self, moment: int) -> tuple[int, int]:
        """Return how many submissions were accepted and how many jobs ended since a moment."""
        return (
            len(self.submissions) - bisect_right(self.submissions, moment),
            len(self.ends) - bisect_right(self.ends, moment),
        )


def parents_of(document: GraphDocument) -> list[list[int]]:
    """Return each node's parents."""
    by_output = {node.outputs[0]: index for index, node in enumerate(document.nodes)}
    return [[by_output[name] for name in node.inputs] for node in document.nodes]


def group_of(job: SimulatedJob) -> int:
    """Return a job's group: in these graphs each group is one node, named by its number."""
    return int(job.nodes[0][1:])


def check_end(run: Run, history: History, announced: Collection[str]) -> None:
    """Raise unless a settled run's status and announcements agree with its jobs."""
    if not run.over:
        raise BrokenPromiseError("the run is off the list and still RUNNING")
    whole = len(history.succeeded) == run.groups_total
    if (run.status is RunStatus.SUCCEEDED) != (whole and run.status is not RunStatus.CANCELLED):
        raise BrokenPromiseError(
            f"the run is {run.status.value}, and {len(history.succeeded)} of {run.groups_total} groups succeeded"
        )
    if run.status is RunStatus.FAILED and not run.reason:
        raise BrokenPromiseError("the run FAILED without a reason")
    if {"start", "end"} - run.announced:
        raise BrokenPromiseError(f"only {sorted(run.announced)} was announced")
    if run.status.value not in announced:
        raise BrokenPromiseError("the end was not announced")
    if RunStatus.RUNNING.value not in announced:
        raise BrokenPromiseError("the start was not announced")


def check_counts(run: Run, view: View, counted: Counter[str], accepted: int) -> None:
    """Raise unless the metrics agree with what happened, whoever did it and however often it was reported."""
    jobs = [counted[name] for name in ("JobsSubmitted", "JobsEnded")]
    known = accepted if view.accounted() else sum(len(shard.submitted) for shard in view.shards.values())
    if jobs != [known, known - len(view.in_flight())]:
        raise BrokenPromiseError(f"of {known} jobs {jobs} were counted as submitted and ended")
    if not counted["RunsStarted"]:
        raise BrokenPromiseError("the start was not counted")
    if bool(counted["FailedRuns"]) != (run.status is RunStatus.FAILED):
        raise BrokenPromiseError(f"{counted['FailedRuns']} failed runs were counted of one {run.status.value}")
