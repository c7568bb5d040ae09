"""AWS Batch in virtual time: accepted jobs begin when their hosts let them, last as their nodes do, and succeed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from adapters.job_queue import BatchJobQueue
from benchmarks.aws import figures
from benchmarks.aws.containers import Containers
from benchmarks.aws.hosts import Hosts, refusal
from benchmarks.aws.time import Bucket, Timeline
from tests.simulation.batch import Door, groups_of, nobody, units

Json = dict[str, Any]


@dataclass(frozen=True)
class Work:
    """A job that runs a node: an array's child, or a single one."""

    job_id: str
    name: str
    index: int | None
    accepted: float
    begun: float
    ends: float
    request: Mapping[str, Any]
    refused: str | None = None  #: why its task never ran

    def detail(self, now: float) -> Json:
        """Return its description in DescribeJobs and in its events, with the fields that Batch documents."""
        over = now >= self.ends
        container = self._container()
        detail: Json = {
            "jobArn": f"arn:aws:batch:us-east-1:123456789012:job/{self.job_id}",
            "jobName": self.name,
            "jobId": self.job_id,
            "jobQueue": f"arn:aws:batch:us-east-1:123456789012:job-queue/{self.request['jobQueue']}",
            "status": self._status(now),
            "attempts": [],
            "createdAt": int(self.accepted),
            "retryStrategy": self.request["retryStrategy"],
            "dependsOn": [],
            "jobDefinition": f"arn:aws:batch:us-east-1:123456789012:job-definition/{self.request['jobDefinition']}:1",
            "parameters": {},
            "tags": self.request["tags"],
            "platformCapabilities": ["EC2"],
            "container": container,
        }
        if self.index is not None:
            detail["arrayProperties"] = {"index": self.index, "statusSummary": {}}
        if self.refused:
            return detail | {"stoppedAt": int(self.ends), "statusReason": self.refused}
        if now >= self.begun:
            detail["startedAt"] = int(self.begun)
        if over:
            end = int(self.ends)
            ended = {"containerInstanceArn": container["containerInstanceArn"], "taskArn": container["taskArn"]}
            ended |= {"exitCode": 0, "logStreamName": container["logStreamName"], "networkInterfaces": []}
            detail["attempts"] = [
                {"container": ended, "startedAt": int(self.begun), "stoppedAt": end, "statusReason": _WHY}
            ]
            detail |= {"stoppedAt": end, "statusReason": _WHY}
            container["exitCode"] = 0
        return detail

    def _status(self, now: float) -> str:
        if now >= self.ends:
            return "FAILED" if self.refused else "SUCCEEDED"
        return "RUNNING" if now >= self.begun else "STARTING"

    def _container(self) -> Json:
        overrides = self.request["containerOverrides"]
        task = hashlib.md5(self.job_id.encode(), usedforsecurity=False).hexdigest()  # as random as ECS's own
        log = f"{self.request['jobDefinition']}/default/{task}"
        return {
            "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/project:latest",
            "command": overrides["command"],
            "environment": [
                *overrides["environment"],
                {"name": "MANAGED_BY_AWS", "value": "STARTED_BY_STEP_FUNCTIONS"},
            ],
            "jobRoleArn": "arn:aws:iam::123456789012:role/project-job-role",
            "executionRoleArn": "arn:aws:iam::123456789012:role/project-execution-role",
            "volumes": [],
            "mountPoints": [],
            "ulimits": [],
            "networkInterfaces": [],
            "resourceRequirements": overrides.get("resourceRequirements", []),
            "secrets": [],
            "logStreamName": log,
            "containerInstanceArn": f"arn:aws:ecs:us-east-1:123456789012:container-instance/cluster/{'0' * 32}",
            "taskArn": f"arn:aws:ecs:us-east-1:123456789012:task/cluster/{task}",
        }


_WHY = "Essential container in task exited"


class TimedBatch:
    """The client's calls from the adapter."""

    def __init__(
        self,
        timeline: Timeline,
        call: Callable[[str], None],
        containers: Containers,
        ended: Callable[[Work], None],
    ) -> None:
        self.work: dict[str, Work] = {}
        self.hosts = Hosts()
        self.meta = SimpleNamespace(region_name="us-east-1")
        self.throttled = 0
        self._accepted = 0
        self._timeline = timeline
        self._call = call
        self.door: Door = nobody
        self.containers = containers
        self._ended = ended
        self._quota = Bucket(figures.SUBMITS_A_SECOND.value)

    def submit_job(self, **request: Any) -> Json:
        """Accept a job, unless the account's quota is used up."""
        self._call("SubmitJob")
        if not self._quota.take(self._timeline.now, 1):
            self.throttled += 1
            answer: Any = {"Error": {"Code": "TooManyRequestsException", "Message": "Too Many Requests"}}
            raise ClientError(answer | {"ResponseMetadata": {"HTTPStatusCode": 429}}, "SubmitJob")
        self._accepted += 1
        job_id = f"{self._accepted:08x}-0000-4000-8000-000000000000"
        groups = groups_of(request, self.door)
        size = request.get("arrayProperties", {}).get("size")
        for index, group in enumerate(groups):
            self._start(job_id, None if size is None else index, units(group), request)
        self._timeline.used()  # don't count our own work as the caller's
        return {"jobId": job_id, "jobName": request["jobName"]}

    def _start(self, job_id: str, index: int | None, nodes: Sequence[str], request: Json) -> None:
        now = self._timeline.now
        name = job_id if index is None else f"{job_id}:{index}"
        refused = refusal(request, name, index)
        launched = self.hosts.launch(now)
        begun = launched if refused else launched + self.hosts.container_start()
        ends = begun if refused else float("inf")
        work = self.work[name] = Work(name, request["jobName"], index, now, begun, ends, request, refused)
        if refused:
            self._timeline.later(begun - now, lambda: self._ended(work))
        else:
            self._timeline.later(begun - now, lambda: self._timeline.spawn(lambda: self._run(work, launched, nodes)))

    def _run(self, work: Work, launched: float, nodes: Sequence[str]) -> None:
        self.containers.live(work.name, work.job_id, work.index, nodes)
        ended = self.work[work.job_id] = replace(work, ends=self._timeline.now)
        self.hosts.bill(launched, ended.ends)
        self._ended(ended)

    def describe_job_queues(self, *, jobQueues: Sequence[str]) -> Json:  # noqa: N803
        """Describe queues: all exist, with a compute environment each."""
        up: Json = {"state": "ENABLED", "status": "VALID"}
        queues = [
            {"jobQueueName": name, "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": name}], **up}
            for name in jobQueues
        ]
        return self._described("DescribeJobQueues", {"jobQueues": queues})

    def describe_compute_environments(self, *, computeEnvironments: Sequence[str]) -> Json:  # noqa: N803
        """Describe compute environments, which run jobs."""
        up: Json = {"computeEnvironmentName": "environment", "state": "ENABLED", "status": "VALID"}
        found = [{"computeEnvironmentArn": arn, **up} for arn in computeEnvironments]
        return self._described("DescribeComputeEnvironments", {"computeEnvironments": found})

    def describe_job_definitions(self, *, jobDefinitionName: str, **_: Any) -> Json:  # noqa: N803
        """Describe the active revisions of a definition."""
        return self._described(
            "DescribeJobDefinitions", {"jobDefinitions": [{"jobDefinitionName": jobDefinitionName, "revision": 1}]}
        )

    def _described(self, operation: str, answer: Json) -> Json:
        self._call(operation)
        self._timeline.used()
        return answer

    def describe_jobs(self, *, jobs: Sequence[str]) -> Json:
        """Describe jobs that run nodes."""
        self._call("DescribeJobs")
        answer = {"jobs": [self.work[job_id].detail(self._timeline.now) for job_id in jobs]}
        self._timeline.used()
        return answer

    def list_jobs(self, *, jobQueue: str, filters: Sequence[Mapping[str, Any]]) -> Json:  # noqa: ARG002, N803
        """List jobs by their name, and arrays by their parents."""
        self._call("ListJobs")
        ((name,),) = (each["values"] for each in filters)
        found = {work.job_id.partition(":")[0] for work in self.work.values() if work.name == name}
        self._timeline.used()
        return {"jobSummaryList": [{"jobId": job_id, "jobName": name} for job_id in sorted(found)]}


class FiberJobQueue(BatchJobQueue):
    """The real adapter, with fibers instead of threads for requests at the same time."""

    timeline: Timeline
    at_once: int

    def _each(self, act: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        return self.timeline.map(act, items, self.at_once)
