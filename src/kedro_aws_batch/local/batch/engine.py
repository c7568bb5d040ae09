"""The life of jobs: submitted, waiting for others, waiting for vCPUs, running, ended.

One lock guards all state. A waiting job costs no thread; a running one
has a thread that waits for its process and one that reads its output. Every
change of status is published, in the order in which the changes happen.
"""

from __future__ import annotations

import signal
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag import limits
from kedro_aws_batch._service.dag.carrying import TIMED_OUT
from kedro_aws_batch._service.dag.records import EXITED
from kedro_aws_batch._service.dag.status import JobStatus
from kedro_aws_batch.local.batch.jobs import Attempt, BatchJob, JobSpec
from kedro_aws_batch.local.batch.order import Order
from kedro_aws_batch.local.batch.overrides import refusal
from kedro_aws_batch.local.batch.rate import LaunchRate
from kedro_aws_batch.local.batch.retries import tries_again
from kedro_aws_batch.local.errors import ClientException

if TYPE_CHECKING:
    from moto.batch.models import ComputeEnvironment, JobQueue

    from kedro_aws_batch.local.alarms import Alarms
    from kedro_aws_batch.local.batch.requests import JobRequest
    from kedro_aws_batch.local.jsons import Json
    from kedro_aws_batch.local.logs import Logs
    from kedro_aws_batch.local.place import Place
    from kedro_aws_batch.local.processes import Child, Processes
    from kedro_aws_batch.local.starting import Launch

HOST_TERMINATED = "Host EC2 (instance i-0123456789abcdef0) terminated."
DEPENDENCY_FAILED = "Dependent Job failed"
TOO_LARGE = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - "
    "CE(s) associated with the job queue cannot meet the CPU requirement of the job."
)


@dataclass(frozen=True)
class Surroundings:
    """The parts of the embedded AWS that jobs need."""

    place: Place
    processes: Processes
    alarms: Alarms
    logs: Logs
    #: Takes the detail type and the detail of an event.
    publish: Callable[[str, Json], None]
    #: Makes the command, environment and directory of an attempt, for the time of the context.
    launch: Callable[[BatchJob, Attempt], AbstractContextManager[Launch]]
    #: From SIGTERM to SIGKILL, in seconds.
    stop_timeout: float
    #: From STARTING to RUNNING, in seconds: for example, to pull an image.
    start_seconds: float


class Engine:
    """Runs jobs."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._lock = threading.RLock()
        self._jobs: dict[str, BatchJob] = {}
        self._runnable: dict[str, dict[str, BatchJob]] = defaultdict(dict)
        self._queues: dict[str, JobQueue] = {}
        self._used: dict[str, float] = defaultdict(float)
        self._order = Order()
        self._dependents: dict[str, list[BatchJob]] = defaultdict(list)
        self._ended: deque[BatchJob] = deque()
        self._threads: set[threading.Thread] = set()
        self._launches = LaunchRate(limits.FARGATE_BURST.most, limits.FARGATE_LAUNCHES_A_SECOND.most)
        self._stopping = False

    def submit(self, submission: JobRequest) -> BatchJob:
        """Accept a job, and start it if it needn't wait."""
        spec = submission.spec
        with self._lock:
            for dependency in spec.depends_on:
                if (wanted := dependency.get("jobId")) and wanted not in self._jobs:
                    raise ClientException(f"Job {wanted}, which {spec.name} depends on, does not exist")
            job = self._new_job(spec, str(uuid.uuid4()))
            self._queues[spec.queue.arn] = spec.queue
            if submission.size is None:
                self._await_dependencies(job)
            else:
                self._open_array(job, submission.size)
            self._settle()
        return job

    def find(self, job_id: str) -> BatchJob | None:
        """Return the job of this id or ARN."""
        with self._lock:
            return self._jobs.get(job_id.rpartition("job/")[2])

    def describe(self, job_ids: list[str]) -> list[Json]:
        """Return the existing ones as DescribeJobs does, all as of one moment."""
        with self._lock:
            found = [self.find(job_id) for job_id in dict.fromkeys(job_ids)]
            return [job.describe() for job in found if job is not None]

    def jobs(self) -> list[BatchJob]:
        """Return all jobs, children of arrays too, newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def terminate(self, job_id: str, reason: str, *, running_too: bool) -> None:
        """End a job (or a whole array); a running one only with `running_too`. An ended one stays as it is."""
        with self._lock:
            job = self.find(job_id)
            if job is None or job.status.ended:
                return
            for each in job.children or [job]:
                self._stop_job(each, reason, running_too=running_too)
            if job.children and (running_too or not any(each.status.started for each in job.children)):
                job.stop_reason = job.stop_reason or reason
            self._settle()

    def reclaim(self, job_id: str) -> bool:
        """Take away the host of a running job, and all processes with it; return whether it was running."""
        with self._lock:
            job = self.find(job_id)
            if job is None or not job.attempts or job.current.child is None:
                return False
            job.current.reclaimed = True
            job.current.child.signal(signal.SIGKILL)
            return True

    def stop(self) -> None:
        """Start nothing more. `Processes` ends running jobs."""
        with self._lock:
            self._stopping = True

    def join(self) -> None:
        """Wait for the threads of jobs that ran."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout=5)

    def _new_job(self, spec: JobSpec, job_id: str) -> BatchJob:
        job = BatchJob(
            spec=spec, job_id=job_id, arn=self._around.place.arn("batch", f"job/{job_id}"), created_at=_now()
        )
        self._jobs[job_id] = job
        return job

    def _open_array(self, parent: BatchJob, size: int) -> None:
        for index in range(size):
            child = self._new_job(parent.spec, f"{parent.job_id}:{index}")
            child.parent, child.index = parent, index
            parent.children.append(child)
            parent.summary[child.status] += 1
        self._move(parent, JobStatus.PENDING)
        for child in parent.children:
            self._await_dependencies(child)

    def _await_dependencies(self, job: BatchJob) -> None:
        wanted = [job_id for dependency in job.spec.depends_on if (job_id := _dependency(dependency, job))]
        if wanted or job.parent is not None:
            self._move(job, JobStatus.PENDING)
        known = [self._jobs[job_id] for job_id in wanted if job_id in self._jobs]
        if any(each.status is JobStatus.FAILED for each in known):
            self._move(job, JobStatus.FAILED, DEPENDENCY_FAILED)
            return
        job.waiting_for = {each.job_id for each in known if not each.status.ended}
        for job_id in job.waiting_for:
            self._dependents[job_id].append(job)
        if not job.waiting_for:
            self._make_runnable(job)

    def _make_runnable(self, job: BatchJob) -> None:
        self._runnable[job.spec.queue.arn][job.job_id] = job
        self._move(job, JobStatus.RUNNABLE)

    def _move(self, job: BatchJob, status: JobStatus, reason: str | None = None) -> None:
        """Change a job's status and publish it; `_settle` handles the consequences of its end."""
        if job.parent is not None:
            job.parent.summary[job.status] -= 1
            job.parent.summary[status] += 1
        job.status = status
        job.status_reason = reason or job.status_reason
        if status.ended:
            job.stopped_at = _now()
            self._runnable[job.spec.queue.arn].pop(job.job_id, None)
            self._ended.append(job)
        self._around.publish("Batch Job State Change", job.event())

    def _settle(self) -> None:
        """Handle the consequences of jobs' ends, and start jobs that have room. Chains may be long: no recursion."""
        self._follow_ends()
        self._dispatch()
        while self._ended:  # before they began
            self._follow_ends()
            self._dispatch()

    def _follow_ends(self) -> None:
        while self._ended:
            job = self._ended.popleft()
            if job.parent is not None:
                self._close_array(job.parent)
            for dependent in self._dependents.pop(job.job_id, []):
                if dependent.status.ended:
                    continue
                if job.status is JobStatus.FAILED:
                    self._move(dependent, JobStatus.FAILED, DEPENDENCY_FAILED)
                    continue
                dependent.waiting_for.discard(job.job_id)
                if not dependent.waiting_for:
                    self._make_runnable(dependent)

    def _close_array(self, parent: BatchJob) -> None:
        failed = parent.summary[JobStatus.FAILED]
        if parent.status.ended or failed + parent.summary[JobStatus.SUCCEEDED] < len(parent.children):
            return
        parent.started_at = min((each.started_at for each in parent.children if each.started_at), default=None)
        reason = parent.stop_reason or ("Array Child Job failed" if failed else "Array Job succeeded")
        self._move(parent, JobStatus.FAILED if failed else JobStatus.SUCCEEDED, reason)

    def _dispatch(self) -> None:
        """Start jobs, queue by queue, in their order: a job that doesn't fit holds back those behind it."""
        for queue in sorted(self._queues.values(), key=lambda each: -int(each.priority)):
            waiting = self._runnable[queue.arn]
            while waiting and not self._stopping:
                job = self._order.first(queue, waiting.values())
                environment = self._room(queue, job.spec.vcpus)
                if environment is None:
                    self._say_why_blocked(queue, job)
                    break
                if not self._may_launch(job):
                    break
                del waiting[job.job_id]
                if why := refusal(job, len(job.attempts) + 1, environment):
                    self._move(job, JobStatus.FAILED, why)
                else:
                    self._start(job, environment)

    def _may_launch(self, job: BatchJob) -> bool:
        """Return whether Fargate launches a job's task now; if not, look again when it will."""
        if not job.spec.on_fargate:
            return True
        wait = self._launches.take(time.monotonic())
        if wait:
            self._around.alarms.after(wait, self._look_again)
        return not wait

    def _look_again(self) -> None:
        with self._lock:
            self._settle()

    def _room(self, queue: JobQueue, vcpus: float) -> ComputeEnvironment | None:
        for environment in queue.environments:
            if self._used[environment.arn] + vcpus <= _max_vcpus(environment) + 1e-9:
                return environment
        return None

    def _say_why_blocked(self, queue: JobQueue, job: BatchJob) -> None:
        """Report, once, that the queue's head can never start. Batch takes some minutes to find out."""
        largest = max((_max_vcpus(each) for each in queue.environments), default=0)
        if job.spec.vcpus > largest and job.status_reason != TOO_LARGE:
            job.status_reason = TOO_LARGE
            self._around.publish("Batch Job Queue Blocked", job.event())

    def _start(self, job: BatchJob, environment: ComputeEnvironment) -> None:
        self._used[environment.arn] += job.spec.vcpus
        self._order.starts(job)
        job.attempts.append(
            Attempt(
                number=len(job.attempts) + 1,
                log_stream=job.new_log_stream(),
                started_at=_now(),
                environment=environment,
            )
        )
        self._move(job, JobStatus.STARTING)
        attempt = job.current
        if self._around.start_seconds:
            attempt.starting = self._around.alarms.after(self._around.start_seconds, lambda: self._begin(job, attempt))
        else:
            self._begin(job, attempt)

    def _begin(self, job: BatchJob, attempt: Attempt) -> None:
        with self._lock:
            attempt.starting = None
            name = f"job {job.spec.name}"
            thread = threading.Thread(target=self._run, args=(job, attempt), name=name, daemon=True)
            self._threads.add(thread)
        thread.start()

    def _run(self, job: BatchJob, attempt: Attempt) -> None:
        """Run an attempt to its end: the body of its thread."""
        with ExitStack() as stack:
            try:
                self._around.logs.open(job.spec.log_group, attempt.log_stream)
                launch = stack.enter_context(self._around.launch(job, attempt))
                child = self._around.processes.start(launch)
            except (OSError, ValueError) as error:
                attempt.reason = f"CannotStartContainerError: {error}"
            else:
                self._follow(job, attempt, child)
            with self._lock:
                self._finish_attempt(job, attempt)
        with self._lock:
            self._threads.discard(threading.current_thread())

    def _follow(self, job: BatchJob, attempt: Attempt, child: Child) -> None:
        """Wait for a process, and write its output to the log."""
        written = (child.output, job.spec.log_group, attempt.log_stream)
        reader = threading.Thread(target=self._around.logs.pump, args=written, daemon=True)
        reader.start()
        self._running(job, attempt, child)
        attempt.exit_code = child.wait()
        reader.join(timeout=1)  # a process that left the group may hold the pipe open

    def _running(self, job: BatchJob, attempt: Attempt, child: Child) -> None:
        with self._lock:
            attempt.child, attempt.began = child, True
            attempt.started_at = job.started_at = _now()
            if job.stop_reason is not None:
                self._stop_child(child)
            if job.spec.timeout is not None:
                attempt.timeout = self._around.alarms.after(job.spec.timeout, lambda: self._time_out(attempt))
            self._move(job, JobStatus.RUNNING)

    def _finish_attempt(self, job: BatchJob, attempt: Attempt) -> None:
        if attempt.timeout is not None:
            attempt.timeout.cancel()
        attempt.child = None
        attempt.stopped_at = _now()
        attempt.status_reason = EXITED if attempt.reason is None else "Task failed to start"
        if attempt.reclaimed:
            attempt.status_reason, attempt.exit_code = HOST_TERMINATED, None
        self._used[attempt.environment.arn] -= job.spec.vcpus
        self._order.ends(job)
        if self._stopping:
            return
        if job.stop_reason is not None or attempt.timed_out:  # final, whatever the exit code
            attempt.status_reason = job.stop_reason or TIMED_OUT
            self._move(job, JobStatus.FAILED, attempt.status_reason)
        elif attempt.exit_code == 0:
            self._move(job, JobStatus.SUCCEEDED, EXITED)
        elif tries_again(job.spec, attempt):
            self._make_runnable(job)
        else:
            self._move(job, JobStatus.FAILED, attempt.status_reason)
        self._settle()

    def _stop_job(self, job: BatchJob, reason: str, *, running_too: bool) -> None:
        if job.status.ended or (job.status.started and not running_too):
            return
        job.stop_reason = job.stop_reason or reason
        if not job.status.started:
            self._move(job, JobStatus.FAILED, job.stop_reason)
        elif job.current.child is not None:
            self._stop_child(job.current.child)
        elif job.current.starting is not None:  # there is no process yet to stop
            job.current.starting.cancel()
            job.current.starting = None
            self._finish_attempt(job, job.current)

    def _time_out(self, attempt: Attempt) -> None:
        with self._lock:
            if attempt.child is not None:
                attempt.timed_out = True
                self._stop_child(attempt.child)

    def _stop_child(self, child: Child) -> None:
        child.signal(signal.SIGTERM)
        self._around.alarms.after(self._around.stop_timeout, lambda: child.signal(signal.SIGKILL))


def _dependency(dependency: Json, job: BatchJob) -> str | None:
    """Return the id of the job to wait for."""
    kind, job_id = dependency.get("type"), dependency.get("jobId")
    if kind == "SEQUENTIAL" and job.parent is not None:
        return f"{job.parent.job_id}:{job.index - 1}" if job.index else None
    return f"{job_id}:{job.index}" if kind == "N_TO_N" else job_id


def _max_vcpus(environment: ComputeEnvironment) -> float:
    return float(environment.compute_resources["maxvCpus"])


def _now() -> int:
    return int(time.time() * 1000)
