"""The deployed service in virtual time: its functions, the queue between them, and their cost."""

from __future__ import annotations

import gc
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from adapters.ports import Ports
from adapters.run_table import DynamoRunTable
from benchmarks.aws import figures
from benchmarks.aws.batch import FiberJobQueue, TimedBatch, Work
from benchmarks.aws.containers import Containers
from benchmarks.aws.deployment import TIMEOUT_MS, Deployment, Usage
from benchmarks.aws.dynamodb import Line, MeteredDynamoDB
from benchmarks.aws.time import Bucket, Gone, Timeline, TimelineClock
from dag.document import GraphDocument
from dag.request import Allowed
from dag.status import RunStatus
from runs.advance import Dispatcher
from runs.asking import payload_of
from runs.creation import RunSource, begin_run
from runs.messages import take_all
from runs.plans import Plans
from runs.recovery import reconcile
from tests.silence import Silence
from tests.simulation.graphs import DEFINITION, HOME, QUEUE

_VISIBILITY_MS = 360_000


@dataclass
class _Environment:
    """A Lambda execution environment."""

    plans: Plans = field(default_factory=Plans)
    used_at: float = 0.0


class _Line(Line):
    def __init__(self, service: Service) -> None:
        self._service = service
        self._partitions: dict[str, tuple[Bucket, Bucket]] = {}

    def depart(self, operation: str) -> None:
        self._service.call(operation)

    def admit(self, writes: Mapping[str, int], reads: Mapping[str, int]) -> bool:
        now = self._service.timeline.now
        for number, units in enumerate((writes, reads)):
            for pk, amount in units.items():
                limits = (Bucket(figures.WRITES_A_SECOND.value), Bucket(figures.READS_A_SECOND.value))
                if not self._partitions.setdefault(pk, limits)[number].take(now, amount):
                    return False
        return True

    def back_off(self, attempt: int) -> None:
        """Wait as botocore's standard mode with five attempts does."""
        if attempt >= 5:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "throttled"}}, "DynamoDB")
        self._service.timeline.pause(min(20_000, self._service.timeline.rng.random() * 1000 * 2 ** (attempt - 1)))

    def arrive(self) -> None:
        self._service.timeline.used()


@dataclass
class _Message:
    body: Callable[[], str]
    size: int
    number: int


class Service:
    """One run of one document, from start_run to its end."""

    def __init__(
        self, document: GraphDocument, lasts: Callable[[str], float], deployment: Deployment, seed: int = 0
    ) -> None:
        self.document = document
        self.deployment = deployment
        self.timeline = Timeline(seed)
        self.usage = Usage()
        self.dynamodb = MeteredDynamoDB(_Line(self))
        ask = partial(self.invoke, "next_group")
        self.containers = Containers(self.timeline, ask, lasts, carry_on=document.run.get("warm_containers", False))
        self.batch = TimedBatch(self.timeline, self.call, self.containers, self._job_ended)
        self.batch.door = self._ask
        self._told = Plans()
        self.request: Mapping[str, Any] = {}  #: of the run
        self.run_id: str | None = None
        self.began = self.timeline.now
        self._key = "given:1"
        self._environments: dict[str, list[_Environment]] = {}
        self._queue: deque[_Message] = deque()
        self._fetched: dict[str, _Message] = {}
        self._handling = 0
        self._busy_since: float | None = None
        self._messages = 0
        self._live = 0
        self._sizes: dict[int, int] = {}

    # what the functions see --------------------------------------------------------------------------------------

    def call(self, name: str) -> None:
        """Let an AWS call's time pass: the CPU used until then, boto3's, and the way there and back."""
        self.usage.calls[name] += 1
        cpu = self.timeline.used() + figures.CLIENT_MS.value
        self.usage.cpu_ms += cpu
        self.timeline.pause(cpu * self.timeline.slowness + figures.REQUEST_MS[name])

    def add(self, counts: Mapping[str, int], /) -> None:
        """Accept counts."""

    def announce(self, detail: Mapping[str, Any]) -> None:  # noqa: ARG002 - nobody listens
        """Accept an announcement."""
        self.call("PutEvents")

    def advance_later(self, run_id: str, seconds: int = 0) -> None:
        """Accept a message of an invocation that ran out of time, or has to wait."""
        self.call("SendMessage")
        body = json.dumps({"advance": {"run_id": run_id}})
        self.timeline.later(1000 * seconds, lambda: self._arrive(lambda: body, len(body)))

    def receive(self) -> list[Mapping[str, Any]]:
        """Return messages to a function that fetches more."""
        self.call("ReceiveMessage")
        got = [self._queue.popleft() for _ in range(min(len(self._queue), int(figures.RECEIVE_AT_ONCE.value)))]
        self.usage.sqs += _chunks(sum(message.size for message in got))
        for message in got:
            self._fetched[str(message.number)] = message
            self.timeline.later(_VISIBILITY_MS, partial(self._unless_deleted, message))
        return [{"messageId": str(m.number), "body": m.body(), "receiptHandle": str(m.number)} for m in got]

    def delete(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Delete messages that a function has fetched."""
        for first in range(0, len(records), 10):
            self.call("DeleteMessageBatch")
            self.usage.sqs += 1
            for record in records[first : first + 10]:
                del self._fetched[record["receiptHandle"]]

    def _unless_deleted(self, message: _Message) -> None:
        if self._fetched.pop(str(message.number), None):
            self._again(message)

    def _dispatcher(self, environment: _Environment, deadline: float) -> Dispatcher:
        clock = TimelineClock(self.timeline, deadline)
        client: Any = self.batch
        queue = FiberJobQueue((client, client), clock, lambda seconds: self.timeline.pause(seconds * 1000))
        queue.timeline, queue.at_once = self.timeline, 8
        dynamodb: Any = self.dynamodb
        return Dispatcher(self._ports(dynamodb, queue, clock), environment.plans)

    def _ports(self, dynamodb: Any, queue: FiberJobQueue, clock: TimelineClock) -> Ports:
        return Ports(
            table=DynamoRunTable(dynamodb, "runs"),
            queue=queue,
            announcements=self,
            messages=self,
            clock=clock,
            retention=90 * 86_400,
            log=Silence(),
            counts=self,
        )

    def _ask(self, run_id: str, whom: Mapping[str, str], index: int | None) -> Mapping[str, Any]:
        """Answer a job as next_group does: for the price of an invocation, in no time, since jobs ask side by side."""
        dynamodb: Any = self.dynamodb.unmetered()
        clock = TimelineClock(self.timeline, self.timeline.now + TIMEOUT_MS)
        queue = FiberJobQueue((dynamodb, dynamodb), clock, self.timeline.pause)
        ports = self._ports(dynamodb, queue, clock)
        self.usage.invocations["next_group"] += 1
        self.usage.billed_ms["next_group"] += int(figures.ASK_MS.value)
        return payload_of(Dispatcher(ports, self._told), run_id, whom["job"], whom["token"], index)

    # functions ---------------------------------------------------------------------------------------------------

    def invoke(self, name: str, act: Callable[[Dispatcher], Any], done: Callable[[Any], None]) -> None:
        """Invoke a function; `done` gets its result, or None if it failed."""
        asked = self.timeline.now
        environments = self._environments.setdefault(name, [])
        warm = [each for each in environments if asked - each.used_at < figures.IDLE_MS.value]
        environment = warm.pop() if warm else _Environment()
        self._environments[name] = warm
        cold = environment.used_at == 0.0
        wait = figures.COLD_MS.value if cold else figures.WARM_MS.value
        deadline = asked + wait + TIMEOUT_MS
        self._live += 1

        def run() -> None:
            self.timeline.pause(wait)
            result = None
            try:
                result = act(self._dispatcher(environment, deadline))
                cpu = self.timeline.used()
                self.usage.cpu_ms += cpu
                self.timeline.pause(cpu * self.timeline.slowness)
            except (Gone, ClientError):
                self.usage.failed += 1
            environment.used_at = self.timeline.now
            self._environments[name].append(environment)
            self.usage.invocations[name] += 1
            self.usage.billed_ms[name] += int(self.timeline.now - asked - (0 if cold else wait)) + 1
            self.usage.cold += cold
            self._live -= 1
            done(result)

        self.timeline.spawn(run, deadline, self.deployment.slowness(name))

    def begin(self) -> None:
        """Invoke start_run."""
        source = RunSource(self.document, Allowed([QUEUE], [DEFINITION]), HOME)

        def started(run: Any) -> None:
            assert run is not None, "start_run failed"
            self.run_id = run.run_id

        self.invoke("start_run", lambda dispatcher: begin_run(dispatcher, source, self.request, self._key), started)

    def follow(self, earlier: Service, later: float) -> None:
        """Go on with another run's table, so many ms after it has ended."""
        self.dynamodb.take_over(earlier.dynamodb)
        self.timeline.now = self.began = earlier.timeline.now + later
        self._key = f"given:{self.began}"

    def go(self) -> None:
        """Start a run and let everything happen until it has ended and nothing is in progress."""
        gc.collect()
        gc.disable()  # the simulated AWS's data would count as the functions' garbage
        try:
            self.begin()
            self.timeline.later(37_000, self._reconcile)
            self.timeline.go(self._is_over)
        finally:
            gc.enable()
        assert self.ended is not None
        assert self.status is RunStatus.SUCCEEDED, self.status

    def _reconcile(self) -> None:
        self.timeline.later(60_000, self._reconcile)
        self.invoke("reconcile", lambda dispatcher: reconcile(dispatcher, 2 * TIMEOUT_MS), lambda _: None)

    def _is_over(self) -> bool:
        # The last reconcile removes the run from its list.
        under_way = self._live or self._queue or self._fetched
        return self.ended is not None and not under_way and not self.dynamodb.keys("active")

    def durations(self) -> bytes | None:
        """Return what the run taught about its groups and its containers' starts."""
        table: Any = self.dynamodb.unmetered()
        return DynamoRunTable(table, "runs").get_durations(self.document.project, self.document.environment)

    def know(self, durations: bytes) -> None:
        """Let earlier runs have taught this."""
        table: Any = self.dynamodb.unmetered()
        DynamoRunTable(table, "runs").put_durations(self.document.project, self.document.environment, durations)

    @property
    def status(self) -> RunStatus:
        """Return the run's status."""
        item = self.dynamodb.peek(f"run#{self.run_id}", "status") or {}
        return RunStatus(item["status"]["S"])

    @property
    def ended(self) -> float | None:
        """Return when the run ended."""
        item = self.dynamodb.peek(f"run#{self.run_id}", "status") or {}
        return float(item["ended_at"]["N"]) if "ended_at" in item else None

    # events ------------------------------------------------------------------------------------------------------

    def _job_ended(self, work: Work) -> None:
        def body() -> str:
            return json.dumps(
                {
                    "version": "0",
                    "id": "00000000-0000-4000-8000-000000000000",
                    "detail-type": "Batch Job State Change",
                    "source": "aws.batch",
                    "account": "123456789012",
                    "time": "2026-11-22T13:11:00Z",
                    "region": "us-east-1",
                    "resources": [f"arn:aws:batch:us-east-1:123456789012:job/{work.job_id}"],
                    "detail": work.detail(work.ends),
                }
            )

        if id(work.request) not in self._sizes:  # siblings' events differ in a few digits
            self._sizes[id(work.request)] = len(body())
        size = self._sizes[id(work.request)]
        self.timeline.later(self._delivery(), lambda: self._arrive(body, size))

    def _delivery(self) -> float:
        """Return ms, lognormal with the stated median and P99."""
        median, p99 = figures.DELIVERY_MS.value, figures.DELIVERY_P99_MS.value
        return float(median * (p99 / median) ** (self.timeline.rng.gauss(0, 1) / 2.326))

    def _arrive(self, body: Callable[[], str], size: int) -> None:
        self.usage.sqs += _chunks(size)
        self._messages += 1
        self._queue.append(_Message(body, size, self._messages))
        self._consume()

    def _consume(self) -> None:
        now = self.timeline.now
        if not self._queue:
            self._busy_since = None
            return
        if self._busy_since is None:
            self._busy_since = now
        more = (now - self._busy_since) / 60_000 * figures.BATCHES_A_MINUTE.value
        if self._handling < min(self.deployment.concurrency, figures.FIRST_BATCHES.value + more):
            self._handling += 1
            self.timeline.spawn(self._gather)

    def _gather(self) -> None:
        """Receive messages until the batch is full or the window is over, then invoke the function."""
        batch: list[_Message] = []
        size = 0
        end = self.timeline.now + self.deployment.window_ms
        while True:
            self.timeline.pause(figures.RECEIVE_MS.value)
            received = size
            for _ in range(int(figures.RECEIVE_AT_ONCE.value)):
                room = len(batch) < self.deployment.batch_size
                if not self._queue or not room or size + self._queue[0].size > figures.PAYLOAD.value:
                    break
                batch.append(self._queue.popleft())
                size += int(batch[-1].size * 1.06) + 500  # quoted again, with the record's own fields
            self.usage.sqs += _chunks(size - received) if size > received else 0
            full = len(batch) >= self.deployment.batch_size or size > figures.PAYLOAD.value * 0.99
            if full or self.timeline.now >= end or (self._queue and self._queue[0].size + size > figures.PAYLOAD.value):
                break
        if not batch:
            self._handling -= 1
            return
        self._consume()
        self._hand_over(batch)

    def _hand_over(self, batch: list[_Message]) -> None:
        event = json.dumps({"Records": [{"messageId": str(m.number), "body": m.body()} for m in batch]})
        self.usage.most_events = max(self.usage.most_events, len(batch))

        def act(dispatcher: Dispatcher) -> Any:
            return take_all(dispatcher, json.loads(event)["Records"])

        def done(taken: Any) -> None:
            self._handling -= 1
            failed = {str(m.number) for m in batch} if taken is None else set(taken.failed)
            kept = [m for m in batch if str(m.number) in failed]
            self.usage.sqs += -(-(len(batch) - len(kept)) // 10)
            for message in kept:
                self.timeline.later(_VISIBILITY_MS, partial(self._again, message))
            self._consume()

        self.invoke("job_state_change", act, done)

    def _again(self, message: _Message) -> None:
        self._queue.append(message)
        self._consume()

    # what it cost ------------------------------------------------------------------------------------------------

    def dollars(self, invoked: str | None = None) -> float:
        """Return the cost of the run, without Batch itself; or one function's share of Lambda."""
        names = [invoked] if invoked else list(self.usage.invocations)
        requests = sum(self.usage.invocations[name] for name in names) * figures.LAMBDA_REQUEST.value
        gb_s = sum(self.usage.billed_ms[name] / 1000 * self.deployment.memory_mb[name] / 1024 for name in names)
        lambda_ = requests + gb_s * figures.LAMBDA_GB_SECOND.value
        return lambda_ if invoked else lambda_ + self.table_dollars() + self.queue_dollars()

    def table_dollars(self) -> float:
        """Return DynamoDB's part."""
        units = self.dynamodb.meter.units
        return units["write"] * figures.WRITE_UNIT.value + units["read"] * figures.READ_UNIT.value

    def queue_dollars(self) -> float:
        """Return the part of SQS and EventBridge."""
        announced = self.usage.calls["PutEvents"] * figures.CUSTOM_EVENT.value
        return self.usage.sqs * figures.SQS_REQUEST.value + announced


def _chunks(size: int) -> int:
    return max(1, -(-size // int(figures.SQS_CHUNK.value)))
