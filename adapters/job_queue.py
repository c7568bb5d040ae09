"""AWS Batch: submits, describes, finds and terminates jobs, and describes their queues.

SubmitJob has no idempotency token. So the client that submits makes no retries of its own. Only throttling (HTTP 429)
proves that nothing was accepted: the submission waits and is tried again. After any other failure the job may or may
not have been accepted: the answer is `Unknown`, and reconcile settles it.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from adapters.ports import Accepted, Clock, Postponed, Rejected, SubmitAnswer, UnavailableError, Unknown
from dag import limits
from dag.offer import Offer
from dag.records import LONGEST_REASON
from dag.submission import Submission

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient

#: Submissions a second: one invocation never asks for more than the account has.
SUBMITS_A_SECOND = limits.SUBMITS_A_SECOND.most
_LONGEST_PAUSE = 5.0
#: Seconds reserved to record what was accepted: else reconcile would settle a whole slice after long throttling.
_TO_RECORD = 5.0
#: Refusals of the request itself, which would never pass. Other refusals concern the caller: permissions, credentials
#: and clocks may be fixed while the run waits.
_FINAL = frozenset({"ClientException", "ValidationException", "InvalidParameterException", "SerializationException"})
_THROTTLED = frozenset({"TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded"})
_DESCRIBED_AT_ONCE = limits.DESCRIBE_JOBS.most
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
#: With more names, all jobs of the run are listed.
_ONE_BY_ONE = 100
_T = TypeVar("_T")
_R = TypeVar("_R")


class BatchJobQueue:
    """The job queue; see `adapters.ports.JobQueue` for what each method promises.

    The first of the two clients submits, and must make no retries of its own. `clock` and `sleep` are the invocation's;
    `at_once` is the number of requests at a time.
    """

    def __init__(
        self,
        clients: tuple[BatchClient, BatchClient],
        clock: Clock,
        sleep: Callable[[float], None],
        at_once: int = 8,
    ) -> None:
        self._submitter, self._client = clients
        self._at_once = at_once
        self._clock = clock
        self._limiter = Limiter(SUBMITS_A_SECOND, clock, sleep)

    def offer(self, queues: Sequence[str], definitions: Sequence[str]) -> Offer:
        try:  # without retries, since a start waits for it and can go on without it
            return self._offer(queues, definitions)
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"Batch can't be asked for queues and definitions: {error}") from error

    def _offer(self, queues: Sequence[str], definitions: Sequence[str]) -> Offer:
        batch = self._submitter
        actives = [partial(self._newest, name) for name in definitions]
        asks: list[Callable[[], Any]] = [partial(self._queues, queues), *actives]
        (found, environments), *active = self._each(lambda ask: ask(), asks)
        near: set[str] = set()
        if len(found) < len(queues):
            near |= {each["jobQueueName"] for each in batch.describe_job_queues()["jobQueues"]}
        if not all(active):
            others = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
            near |= {each["jobDefinitionName"] for each in others}
        newest = {name: found for name, found in zip(definitions, active, strict=True) if found}
        timeouts = {
            name: one["timeout"]["attemptDurationSeconds"] for name, one in newest.items() if one.get("timeout")
        }
        return Offer(
            queues=found,
            environments=environments,
            definitions={name: one["revision"] for name, one in newest.items()},
            timeouts=timeouts,
            region=batch.meta.region_name,
            near=near,
        )

    def _queues(self, names: Sequence[str]) -> tuple[list[Any], list[Any]]:
        """Return the existing queues and their compute environments."""
        queues = self._submitter.describe_job_queues(jobQueues=list(names))["jobQueues"]
        arns = sorted({order["computeEnvironment"] for each in queues for order in each["computeEnvironmentOrder"]})
        if not arns:  # for an empty list Batch would describe all
            return list(queues), []
        described = self._submitter.describe_compute_environments(computeEnvironments=arns)
        return list(queues), list(described["computeEnvironments"])

    def _newest(self, name: str) -> Mapping[str, Any] | None:
        """Return a definition's newest active revision; None if there is none. Batch promises no order of revisions."""
        revisions: list[Mapping[str, Any]] = []
        token: dict[str, Any] = {}
        while True:
            answer = self._submitter.describe_job_definitions(jobDefinitionName=name, status="ACTIVE", **token)
            revisions += answer["jobDefinitions"]
            if not answer.get("nextToken"):
                return max(revisions, key=itemgetter("revision"), default=None)
            token = {"nextToken": answer["nextToken"]}

    def submit(self, submissions: Sequence[Submission]) -> list[SubmitAnswer]:
        return self._each(self._submit_one, submissions)

    def _submit_one(self, submission: Submission) -> SubmitAnswer:
        while self._limiter.wait():
            sent = self._clock.now()
            try:
                answer = self._submitter.submit_job(**submission.request)
            except ClientError as error:
                details = error.response.get("Error", {})
                if _status(error) == _TOO_MANY_REQUESTS or details.get("Code") in _THROTTLED:
                    self._limiter.back_off(sent)
                elif _status(error) >= _SERVER_ERROR:
                    return Unknown()
                else:
                    reason = f"{details.get('Code')}: {details.get('Message')}"[:LONGEST_REASON]
                    return Rejected(reason) if details.get("Code") in _FINAL else Postponed(reason)
            except ParamValidationError as error:  # it was never sent, and never will be
                return Rejected(str(error)[:LONGEST_REASON])
            except BotoCoreError:
                return Unknown()
            else:
                self._limiter.succeeded()
                return Accepted(answer["jobId"])
        return Unknown()

    def describe(self, job_ids: Sequence[str]) -> list[Mapping[str, Any]]:
        pieces = [job_ids[start : start + _DESCRIBED_AT_ONCE] for start in range(0, len(job_ids), _DESCRIBED_AT_ONCE)]
        answers = self._each(lambda piece: self._client.describe_jobs(jobs=list(piece))["jobs"], pieces)
        return [job for jobs in answers for job in jobs]

    def find(self, queue: str, names: Collection[str], prefix: str) -> Mapping[str, str]:
        # A name takes one request. So do a hundred jobs of the run: they are in ten lists by first digit, read at once.
        asked = list(names) if len(names) <= _ONE_BY_ONE else [f"{prefix}{digit}*" for digit in range(10)]
        wanted = set(names)
        oldest: dict[str, tuple[int, str]] = {}
        for listed in self._each(partial(self._listed, queue), asked):
            for name, created_at, job_id in listed:
                if name in wanted:
                    oldest[name] = min((created_at, job_id), oldest.get(name, (created_at, job_id)))
        return {name: job_id for name, (_, job_id) in oldest.items()}

    def _listed(self, queue: str, name: str) -> list[tuple[str, int, str]]:
        """Return name, time of creation and id of the jobs of a name, or, with `*` at its end, of all that begin so."""
        found: list[tuple[str, int, str]] = []
        token: dict[str, Any] = {}
        while True:
            try:
                asked: Any = {"jobQueue": queue, "filters": [{"name": "JOB_NAME", "values": [name]}]}
                answer = self._client.list_jobs(**asked, **token)
            except ClientError as error:
                if _status(error) < _SERVER_ERROR and self._is_gone(queue):
                    return []
                raise
            found += [(job["jobName"], job.get("createdAt", 0), job["jobId"]) for job in answer["jobSummaryList"]]
            if not answer.get("nextToken"):
                return found
            token = {"nextToken": answer["nextToken"]}

    def _is_gone(self, queue: str) -> bool:
        """Return whether there is no such queue, and so no job in it.

        DeleteJobQueue terminates all jobs of a queue, about 16 a second by the API reference; meanwhile the queue is
        described as DELETING.
        """
        described = self._client.describe_job_queues(jobQueues=[queue])["jobQueues"]
        return all(one.get("status") == "DELETED" for one in described)

    def terminate(self, job_ids: Sequence[str], reason: str) -> int:
        def end(job_id: str) -> bool:
            if self._clock.left() < _TO_RECORD:
                return False
            self._client.terminate_job(jobId=job_id, reason=reason)
            return True

        return sum(self._each(end, job_ids))

    def _each(self, act: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
        threads = min(self._at_once, len(items))
        if threads <= 1:
            return [act(item) for item in items]
        with ThreadPoolExecutor(threads) as pool:
            acts = [pool.submit(act, item) for item in items]
        return [each.result() for each in acts]  # not pool.map: it drops what has not begun when one fails


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _SERVER_ERROR))


class Limiter:
    """Spaces requests evenly, at most at a rate that falls by half when throttled and recovers slowly.

    The threads of one invocation share it, so that throttling of one slows all.
    """

    def __init__(self, rate: float, clock: Clock, sleep: Callable[[float], None]) -> None:
        self._most = rate
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0
        self._fell_at = 0  #: ms
        self._lock = threading.Lock()

    def wait(self) -> bool:
        """Wait for a turn; return whether it came with enough time left to record the result."""
        with self._lock:
            now = self._clock.now() / 1000
            turn = max(now, self._next)
            if turn - now > self._clock.left() - _TO_RECORD:
                return False
            self._next = turn + 1 / self._rate
        if turn > now:
            self._sleep(turn - now)
        return True

    def back_off(self, sent: int) -> None:
        """Halve the rate and stop everybody for a moment, with jitter.

        A request sent, at this moment in ms, before the rate last fell says nothing of the rate as it is now: of
        eight that are refused together, one halves it.
        """
        with self._lock:
            if sent < self._fell_at:
                return
            self._fell_at = self._clock.now()
            self._rate = max(1.0, self._rate / 2)
            pause = min(_LONGEST_PAUSE, 2 / self._rate) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter  # nosec B311
            self._next = max(self._next, self._clock.now() / 1000 + pause)

    def succeeded(self) -> None:
        """Raise the rate a little."""
        with self._lock:
            self._rate = min(self._most, self._rate + 1)
