"""A simulated AWS in virtual time, on which the real functions run, interleaved call by call.

Every invocation is a fiber, or several. At each AWS call it gives control back until the call's latency is over, so
that between any two calls of one invocation all others may have made theirs. When its time-out is over it is gone. One
seed drives all of it: latencies, delivery, loss and repetition of events, throttling, ambiguous submissions, crashes,
clocks, and how jobs end. `dag.limits` has what AWS allows, `benchmarks.aws.figures` how long it takes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from adapters.ports import Ports, UnavailableError
from adapters.run_table import DynamoRunTable
from benchmarks.aws import figures
from benchmarks.aws.dynamodb import MeteredDynamoDB
from benchmarks.aws.time import Bucket
from dag import limits
from dag.document import GraphDocument
from dag.errors import NotReadyError
from dag.request import Allowed
from dag.status import RunStatus
from runs.advance import Dispatcher
from runs.asking import payload_of
from runs.creation import RunSource, begin_run
from runs.plans import Plans
from runs.recovery import reconcile
from tests.simulation.batch import Faults, SimulatedBatch, SimulatedJob
from tests.simulation.deployed import deployed
from tests.simulation.fibers import Gone, Timeline, current
from tests.simulation.graphs import DEFINITION, HOME, QUEUE
from tests.simulation.lateness import Lateness
from tests.simulation.ports import AWS_ERRORS, FiberJobQueue, Invocation, InvocationClock, Witness
from tests.simulation.promises import BrokenPromiseError, History, check_counts, check_end, parents_of
from tests.simulation.queue import EventsQueue, event
from tests.simulation.table import Peek, SimulatedDynamoDB, Wire


class Call(NamedTuple):
    """The so-many-th call of an operation, from 1."""

    operation: str
    number: int


@dataclass(frozen=True)
class Outage:
    """For a while all calls of a service fail."""

    service: str  #: "Batch", "DynamoDB" or "EventBridge"
    begins: int
    ends: int


@dataclass
class World:
    """One run of one graph, and all that befalls it."""

    seed: int
    document: GraphDocument
    faults: Faults = field(default_factory=Faults)
    request: dict[str, Any] = field(default_factory=dict)
    fair: bool = False  #: without reconcile: then all must end well, and promptly
    calm: bool = False  #: no call takes much longer than usual, and no event
    cancel_at_job: int | None = None  #: cancel the run just as so many jobs have been submitted
    page_bytes: int = limits.QUERY_BYTES.most
    timeout: int | None = None  #: ms, for every function, instead of the deployed one
    skew: int = 0  #: the most ms by which invocations' clocks are off
    outages: list[Outage] = field(default_factory=list)
    crash_at: frozenset[Call] = frozenset()  #: the calls at which the invocation dies
    twice_at: frozenset[Call] = frozenset()  #: the calls to DynamoDB whose answer is lost
    lost_events: frozenset[int] = frozenset()
    bounds: Mapping[str, int] | None = None  #: how late each step may come, in ms

    def __post_init__(self) -> None:
        self.timeline = Timeline(self.seed)
        self.rng = self.timeline.rng
        self.begun = self.timeline.now
        settings = {**self.document.run, **self.request}
        self.history = History(
            parents_of(self.document), settings["max_workers"], settings["on_failure"] == "abort", self.begun
        )
        self.lateness = Lateness(self.history)
        self.dynamodb = SimulatedDynamoDB(
            Wire(self.call, self.timeline.pause, partial(self._is_out, "DynamoDB")), self.page_bytes, self._loses_answer
        )
        self.peek = Peek(self.dynamodb)
        self.batch = SimulatedBatch(self.rng, lambda: self.timeline.now, self._call_batch, self._hear, self.faults)
        self.batch.door = self._ask
        self.batch.quota = Bucket(figures.SUBMITS_A_SECOND.value)
        self.queue = EventsQueue(self.timeline, self.invoke, orderly=self.calm)
        self.announced: list[Mapping[str, Any]] = []
        self.counted: Counter[str] = Counter()
        self.run_id: str | None = None
        self.run_ids: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.faults_end = self.begun
        self.settled_at: int | None = None
        self._plans, self._told = Plans(), Plans()
        self._live = self._events = 0

    # what the invocations see ------------------------------------------------------------------------------------

    def call(self, name: str) -> None:
        """Let a call's latency pass, at the end of which it takes effect, unless the invocation has died."""
        self.calls[name] += 1
        if current() is None:
            return
        dies = (name, self.calls[name]) in self.crash_at or self._unlucky(self.faults.crash)
        self.timeline.pause(self._latency(name))
        if dies:
            self.timeline.crash()

    def _latency(self, name: str) -> int:
        if not self.calm and self.rng.random() > 0.97:
            return self.rng.randint(500, 8000)
        return int(figures.REQUEST_MS[name] * self.rng.choice((0.5, 0.8, 1.0, 1.2, 2.0))) + self.rng.randrange(3)

    def _call_batch(self, name: str) -> None:
        self.call(name)
        self.batch.failing = self._is_out("Batch")

    def _is_out(self, service: str) -> bool:
        now = self.timeline.now
        return any(each.service == service and each.begins <= now < each.ends for each in self.outages)

    def _loses_answer(self, operation: str) -> bool:
        self.answers[operation] += 1
        return (operation, self.answers[operation]) in self.twice_at or self._unlucky(self.faults.dynamodb_twice)

    def _dispatcher(self, invocation: Invocation, dynamodb: MeteredDynamoDB, plans: Plans) -> Dispatcher:
        clock = InvocationClock(self.timeline, invocation)
        batch: Any = self.batch
        queue = FiberJobQueue((batch, batch), clock, lambda seconds: self.timeline.pause(int(seconds * 1000) + 1))
        queue.timeline = self.timeline
        client: Any = dynamodb
        ports = Ports(
            table=_WatchedTable(client, self),
            queue=queue,
            announcements=self,
            messages=self,
            clock=clock,
            retention=86_400,
            log=Witness(),
            counts=self,
        )
        return Dispatcher(ports, plans)

    def add(self, counts: Mapping[str, int], /) -> None:
        """Record counts."""
        self.counted.update(counts)

    def announce(self, detail: Mapping[str, Any]) -> None:
        """Take an announcement."""
        self.call("PutEvents")
        if self._is_out("EventBridge"):
            raise UnavailableError("no bus")
        self.announced.append(detail)
        what = "start" if detail["status"] == RunStatus.RUNNING.value else "end"
        self.lateness.announced(what, self.timeline.now)

    def advance_later(self, run_id: str, seconds: int = 0) -> None:
        """Take a message of an invocation that ran out of time, or has to wait."""
        self.call("SendMessage")
        self.queue.send(json.dumps({"advance": {"run_id": run_id}}), 1000 * seconds)

    def receive(self) -> list[Mapping[str, Any]]:
        """Hand messages to an invocation that asks for more."""
        self.call("ReceiveMessage")
        return self.queue.receive()

    def delete(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Delete messages that an invocation received by itself."""
        self.call("DeleteMessageBatch")
        self.queue.delete(records)

    # what happens ------------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Return the time, in ms."""
        return self.timeline.now

    def later(self, milliseconds: int, action: Callable[[], object]) -> None:
        """Do something in so many ms."""
        self.timeline.later(milliseconds, action)

    def invoke(self, name: str, act: Callable[[Dispatcher], Any], done: Callable[[Any], None]) -> None:
        """Invoke a function; `done` gets its result, or None if it failed, crashed or ran out of time."""
        deadline = self.now + (self.timeout or deployed().timeouts[name])
        skew = self.rng.randint(-self.skew, self.skew) if self.skew else 0
        invocation = Invocation(deadline, name=name, began_over=self.peek.is_over(), skew=skew)
        self._live += 1

        def run() -> None:
            result = None
            try:
                result = act(self._dispatcher(invocation, self.dynamodb, self._plans))
                if self._unlucky(self.faults.crash):
                    result = None  # its work was done, but nobody heard of it
            except Gone:
                pass
            except AWS_ERRORS:
                if not self.outages:
                    raise
            except NotReadyError:
                if self.batch.queues is None:
                    raise
            self._live -= 1
            self.later(0, lambda: done(result))

        self.timeline.spawn(run, invocation)

    def _ask(self, run_id: str, whom: Mapping[str, str], index: int | None) -> Mapping[str, Any]:
        """Answer a job like next_group; this interleaves with nothing, since it changes nothing."""
        asked = Invocation(self.now + deployed().timeouts["next_group"], name="next_group")
        dispatcher = self._dispatcher(asked, self.dynamodb.unmetered(), self._told)
        return payload_of(dispatcher, run_id, whom["job"], whom["token"], index)

    def start(self, key: str = "given:1") -> None:
        """Invoke start_run, and again as an asynchronous invocation is when it failed."""
        source = RunSource(self.document, Allowed([QUEUE], [DEFINITION]), HOME)

        def done(run: Any) -> None:
            if run is None:
                self.later(1000, lambda: self.start(key))
                return
            self.run_ids.add(run.run_id)
            self.run_id = run.run_id

        self.invoke("start_run", lambda dispatcher: begin_run(dispatcher, source, self.request, key), done)

    def cancel(self) -> None:
        """Invoke cancel_run on an existing run, until it answers."""
        runs = sorted(run.run_id for run in self.peek.runs())
        if not runs:
            self.later(1000, self.cancel)
            return

        def act(dispatcher: Dispatcher) -> bool:
            dispatcher.ports.table.end_run(runs[0], RunStatus.CANCELLED, "enough", dispatcher.ports.clock.now())
            dispatcher.advance(runs[0])
            return True

        self.invoke("cancel_run", act, lambda done: None if done else self.later(1000, self.cancel))

    def reconcile_every_minute(self) -> None:
        """Invoke reconcile now and every minute from now."""
        self.later(60_000, self.reconcile_every_minute)
        self.invoke("reconcile", lambda dispatcher: reconcile(dispatcher, deployed().lifetime), lambda _: None)

    def delete_queues(self) -> None:
        """Delete all job queues, once there is a run: without queues none can start."""
        if self.run_id is None:
            self.later(1000, self.delete_queues)
        else:
            self.batch.delete_queues()

    def _hear(self, what: str, job: SimulatedJob) -> None:
        if what == "accepted":
            self._accept(job)
        elif what == "copied":
            self.later(job.lasts, lambda: None if job.over or job.size else self.batch.end(job))
        else:
            self._end(job)

    def _accept(self, job: SimulatedJob) -> None:
        self.lateness.submitted(job, self.now)
        self.history.accepted(job, self.now)
        fiber = current()
        if fiber is not None and isinstance(fiber.life, Invocation) and fiber.life.began_over:
            raise BrokenPromiseError(f"{job.name} was submitted by an invocation that began after the run had ended")
        if self.history.alive + len(self.history.ends) == self.cancel_at_job:
            self.later(self.rng.randrange(50), self.cancel)
        self._begin_job(job)
        if self._unlucky(self.faults.copied):
            lasts = self.rng.choice((0, 1_000, 100_000))
            self.later(self.rng.randrange(5_000), lambda: self.batch.copy(job, self.rng.choice((0, 1)), lasts))

    def _begin_job(self, job: SimulatedJob) -> None:
        self.later(job.lasts, lambda: None if job.over else self.batch.end(job))

    def _end(self, job: SimulatedJob) -> None:
        if job.size is None and not job.foreign:
            self.lateness.job_ended(job, self.now)
            self.history.ended(job, self.now)
        self._events += 1
        out = self._is_out("EventBridge")
        if out or self._events in self.lost_events or self._unlucky(self.faults.lose_event):
            return
        for _ in range(2 if self._unlucky(self.faults.repeat_event) else 1):
            self.queue.send(event(job.detail()), self._delivery())

    def _delivery(self) -> int:
        usual = int(figures.DELIVERY_MS.value), int(figures.DELIVERY_P99_MS.value)
        if self.calm:
            return self.rng.randint(*usual)
        return self.rng.choice((1, 5, *usual, 3_000)) if self.rng.random() < 0.95 else 100_000

    def _unlucky(self, probability: float) -> bool:
        return self.faults.on and probability > 0 and self.rng.random() < probability

    # what is promised --------------------------------------------------------------------------------------------

    def go(self, faults_last: int = 900_000) -> None:
        """Run the world until all is settled. Raises BrokenPromiseError also when that takes too long."""
        self.faults_end = max([self.now + faults_last, *(outage.ends for outage in self.outages)])
        for outage in self.outages:
            self.lateness.excuse(outage.service, outage.begins, outage.ends)
        self.later(faults_last, self._stop_faults)
        bound = self.faults_end + 1_800_000 + 600_000 * _depth(self.history.parents) + self._work_in_turn()
        while not self._settled():
            if not self.timeline.step():
                raise BrokenPromiseError("not settled, and nothing will happen any more")
            if self.now > bound:
                raise BrokenPromiseError(f"not settled {(self.now - self.faults_end) // 1000} s after the last fault")
        self._check_end()
        if self.bounds is not None:
            self.lateness.check(self.bounds)

    def _work_in_turn(self) -> int:
        """Return the most ms that the jobs take, as far as they have to wait for each other."""
        workers = self.request.get("max_workers")
        size = len(self.document.nodes)
        return (0 if workers is None else size * 220_000 // workers) + size * 400

    def _stop_faults(self) -> None:
        self.faults.on = False

    def _settled(self) -> bool:
        if self.run_id is None or self._live or self.history.alive or self.queue.waiting:
            return False
        if self.fair and not self.peek.is_over():
            return False
        return (self.fair or not self.peek.is_open()) and self.now - self.begun > 60_000

    def _check_end(self) -> None:
        runs = self.peek.runs()
        if {run.run_id for run in runs} != self.run_ids or len(runs) != 1:
            raise BrokenPromiseError(f"one key made several runs: {sorted(self.run_ids)}, {len(runs)} in all")
        kept = self.batch.queues is None  # a refusal counts as a failed job, though there was none
        if kept or runs[0].status is not RunStatus.FAILED:
            check_end(runs[0], self.history, {detail["status"] for detail in self.announced})
        if kept and not self.twice_at and not self.faults.dynamodb_twice:
            check_counts(runs[0], self.peek.view(runs[0].run_id), self.counted, len(self.batch.work))


class _WatchedTable(DynamoRunTable):
    """The real adapter; the world sees when a run ends and when it is settled."""

    def __init__(self, client: Any, world: World) -> None:
        super().__init__(client, "runs")
        self._world = world

    def end_run(self, run_id: str, status: RunStatus, reason: str | None, at: int) -> bool:
        ended = super().end_run(run_id, status, reason, at)
        if self._world.history.run_ended is None and self._world.peek.is_over():
            self._world.lateness.run_ended(status, self._world.now)
            self._world.history.run_ended = self._world.now
        return ended

    def delete_active(self, run_id: str) -> None:
        super().delete_active(run_id)
        if self._world.settled_at is None:
            self._world.settled_at = self._world.now
            self._world.lateness.settled(self._world.now)


def _depth(parents: Sequence[Sequence[int]]) -> int:
    depth: list[int] = []
    for above in parents:
        depth.append(1 + max((depth[parent] for parent in above), default=0))
    return max(depth)
