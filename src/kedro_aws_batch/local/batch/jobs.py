"""A job: its specification, its progress, and how AWS describes it."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag.events import OWN_LOG_GROUP
from kedro_aws_batch._service.dag.status import JobStatus
from kedro_aws_batch.local.jsons import Json

if TYPE_CHECKING:
    from moto.batch.models import ComputeEnvironment, JobQueue

    from kedro_aws_batch.local.alarms import Alarm
    from kedro_aws_batch.local.processes import Child


@dataclass(frozen=True)
class JobSpec:
    """SubmitJob's request combined with the definition; shared by the children of an array."""

    name: str
    queue: JobQueue
    definition_arn: str
    definition_name: str
    container: Json
    #: What the request overrides in the definition's container.
    overrides: Json
    attempts: int
    evaluate_on_exit: list[Json]
    timeout: int | None
    parameters: dict[str, str]
    tags: dict[str, str]
    depends_on: list[Json]
    platform_capabilities: list[str]
    #: What it counts for in a queue that shares fairly, and its priority within that.
    share: str | None = None
    priority: int = 0

    @property
    def vcpus(self) -> float:
        """How many vCPUs a job holds while it runs."""
        wanted = {each["type"]: each["value"] for each in self.container["resourceRequirements"]}
        return float(wanted.get("VCPU", 1))

    @property
    def on_fargate(self) -> bool:
        """Whether it runs on Fargate."""
        return "FARGATE" in self.platform_capabilities

    @property
    def log_group(self) -> str:
        """The log group of its attempts: its definition's, or Batch's own."""
        options = (self.container.get("logConfiguration") or {}).get("options") or {}
        return str(options.get("awslogs-group") or OWN_LOG_GROUP)


@dataclass
class Attempt:
    """One attempt, from its start."""

    number: int
    log_stream: str
    started_at: int
    environment: ComputeEnvironment
    child: Child | None = None
    #: Whether its process ever began.
    began: bool = False
    #: None until its process begins.
    starting: Alarm | None = None
    timeout: Alarm | None = None
    timed_out: bool = False
    #: Whether its host was taken away: then nobody saw its exit code.
    reclaimed: bool = False
    stopped_at: int | None = None
    exit_code: int | None = None
    #: Why there is no exit code.
    reason: str | None = None
    status_reason: str | None = None

    @property
    def container(self) -> Json:
        """The part of a description that is this attempt's. It has a log stream from RUNNING on, says AWS."""
        stream = self.log_stream if self.began else None
        known = {"exitCode": self.exit_code, "reason": self.reason, "logStreamName": stream}
        return {key: value for key, value in known.items() if value is not None}

    def describe(self, job_arn: str) -> Json:
        """Return an ended attempt as DescribeJobs lists it. There is no ECS task: the job replaces it."""
        container = {"containerInstanceArn": job_arn, "taskArn": job_arn, **self.container, "networkInterfaces": []}
        return {
            "container": container,
            "startedAt": self.started_at,
            "stoppedAt": self.stopped_at,
            "statusReason": self.status_reason,
        }


@dataclass(eq=False)
class BatchJob:
    """A job, the parent of an array, or a child of one. Guarded by the engine's lock."""

    spec: JobSpec
    job_id: str
    arn: str
    created_at: int
    parent: BatchJob | None = None
    index: int | None = None
    status: JobStatus = JobStatus.SUBMITTED
    status_reason: str | None = None
    #: Why it must end, from TerminateJob or CancelJob.
    stop_reason: str | None = None
    started_at: int | None = None
    stopped_at: int | None = None
    #: The last one may be under way.
    attempts: list[Attempt] = field(default_factory=list)
    children: list[BatchJob] = field(default_factory=list)
    waiting_for: set[str] = field(default_factory=set)
    #: An array parent's children.
    summary: Counter[str] = field(default_factory=Counter)

    @property
    def current(self) -> Attempt:
        """The attempt under way, or the last."""
        return self.attempts[-1]

    def new_log_stream(self) -> str:
        """Return a name for the next attempt's log stream."""
        return f"{self.spec.definition_name}/default/{uuid.uuid4().hex}"

    def describe(self) -> Json:
        """Return the job as DescribeJobs does. The result never changes afterwards."""
        spec = self.spec
        described: Json = {
            "jobArn": self.arn,
            "jobName": spec.name,
            "jobId": self.job_id,
            "jobQueue": spec.queue.arn,
            "status": self.status.value,
            "attempts": [each.describe(self.arn) for each in self.attempts if each.stopped_at],
            "createdAt": self.created_at,
            "retryStrategy": {"attempts": spec.attempts, "evaluateOnExit": spec.evaluate_on_exit},
            "dependsOn": spec.depends_on,
            "jobDefinition": spec.definition_arn,
            "parameters": spec.parameters,
            "container": {**spec.container, **(self.attempts[-1].container if self.attempts else {})},
            "tags": spec.tags,
            "propagateTags": False,
            "platformCapabilities": spec.platform_capabilities,
            "eksAttempts": [],
        }
        optional = {"statusReason": self.status_reason, "startedAt": self.started_at, "stoppedAt": self.stopped_at}
        described |= {key: value for key, value in optional.items() if value is not None}
        if spec.timeout is not None:
            described["timeout"] = {"attemptDurationSeconds": spec.timeout}
        if (array := self._array_properties()) is not None:
            described["arrayProperties"] = array
        return described

    def event(self) -> Json:
        """Return the detail of a state-change event, without the user's tags, which AWS doesn't reliably include."""
        return {**self.describe(), "tags": {"resourceArn": self.arn}}

    def summarise(self) -> Json:
        """Return the job as ListJobs does."""
        described = self.describe()
        kept = ("jobArn", "jobId", "jobName", "createdAt", "status", "statusReason", "startedAt", "stoppedAt")
        summary = {key: described[key] for key in kept if key in described}
        summary["container"] = {k: v for k, v in described["container"].items() if k in {"exitCode", "reason"}}
        if array := described.get("arrayProperties"):
            summary["arrayProperties"] = {k: v for k, v in array.items() if k != "statusSummary"}
        summary["jobDefinition"] = described["jobDefinition"]
        return summary

    def _array_properties(self) -> Json | None:
        if self.children:
            return {"size": len(self.children), "statusSummary": {each.value: self.summary[each] for each in JobStatus}}
        return None if self.index is None else {"index": self.index, "statusSummary": {}}
