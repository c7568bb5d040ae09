"""The service's functions, called by Lambda's Invoke, with typed answers and each failure as one sentence."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from ._service.dag.carrying import UNSURE
from ._service.dag.records import OUR_REASON
from ._service.dag.status import FINAL, IN_FLIGHT, RESUMABLE, OnFailure, known_policy
from .aws_errors import Call, may_pass, why_refused
from .errors import ServiceError
from .marks import Beginning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import DataclassInstance
    from mypy_boto3_lambda import LambdaClient

_Answer = TypeVar("_Answer", bound="DataclassInstance")


@dataclass(frozen=True)
class Started:
    """The answer of `start_run`."""

    run_id: str
    status: str
    groups: int
    nodes: int
    resumed: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Rehearsed:
    """The answer of `start_run` to a dry run."""

    groups: int
    nodes: int
    resumed: Mapping[str, Any] | None = None
    #: How long it will take, by earlier runs; None if none of it ever ran before.
    expected: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class GroupState:
    """The nodes of one job, and its progress. Times are milliseconds since the epoch."""

    index: int
    nodes: tuple[str, ...]
    status: str
    parents: tuple[int, ...] = ()
    attempt: int = 0
    job_id: str | None = None
    job_name: str | None = None
    submitted_at: int | None = None
    started_at: int | None = None
    ended_at: int | None = None
    #: How long it took in earlier runs.
    expected_ms: int | None = None
    exit_code: int | None = None
    reason: str | None = None
    #: The reason in its job's log, and the node at fault; None if nobody read the log, or it has no reason.
    error: str | None = None
    error_node: str | None = None
    #: Where a browser shows its log; only for failed jobs.
    log_url: str | None = None
    log_stream: str | None = None
    #: The streams of Batch's attempts of its job, oldest first; `log_stream` is the last.
    log_streams: tuple[str, ...] = ()
    #: Whether its container also ran other groups: then its log has more than this group's output.
    shares_container: bool = False
    #: If containers carry on, the one of its job: carried, asked, started_at, ended_at, batch_attempts, waits_until,
    #: resources.
    container: Mapping[str, Any] | None = None
    #: Until when it is left to a container that is soon free, though it is ready.
    held_until: int | None = None
    #: None means Batch's own log group, as far as Batch has told.
    log_group: str | None = None
    #: The version of each dataset that the run pins for its job.
    load_versions: Mapping[str, str] = field(default_factory=dict)
    #: Batch's attempts of its job before the last, whose times are its own: started_at, ended_at.
    batch_attempts: tuple[Mapping[str, Any], ...] = ()
    #: Earlier jobs of the group, which are why it runs again: attempt, job_id, exit_code, started_at, log_streams, ….
    earlier: tuple[Mapping[str, Any], ...] = ()
    resources: Mapping[str, Any] = field(default_factory=dict)
    job_definition: str | None = None
    job_queue: str | None = None
    #: Batch's status of a job in flight: SUBMITTED, PENDING, RUNNABLE, STARTING or RUNNING.
    job_status: str | None = None
    #: The slice of partitions that a split node's job gets: `number`, from 1, and `into` how many.
    slice: Mapping[str, int] | None = None

    @property
    def carried(self) -> bool:
        """Whether its container had run other groups before, so that it waited for no start."""
        return bool(self.container and self.container.get("carried"))

    def beginning(self, stream: str | None) -> Beginning | None:
        """Return how its lines begin in one of its streams; None if the stream can't have others'."""
        earlier = (job for job in self.earlier if stream in (job.get("log_streams") or ()))
        container = next((job.get("container") for job in earlier), self.container)
        return None if container is None else Beginning(self.nodes, self.slice, bool(container.get("carried")))

    @property
    def labels(self) -> tuple[str, ...]:
        """Return its nodes by name, with their slice: `clean[7/50]`."""
        part = f"[{self.slice['number']}/{self.slice['into']}]" if self.slice else ""
        return tuple(f"{name}{part}" for name in self.nodes)

    @property
    def why(self) -> str:
        """Return why it ended so: its own error, or Batch's reason and the exit code."""
        if self.error is not None:
            told = self.error_node is not None and len(self.nodes) > 1
            return f"{self.error_node}: {self.error}" if told else self.error
        reason = self.reason or ""
        if reason.startswith(OUR_REASON):  # we ended it, and its exit code says no more
            return reason.removeprefix(OUR_REASON)
        code = f" (exit code {self.exit_code})" if self.exit_code else ""
        return f"{reason}{code}".strip()

    @property
    def again(self) -> str:
        """Return why its last job is not its first; empty if it is."""
        if not self.earlier:
            return ""
        before = self.earlier[-1]
        number, container = f"attempt {before.get('attempt', 0) + 1}", before.get("container") or {}
        if before.get("exit_code") == UNSURE:
            return f"{number}: its container could not tell whether it got it"
        by_memory = "OutOfMemory" in (before.get("reason") or "")
        ended = "ran out of memory" if by_memory else "was killed, perhaps for memory"
        memory = self.resources.get("memory")
        if container.get("carried") and memory == (before.get("resources") or {}).get("memory"):
            return f"{number} {ended}, in a container that had run others: now alone"
        return f"{number} {ended}" + ("" if memory is None else f": now with {memory:,} MiB")

    @property
    def seconds(self) -> float | None:
        """Return how long its job ran, if known."""
        if self.started_at is None or self.ended_at is None:
            return None
        return max(0, self.ended_at - self.started_at) / 1000

    def seconds_until(self, now: int | None) -> float | None:
        """Return how long its job ran, or has run until now."""
        if self.status == "RUNNING" and self.started_at is not None and now is not None:
            return max(0, now - self.started_at) / 1000
        return self.seconds


@dataclass(frozen=True)
class RunState:
    """A run, and all of its groups."""

    run_id: str
    status: str
    groups_total: int
    nodes_total: int
    groups: tuple[GroupState, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    reason: str | None = None
    settled: bool = False
    project: str | None = None
    environment: str | None = None
    pipelines: tuple[str, ...] = ()
    description: str | None = None
    request: Mapping[str, Any] = field(default_factory=dict)
    resumed: Mapping[str, Any] | None = None
    #: What earlier runs made, if not too much: node, run_id, and the times there, started_at and ended_at, if known.
    reused_nodes: tuple[Mapping[str, Any], ...] = ()
    on_failure: str | None = None
    max_workers: int | None = None
    graph_digest: str | None = None
    #: Whether a container that has done its group carries on with another.
    warm_containers: bool = False
    #: Jobs that Batch reports as stuck at the head of a queue: nodes, asks_for, job_queue, since, code, reason, remedy.
    blocked: tuple[Mapping[str, Any], ...] = ()
    created_at: int | None = None
    ended_at: int | None = None
    now: int | None = None

    @property
    def ended(self) -> bool:
        """Whether its status is final. Jobs may still be winding down until it is settled."""
        return self.status in FINAL

    @property
    def resumed_from(self) -> str | None:
        """Return the run that it resumed, if any."""
        found: str | None = (self.resumed or {}).get("from")
        return found

    @property
    def reused(self) -> int:
        """Return how many nodes of earlier runs it reuses, or of the run that it resumes."""
        told = self.resumed or {}
        return int(told.get("reused_total", len(told.get("reused") or ())))  # the list may be cut

    def made_in(self, node: str) -> str | None:
        """Return the run that made a node which this one reuses; None if it doesn't, or if the answer left that out."""
        return next((str(one["run_id"]) for one in self.reused_nodes if one["node"] == node), None)

    @property
    def resumable(self) -> bool:
        """Whether it left something to do that another run may take up."""
        return self.status in RESUMABLE

    @property
    def policy(self) -> OnFailure | None:
        """What a failure means for the rest of it, if that is known here."""
        return known_policy(self.on_failure)

    @property
    def over(self) -> bool:
        """Whether it will not change any more: its status is final, and its jobs have ended."""
        return self.ended and (self.settled or not any(group.status in IN_FLIGHT for group in self.groups))

    @property
    def seconds(self) -> float | None:
        """Return how long it took, or has taken until now."""
        until = self.ended_at or self.now
        return None if self.created_at is None or until is None else max(0, until - self.created_at) / 1000


@dataclass(frozen=True)
class RunSummary:
    """A run in a list."""

    run_id: str
    status: str
    pipelines: tuple[str, ...] = ()
    description: str | None = None
    reason: str | None = None
    groups_total: int = 0
    nodes_total: int = 0
    created_at: int | None = None
    ended_at: int | None = None
    #: The run that it resumed; None if there is none, or an older service lists it.
    resumed_from: str | None = None
    #: How many nodes of earlier runs it reuses; none, as far as an older service tells.
    reused: int = 0

    def seconds_until(self, now: int) -> float | None:
        """Return how long it took, or has taken until now (milliseconds, by any clock)."""
        end = now if self.status == "RUNNING" else self.ended_at
        return None if end is None or self.created_at is None else max(0, end - self.created_at) / 1000


class Runs(Protocol):
    """A source of runs."""

    def describe_run(self, run_id: str) -> RunState:
        """Return the state of a run."""
        ...

    def list_runs(self, status: str | None = None, limit: int | None = None) -> list[RunSummary]:
        """Return runs, newest first."""
        ...

    def cancel_run(self, run_id: str, reason: str | None = None, /) -> str:
        """Cancel a run and return its status."""
        ...


@dataclass(frozen=True)
class Service:
    """The functions of one deployed service; their names begin with a prefix."""

    prefix: str
    lambda_client: LambdaClient
    #: Adds to a run's state the reasons in the logs of failed jobs, which the service doesn't know.
    explain: Callable[[RunState], RunState] = field(default=lambda state: state, compare=False, repr=False)

    def start_run(self, request: Mapping[str, Any]) -> Started:
        """Start a run. An ambiguous failure may have started it: give an idempotency_key to be sure."""
        return _parse(Started, self._invoke("start_run", request))

    def rehearse(self, request: Mapping[str, Any]) -> Rehearsed:
        """Return what a request would run; nothing is started."""
        return _parse(Rehearsed, self._invoke("start_run", {**request, "dry_run": True}))

    def describe_run(self, run_id: str) -> RunState:
        """Return the state of a run with its groups, from all pages."""
        answer = self._invoke("describe_run", {"run_id": run_id})
        groups, page = list(answer["groups"]), answer.get("next_page")
        while page is not None:
            further = self._invoke("describe_run", {"run_id": run_id, "page": page})
            groups += further["groups"]
            page = further.get("next_page")
        return self.explain(read_state({**answer, "groups": groups}))

    def request_of(self, run_id: str) -> Mapping[str, Any]:
        """Return a run's request."""
        answer = self._invoke("describe_run", {"run_id": run_id, "limit": 1})
        return dict(answer.get("request") or {})

    def list_runs(self, status: str | None = None, limit: int | None = None) -> list[RunSummary]:
        """Return runs, newest first."""
        request = {"status": status, "limit": limit}
        answer = self._invoke("list_runs", {key: value for key, value in request.items() if value is not None})
        return [_parse(RunSummary, run) for run in answer["runs"]]

    def cancel_run(self, run_id: str, reason: str | None = None) -> str:
        """Cancel a run and return its status; a run that has ended keeps its own."""
        request = {"run_id": run_id} if reason is None else {"run_id": run_id, "reason": reason}
        return str(self._invoke("cancel_run", request)["status"])

    def _invoke(self, function: str, request: Mapping[str, Any]) -> dict[str, Any]:
        name = f"{self.prefix}-{function}"
        try:
            answer = self.lambda_client.invoke(FunctionName=name, Payload=json.dumps(request).encode())
            raw = answer["Payload"].read()
        except (ClientError, BotoCoreError) as error:
            raise ServiceError(self._why(error, name), "Unreachable" if may_pass(error) else "Refused") from error
        if answer.get("FunctionError"):
            raise ServiceError(_crash(name, raw), "Failed")
        return _result(name, raw)

    def _why(self, error: ClientError | BotoCoreError, name: str) -> str:
        if isinstance(error, ClientError) and error.response["Error"].get("Code") == "ResourceNotFoundException":
            return (
                f"There is no function '{name}' in {self.lambda_client.meta.region_name} in this account. Deploy the "
                "service (`kedro aws-batch deploy`). If it is elsewhere (see serverless.yml), set AWS_REGION or "
                "AWS_PROFILE. If it has another name, set aws_batch.service."
            )
        return why_refused(error, Call(f"call '{name}'", "lambda:InvokeFunction on it"))


def read_state(answer: Mapping[str, Any]) -> RunState:
    """Return the state in an answer of `describe_run`."""
    return _parse(RunState, {**answer, "groups": tuple(_parse(GroupState, group) for group in answer["groups"])})


def _result(name: str, raw: bytes) -> dict[str, Any]:
    try:
        result = json.loads(raw)
    except ValueError:
        result = None
    if not isinstance(result, dict):
        raise ServiceError(
            f"The function '{name}' answered {raw[:200]!r}, which is not an answer of this service.", "Failed"
        )
    error = result.get("error")
    if isinstance(error, dict):
        raise ServiceError(str(error.get("message", error)), str(error.get("type", "Failed")), error.get("details"))
    return result


def _crash(name: str, raw: bytes) -> str:
    try:
        crash = json.loads(raw)
        what = f"{crash.get('errorType', 'an error')}: {crash.get('errorMessage', '')}"
    except (ValueError, AttributeError):
        what = raw[:500].decode(errors="replace")
    return f"The function '{name}' failed with {what.strip()} Its log group /aws/lambda/{name} says more."


def _parse(kind: type[_Answer], answer: Mapping[str, Any]) -> _Answer:
    """Return a dataclass from an answer; lists become tuples, and fields of a newer service are left out."""
    known = {one.name for one in fields(kind)}
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in answer.items() if key in known}
    return kind(**values)
