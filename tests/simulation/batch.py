"""AWS Batch in virtual time, as boto3's client shows it to the real adapter."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, NoReturn

from botocore.exceptions import ClientError, ReadTimeoutError

from benchmarks.aws.time import Bucket
from dag import limits, variables
from dag.payload import characters, unpacked
from dag.slices import read_slice, unit


@dataclass
class SimulatedJob:
    """A job, and its future."""

    job_id: str
    name: str
    queue: str
    accepted_at: int
    lasts: int  #: ms from its acceptance to its end
    exit_code: int
    memory: int | None
    nodes: tuple[str, ...] = ()
    index: int | None = None  #: of an array's child
    priority: int | None = None
    definition: str = ""
    size: int | None = None  #: of an array's parent, which ends when all its children have
    waits_for: str | None = None  #: why it stays RUNNABLE
    attempts_before: list[Any] = field(default_factory=list)  #: which Batch made on hosts that were reclaimed
    ended_at: int | None = None
    reason: str | None = None
    foreign: bool = False  #: somebody's copy of one of ours
    going: int = 0  #: of an array's parent, how many of its children have not ended

    @property
    def over(self) -> bool:
        """Return whether it has ended."""
        return self.ended_at is not None

    @property
    def succeeded(self) -> bool:
        """Return whether it has ended well."""
        return self.over and self.reason is None and self.exit_code == 0

    def detail(self) -> dict[str, Any]:
        """Return its description in DescribeJobs and in events."""
        status = "RUNNING" if not self.over else "SUCCEEDED" if self.succeeded else "FAILED"
        detail: dict[str, Any] = {
            "jobId": self.job_id,
            "jobName": self.name,
            "status": status,
            "createdAt": self.accepted_at,
            "startedAt": self.accepted_at,
            "attempts": list(self.attempts_before),
            "container": {},
        }
        if self.waits_for is not None:
            detail |= {"status": "RUNNABLE", "statusReason": self.waits_for, "startedAt": None}
        if self.index is not None:
            detail["arrayProperties"] = {"index": self.index}
        if self.size is not None:
            detail["arrayProperties"] = {"size": self.size}
        if self.over:
            detail["stoppedAt"] = self.ended_at
            named = {"logConfiguration": {"options": {"awslogs-group": "/aws/batch/simulated"}}}
            detail["container"] = {"logStreamName": f"log/{self.job_id}", **named}
            if self.reason is None:
                detail["container"]["exitCode"] = self.exit_code
            if self.attempts_before:
                detail["attempts"].append({"startedAt": self.accepted_at, "stoppedAt": self.ended_at})
            detail["statusReason"] = self.reason or "Essential container in task exited"
        return detail


#: Answers a job's question: its run, whom it asks, and its index in an array.
Door = Callable[[str, Mapping[str, str], "int | None"], Mapping[str, Any]]


def nobody(run_id: str, whom: Mapping[str, str], _: int | None) -> NoReturn:
    """Answer nothing: jobs with small requests needn't ask."""
    raise AssertionError(f"{whom['job']} of {run_id} has nobody to ask")


def units(group: Mapping[str, Any]) -> list[str]:
    """Return the nodes of a payload's group, each with its slice."""
    part = read_slice(group.get("slice"))
    return [unit(node, part) for node in group["nodes"]]


def groups_of(request: Mapping[str, Any], door: Door) -> list[Mapping[str, Any]]:
    """Return what each job of a request runs; like the jobs, it asks if the request says so."""
    overrides = request["containerOverrides"]
    assert characters(overrides) <= 8_192, "Container Overrides length must be at most 8192"
    told = json.loads({pair["name"]: pair["value"] for pair in overrides["environment"]}[variables.JOB])
    if "ask" not in told:
        return list(unpacked(told)["groups"])
    size = request.get("arrayProperties", {}).get("size")
    indices = [None] if size is None else range(size)
    return [group for index in indices for group in door(told["run_id"], told["ask"], index)["groups"]]


@dataclass
class Faults:
    """How often faults happen, as probabilities of a call or a message."""

    throttled: float = 0.0
    lost_before: float = 0.0  #: SubmitJob was not accepted, and nobody can tell
    lost_after: float = 0.0  #: SubmitJob was accepted, and nobody can tell
    job_fails: float = 0.0
    out_of_memory: float = 0.0
    lose_event: float = 0.0
    repeat_event: float = 0.0
    crash: float = 0.0  #: at any single call
    stale_list: float = 0.0  #: ListJobs does not show a job yet
    copied: float = 0.0  #: somebody submits a job of the same name again
    dynamodb_twice: float = 0.0  #: DynamoDB's answer is lost, and the SDK asks again
    on: bool = field(default=True)


class SimulatedBatch:
    """The adapter's calls of Batch's client; `call` hears of each before it takes effect."""

    def __init__(
        self,
        rng: random.Random,
        now: Callable[[], int],
        call: Callable[[str], None],
        hear: Callable[[str, SimulatedJob], None],
        faults: Faults,
    ) -> None:
        self.jobs: dict[str, SimulatedJob] = {}
        self.counts: dict[str, int] = {}
        self.quota: Bucket | None = None  #: of submissions
        self.failing = False  #: whether all calls are answered 5xx
        self.losing: Mapping[int, str] = {}  #: the SubmitJobs, by number, whose "request" or "answer" is lost
        self._accepted = 0
        self._listings: dict[str, list[SimulatedJob]] = {}
        self.queues: frozenset[str] | None = None  #: the existing queues; None for any
        self.definitions: frozenset[str] | None = None
        self.door: Door = nobody
        self.revision = 1  #: the newest active one of every definition
        self.trouble: dict[str, str] = {}  #: the queues' descriptions, if something is wrong with them
        self.denied = False  #: whether submitting is not allowed
        self.unasked = False  #: whether asking for queues is not allowed
        self.behind: dict[str, str] = {}  #: the same for their compute environments
        self.meta = SimpleNamespace(region_name="eu-west-1")
        self._rng = rng
        self._now = now
        self._called = call
        self._hear = hear
        self._faults = faults

    def submit_job(self, **request: Any) -> dict[str, str]:
        self._call("SubmitJob")
        spent = self.quota is not None and not self.quota.take(self._now(), 1)
        if spent or self._happens(self._faults.throttled):
            _refuse("TooManyRequestsException", 429)
        number = self.counts["SubmitJob"]
        if self.losing.get(number) == "request" or self._happens(self._faults.lost_before):
            raise ReadTimeoutError(endpoint_url="batch")
        if self.denied:
            _refuse("AccessDeniedException", 403, "not authorized to perform: batch:SubmitJob")
        self._check(request)
        job = self._accept(request)
        if self.losing.get(number) == "answer" or self._happens(self._faults.lost_after):
            raise ReadTimeoutError(endpoint_url="batch")
        return {"jobId": job.job_id, "jobName": job.name}

    def _check(self, request: Mapping[str, Any]) -> None:
        if self.queues is not None and request["jobQueue"] not in self.queues:
            _refuse("ClientException", 400, f"Job queue {request['jobQueue']} does not exist")
        if self.definitions is not None and request["jobDefinition"].partition(":")[0] not in self.definitions:
            _refuse("ClientException", 400, f"Job definition {request['jobDefinition']} does not exist")

    def _accept(self, request: Mapping[str, Any]) -> SimulatedJob:
        size = request.get("arrayProperties", {}).get("size")
        groups = groups_of(request, self.door)
        job_id = f"job-{self._accepted}"
        self._accepted += 1
        if size is None:
            return self._start(request, job_id, units(groups[0]))
        assert size == len(groups) >= 2
        parent = SimulatedJob(
            job_id, request["jobName"], request["jobQueue"], self._now(), 0, 0, None, size=size, going=size
        )
        self.jobs[job_id] = parent
        for index, entry in enumerate(groups):
            self._start(request, f"{job_id}:{index}", units(entry), index)
        return parent

    def _start(
        self, request: Mapping[str, Any], job_id: str, nodes: Sequence[str], index: int | None = None
    ) -> SimulatedJob:
        needs = {need["type"]: need["value"] for need in request["containerOverrides"].get("resourceRequirements", ())}
        exit_code = 0
        if self._happens(self._faults.job_fails):
            exit_code = 1
        elif self._happens(self._faults.out_of_memory):
            exit_code = 137
        job = SimulatedJob(
            job_id,
            request["jobName"],
            request["jobQueue"],
            self._now(),
            self._rng.choice((0, 10, 1_000, 20_000, 200_000)) + self._rng.randrange(1_000),
            exit_code,
            int(needs["MEMORY"]) if "MEMORY" in needs else None,
            tuple(nodes),
            index,
            request.get("schedulingPriorityOverride"),
            request["jobDefinition"],
        )
        self.jobs[job.job_id] = job
        self._hear("accepted", job)
        return job

    def copy(self, job: SimulatedJob, exit_code: int, lasts: int) -> None:
        """Submit a job again under its name, an array with its children, as a user may in the console."""
        parent = self.jobs[job.job_id.partition(":")[0]]
        for each in (parent, *self.children(parent)):
            first, colon, index = each.job_id.partition(":")
            copied = replace(
                each,
                job_id=f"{first}-copy{colon}{index}",
                accepted_at=self._now() + 1,
                ended_at=None,
                reason=None,
                exit_code=exit_code,
                lasts=lasts,
                foreign=True,
                going=each.size or 0,
            )
            self.jobs.setdefault(copied.job_id, copied)
            self._hear("copied", copied)

    def delete_queues(self) -> None:
        """Delete all queues; jobs in them end."""
        self.queues = frozenset()
        for job in list(self.jobs.values()):
            if job.size is None and not job.over:
                self.end(job, "Job queue was deleted")

    @property
    def work(self) -> list[SimulatedJob]:
        """Return the jobs that run nodes: all except arrays' parents and copies."""
        return [job for job in self.jobs.values() if job.size is None and not job.foreign]

    def children(self, parent: SimulatedJob) -> list[SimulatedJob]:
        """Return an array's children."""
        return [self.jobs[f"{parent.job_id}:{index}"] for index in range(parent.size or 0)]

    def describe_job_queues(self, jobQueues: Sequence[str] = ()) -> dict[str, Any]:  # noqa: N803
        self._call("DescribeJobQueues")
        if self.unasked:
            _refuse("AccessDeniedException", 403, "not authorized to perform: batch:DescribeJobQueues")
        up = {"state": "ENABLED", "status": "VALID", **self.trouble}
        there = jobQueues if self.queues is None else self.queues.intersection(jobQueues) if jobQueues else self.queues
        order = [{"order": 1, "computeEnvironment": "arn:environment"}]
        return {"jobQueues": [{"jobQueueName": name, "computeEnvironmentOrder": order, **up} for name in there]}

    def describe_compute_environments(self, computeEnvironments: Sequence[str]) -> dict[str, Any]:  # noqa: N803
        self._call("DescribeComputeEnvironments")
        up = {"computeEnvironmentName": "environment", "state": "ENABLED", "status": "VALID", **self.behind}
        return {"computeEnvironments": [{"computeEnvironmentArn": arn, **up} for arn in computeEnvironments]}

    def describe_job_definitions(self, jobDefinitionName: str | None = None, **_: Any) -> dict[str, Any]:  # noqa: N803
        self._call("DescribeJobDefinitions")
        asked = set() if jobDefinitionName is None else {jobDefinitionName}
        there = asked if self.definitions is None else self.definitions & asked if asked else self.definitions
        return {"jobDefinitions": [{"jobDefinitionName": name, "revision": self.revision} for name in sorted(there)]}

    def describe_jobs(self, jobs: Sequence[str]) -> dict[str, Any]:
        self._call("DescribeJobs")
        assert limits.DESCRIBE_JOBS.allows(len(jobs)), limits.DESCRIBE_JOBS.answer(len(jobs))
        return {"jobs": [self.jobs[job_id].detail() for job_id in jobs if job_id in self.jobs]}

    def list_jobs(self, **request: Any) -> dict[str, Any]:
        self._call("ListJobs")
        if self.queues is not None and request["jobQueue"] not in self.queues:
            _refuse("ClientException", 400, f"Job queue {request['jobQueue']} does not exist")
        (wanted,) = request["filters"][0]["values"]
        matching = self._listings.pop(request.get("nextToken", ""), None) or self._matching(request["jobQueue"], wanted)
        page, rest = matching[: limits.LIST_JOBS_FILTERED.most], matching[limits.LIST_JOBS_FILTERED.most :]
        summaries = [{"jobId": job.job_id, "jobName": job.name, "createdAt": job.accepted_at} for job in page]
        if not rest:
            return {"jobSummaryList": summaries}
        token = f"{wanted} {len(self._listings)}"
        self._listings[token] = rest
        return {"jobSummaryList": summaries, "nextToken": token}

    def _matching(self, queue: str, wanted: str) -> list[SimulatedJob]:
        seen = self._now() - (30_000 if self._happens(self._faults.stale_list) else 0)
        listed = [job for job in self.jobs.values() if job.index is None and job.queue == queue]
        return [job for job in listed if _matches(job.name, wanted) and job.accepted_at <= seen]

    def terminate_job(self, **request: str) -> dict[str, str]:
        self._call("TerminateJob")
        job = self.jobs[request["jobId"]]
        for ended in [job] if job.size is None else self.children(job):
            if not ended.over:
                self.end(ended, request["reason"])
        return {}

    def end(self, job: SimulatedJob, reason: str | None = None) -> None:
        """End a job, because its time has come or for a given reason."""
        job.ended_at, job.reason = self._now(), reason
        self._hear("ended", job)
        if job.index is not None:
            parent = self.jobs[job.job_id.partition(":")[0]]
            parent.going -= 1
            if not parent.going:
                siblings = self.children(parent)
                parent.exit_code = max(sibling.exit_code for sibling in siblings)
                parent.ended_at, parent.reason = self._now(), next((s.reason for s in siblings if s.reason), None)
                self._hear("ended", parent)

    def _call(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1
        self._called(name)
        if self.failing:
            _refuse("ServerException", 500)

    def _happens(self, probability: float) -> bool:
        return self._faults.on and probability > 0 and self._rng.random() < probability


def _matches(name: str, wanted: str) -> bool:
    """Return whether a name fits a filter of ListJobs, which may end with `*` and ignores case."""
    if wanted.endswith("*"):
        return name.lower().startswith(wanted[:-1].lower())
    return name.lower() == wanted.lower()


def _refuse(code: str, status: int, message: str = "") -> NoReturn:
    answer: Any = {"Error": {"Code": code, "Message": message or code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    raise ClientError(answer, "SubmitJob")
