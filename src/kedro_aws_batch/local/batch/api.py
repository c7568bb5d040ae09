"""The part of Batch's HTTP API about jobs; the rest is moto's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from moto.batch.models import batch_backends

from kedro_aws_batch._service.dag import limits
from kedro_aws_batch._service.dag.status import JobStatus
from kedro_aws_batch.local.batch.requests import read_submission
from kedro_aws_batch.local.errors import ClientException

if TYPE_CHECKING:
    from kedro_aws_batch.local.batch.engine import Engine
    from kedro_aws_batch.local.batch.jobs import BatchJob
    from kedro_aws_batch.local.jsons import Json
    from kedro_aws_batch.local.place import Place


class BatchApi:
    """Answers requests about jobs."""

    def __init__(self, place: Place, engine: Engine, minimum_timeout: int) -> None:
        self._place = place
        self._engine = engine
        self._minimum_timeout = minimum_timeout
        self._operations: dict[str, Callable[[Json], Json]] = {
            "/v1/submitjob": self._submit_job,
            "/v1/describejobs": self._describe_jobs,
            "/v1/listjobs": self._list_jobs,
            "/v1/terminatejob": self._terminate_job,
            "/v1/canceljob": self._cancel_job,
        }

    def answers(self, path: str) -> bool:
        """Return whether this path is about jobs."""
        return path in self._operations

    def answer(self, path: str, body: bytes) -> Json:
        """Return the answer to a request, or raise ApiError."""
        if path == "/v1/submitjob" and not limits.SUBMIT_BYTES.allows(len(body)):
            raise ClientException(limits.SUBMIT_BYTES.answer(len(body)))
        return self._operations[path](json.loads(body or b"{}"))

    def _submit_job(self, request: Json) -> Json:
        backend = batch_backends[self._place.account][self._place.region]
        job = self._engine.submit(read_submission(backend, request, self._minimum_timeout))
        return {"jobArn": job.arn, "jobId": job.job_id, "jobName": job.spec.name}

    def _describe_jobs(self, request: Json) -> Json:
        wanted = request.get("jobs") or []
        if not limits.DESCRIBE_JOBS.allows(len(wanted)):
            raise ClientException(limits.DESCRIBE_JOBS.answer(len(wanted)))
        return {"jobs": self._engine.describe(wanted)}

    def _terminate_job(self, request: Json) -> Json:
        return self._end_job(request, running_too=True)

    def _cancel_job(self, request: Json) -> Json:
        return self._end_job(request, running_too=False)

    def _end_job(self, request: Json, *, running_too: bool) -> Json:
        for name in ("jobId", "reason"):
            if not request.get(name):
                raise ClientException(f"'{name}' is a required field")
        self._engine.terminate(request["jobId"], request["reason"], running_too=running_too)
        return {}

    def _list_jobs(self, request: Json) -> Json:
        jobs = self._candidates(request)
        filters = request.get("filters") or []
        if not limits.LIST_JOBS_FILTERS.allows(len(filters)):
            raise ClientException(limits.LIST_JOBS_FILTERS.answer(len(filters)))
        page = (limits.LIST_JOBS_FILTERED if filters else limits.LIST_JOBS).most
        if filters:
            jobs = [job for job in jobs if _passes(job, filters)]
        else:
            # Batch ignores jobStatus if there are filters, and lists RUNNING if there is neither.
            status = request.get("jobStatus") or JobStatus.RUNNING.value
            if status not in {each.value for each in JobStatus}:
                raise ClientException(
                    f"jobStatus is not one of {', '.join(each.value for each in JobStatus)}: {status}"
                )
            jobs = [job for job in jobs if job.status.value == status]
        start = int(request.get("nextToken") or 0)
        end = start + min(int(request.get("maxResults") or page), page)
        answer: Json = {"jobSummaryList": [job.summarise() for job in jobs[start:end]]}
        if end < len(jobs):
            answer["nextToken"] = str(end)
        return answer

    def _candidates(self, request: Json) -> list[BatchJob]:
        if array := request.get("arrayJobId"):
            parent = self._engine.find(array)
            return [] if parent is None else list(parent.children)
        backend = batch_backends[self._place.account][self._place.region]
        queue = backend.get_job_queue(request.get("jobQueue") or "")
        if queue is None:
            raise ClientException(f"Job queue {request.get('jobQueue')} does not exist")
        return [job for job in self._engine.jobs() if job.parent is None and job.spec.queue.arn == queue.arn]


def _passes(job: BatchJob, filters: list[dict[str, Any]]) -> bool:
    return all(any(_matches(job, each["name"], value) for value in each["values"]) for each in filters)


def _matches(job: BatchJob, name: str, value: str) -> bool:
    if name == "JOB_NAME":
        return _globs(job.spec.name, value)
    if name == "JOB_DEFINITION":
        return _globs(job.spec.definition_name, value) or job.spec.definition_arn == value
    if name == "BEFORE_CREATED_AT":
        return job.created_at < int(value)
    if name == "AFTER_CREATED_AT":
        return job.created_at > int(value)
    raise ClientException(f"Unknown filter: {name}")


def _globs(name: str, pattern: str) -> bool:
    """Match without regard to case, exactly or up to a `*` at the end."""
    name, pattern = name.lower(), pattern.lower()
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
