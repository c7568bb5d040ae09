"""A simulated AWS in virtual time, on which the real handlers run, interleaved call by call.

Every invocation is a greenlet. At each AWS call it gives control back, and goes on when the call's latency is over, so
that between any two calls of one invocation all others may have made theirs. One seed drives all of it: latencies,
delivery, loss and repetition of events, throttling, ambiguous submissions, crashes, and how jobs end.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from greenlet import getcurrent, greenlet

from adapters.job_queue import BatchJobQueue
from adapters.ports import Ports
from dag.document import GraphDocument
from dag.jobs import JobName, read_job_name
from dag.records import Run
from dag.request import Allowed
from dag.shards import View
from dag.status import RunStatus
from runs.advance import Dispatcher
from runs.asking import payload_of
from runs.creation import Source, start
from runs.messages import FULL, take_all
from runs.plans import Plans
from runs.recovery import reconcile
from tests.silence import Silence
from tests.simulation.batch import Faults, SimulatedBatch, SimulatedJob
from tests.simulation.graphs import DEFINITION, HOME, QUEUE
from tests.simulation.run_table import MemoryRunTable

TIMEOUT = 60_000  #: ms that an invocation may live
LIFETIME = 2 * TIMEOUT
VISIBILITY = 90_000
MOST_RECEIVES = 5
CONSUMERS = 3


class BrokenPromiseError(BaseException):
    """The protocol broke a promise. No handler of the functions can catch it."""


class _Crash(BaseException):
    """An invocation is gone, between two of its calls."""


@dataclass
class Message:
    """A message in the queue."""

    body: str
    receives: int = 0
    number: int = 0


@dataclass
class Invocation:
    """A call of one of the functions."""

    name: str
    began_over: bool  #: the run had ended before it began
    deadline: int
    fiber: greenlet | None = None


@dataclass
class World:
    """One run of one graph, and all that befalls it."""

    seed: int
    document: GraphDocument
    faults: Faults = field(default_factory=Faults)
    request: dict[str, Any] = field(default_factory=dict)
    fair: bool = False  #: nothing goes wrong but jobs: then all must end well without reconcile, and promptly
    cancel_at_job: int | None = None  #: cancel the run just as so many jobs have been submitted
    now: int = 1_700_000_000_000

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.table = MemoryRunTable(
            self._call, page_size=1000 if len(self.document.nodes) > 50 else self.rng.choice((1, 3, 1000))
        )
        self.batch = SimulatedBatch(self.rng, lambda: self.now, self._call, self._hear, self.faults)
        self.batch.door = self._ask
        self.announced: list[Mapping[str, Any]] = []
        self.counted: Counter[str] = Counter()
        self.dead_letters = 0
        self.run_id: str | None = None
        self.run_ids: set[str] = set()
        self.calls: dict[str, int] = {}
        self._plans = Plans()
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._queue: list[Message] = []
        self._fetched: dict[str, Message] = {}
        self._consumers = 0
        self._current: Invocation | None = None
        self._live: list[Invocation] = []
        self._hub = getcurrent()
        self._begun = self.now
        self.faults_end = self.now

    # what the invocations see ------------------------------------------------------------------------------------

    def _call(self, name: str) -> None:
        self.calls[name] = self.calls.get(name, 0) + 1
        invocation = self._current
        if invocation is None:
            return
        slow = self.rng.random() > 0.97 and not self.fair
        latency = self.rng.randint(500, 8000) if slow else self.rng.choice((1, 3, 5, 8, 30))
        self._pause(invocation, latency)
        if self.faults.on and self.rng.random() < self.faults.crash:
            raise _Crash

    def _sleep(self, seconds: float) -> None:
        if self._current is not None:
            self._pause(self._current, int(seconds * 1000) + 1)

    def _pause(self, invocation: Invocation, milliseconds: int) -> None:
        self.later(milliseconds, lambda: self._resume(invocation))
        self._hub.switch()
        if self.now >= invocation.deadline:
            raise _Crash

    def _dispatcher(self, invocation: Invocation) -> Dispatcher:
        clock = _Clock(self, invocation)
        client: Any = self.batch
        queue = BatchJobQueue((client, client), clock, self._sleep, at_once=1)
        ports = Ports(
            table=self.table,
            queue=queue,
            announcements=self,
            messages=self,
            clock=clock,
            retention=86_400,
            log=Silence(),
            counts=self,
        )
        return Dispatcher(ports, self._plans)

    def add(self, counts: Mapping[str, int], /) -> None:
        """Take what is counted."""
        self.counted.update(counts)

    def announce(self, detail: Mapping[str, Any]) -> None:
        """Take an announcement."""
        self._call("PutEvents")
        self.announced.append(detail)

    def advance_later(self, run_id: str) -> None:
        """Take a message of an invocation that ran out of time."""
        self._call("SendMessage")
        self._send(json.dumps({"advance": {"run_id": run_id}}), 0)

    def receive(self) -> list[Mapping[str, Any]]:
        """Hand messages to an invocation that asks for more; they come again unless it deletes them."""
        self._call("ReceiveMessage")
        got = [self._queue.pop() for _ in range(min(len(self._queue), self.rng.randint(1, 10)))]
        for message in got:
            message.receives += 1
            self._fetched[str(message.number)] = message
            self.later(VISIBILITY, lambda message=message: self._unless_deleted(message))  # type: ignore[misc]
        return [{"messageId": str(m.number), "body": m.body, "receiptHandle": str(m.number)} for m in got]

    def delete(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Delete messages that an invocation received by itself."""
        self._call("DeleteMessageBatch")
        for record in records:
            self._fetched.pop(record["receiptHandle"], None)

    def _unless_deleted(self, message: Message) -> None:
        if self._fetched.pop(str(message.number), None):
            self._again(message)

    # what happens ------------------------------------------------------------------------------------------------

    def later(self, milliseconds: int, action: Callable[[], None]) -> None:
        """Do something in so many ms."""
        heapq.heappush(self._heap, (self.now + milliseconds, next(self._order), action))

    def invoke(self, name: str, act: Callable[[Dispatcher], Any], done: Callable[[Any], None]) -> None:
        """Invoke a function; `done` gets what it returned, or None if it crashed or ran out of time."""
        began_over = any(run.over for run in self.table._runs.values())
        invocation = Invocation(name, began_over, self.now + TIMEOUT)

        def run() -> None:
            result = None
            try:
                result = act(self._dispatcher(invocation))
                if self.faults.on and self.rng.random() < self.faults.crash:
                    result = None  # its work was done, but nobody heard of it
            except _Crash:
                pass
            self._live.remove(invocation)
            self.later(0, lambda: done(result))

        invocation.fiber = greenlet(run, self._hub)
        self._live.append(invocation)
        self.later(0, lambda: self._resume(invocation))

    def _ask(self, run_id: str, whom: Mapping[str, str], index: int | None) -> Mapping[str, Any]:
        """Answer a job, as next_group does; that interleaves with nothing, for it changes nothing."""
        current, calls = self._current, dict(self.calls)
        self._current = None
        asked = Invocation("next_group", began_over=False, deadline=self.now + TIMEOUT)
        told = payload_of(self._dispatcher(asked), run_id, whom["job"], whom["token"], index)
        self._current, self.calls = current, calls
        return told

    def _resume(self, invocation: Invocation) -> None:
        self._current = invocation
        assert invocation.fiber is not None
        invocation.fiber.switch()
        self._current = None

    def start(self, key: str = "given:1") -> None:
        """Invoke start_run, and again as an asynchronous invocation is when it failed."""
        source = Source(self.document, Allowed([QUEUE], [DEFINITION]), HOME)

        def done(run: Any) -> None:
            if run is None:
                self.later(1000, lambda: self.start(key))
                return
            self.run_ids.add(run.run_id)
            self.run_id = run.run_id

        self.invoke("start_run", lambda dispatcher: start(dispatcher, source, self.request, key), done)

    def cancel(self) -> None:
        """Invoke cancel_run on whatever run there is, until it answers."""
        runs = sorted(self.table._runs)
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
        self.invoke("reconcile", lambda dispatcher: reconcile(dispatcher, LIFETIME), lambda _: None)

    def _hear(self, what: str, job: SimulatedJob) -> None:
        if what == "accepted":
            self._check_accepted(job)
            if len(self.batch.work) == self.cancel_at_job:
                self.later(self.rng.randrange(50), self.cancel)
            self.later(job.lasts, lambda: None if job.over else self.batch.end(job))
            return
        if self._unlucky(self.faults.lose_event):
            return
        body = json.dumps({"detail-type": "Batch Job State Change", "source": "aws.batch", "detail": job.detail()})
        for _ in range(2 if self._unlucky(self.faults.repeat_event) else 1):
            self._send(body, self.rng.choice((1, 5, 50, 3_000)) if self.rng.random() < 0.95 else 100_000)

    def _unlucky(self, probability: float) -> bool:
        return self.faults.on and self.rng.random() < probability

    def _send(self, body: str, delay: int) -> None:
        message = Message(body, number=next(self._order))
        self.later(delay, lambda: self._arrive(message))

    def _arrive(self, message: Message) -> None:
        self._queue.append(message)
        self._consume()

    def _consume(self) -> None:
        if self._consumers >= CONSUMERS or not self._queue:
            return
        self.rng.shuffle(self._queue)
        batch = [self._queue.pop() for _ in range(min(len(self._queue), self.rng.randint(1, 10)))]
        for message in batch:
            message.receives += 1
        self._consumers += 1
        records = [{"messageId": str(message.number), "body": message.body} for message in batch]

        def done(taken: Any) -> None:
            self._consumers -= 1
            for message in batch:
                if taken is None or str(message.number) in taken.failed:
                    self._again(message)
            self._consume()

        full = self.rng.choice((1, FULL))
        self.invoke("job_state_change", lambda dispatcher: take_all(dispatcher, records, full), done)

    def _again(self, message: Message) -> None:
        if message.receives >= MOST_RECEIVES:
            self.dead_letters += 1
        else:
            self.later(VISIBILITY, lambda: self._arrive(message))

    # what is promised --------------------------------------------------------------------------------------------

    def _check_accepted(self, job: SimulatedJob) -> None:
        name = _name(job)
        plan = self._plans.get(self.table, name.run_id)
        for other in self.batch.work:
            if other is not job and other.nodes == job.nodes and (not other.over or other.exit_code != 137):
                raise BrokenPromiseError(
                    f"{job.name} was submitted although there was {other.name} ({other.detail()['status']})"
                )
        done = {other.nodes for other in self.batch.work if other.succeeded}
        group = next(group for group in plan.groups if group.nodes == job.nodes)
        for parent in group.parents:
            if plan.groups[parent].nodes not in done:
                raise BrokenPromiseError(f"{job.name} was submitted before group {parent} had succeeded")
        alive = sum(not other.over for other in self.batch.work)
        if plan.settings.max_workers is not None and alive > plan.settings.max_workers:
            raise BrokenPromiseError(
                f"{job.name} is one job too many: {alive} in flight, {plan.settings.max_workers} allowed"
            )
        assert self._current is not None
        if self._current.began_over:
            raise BrokenPromiseError(f"{job.name} was submitted by an invocation that began after the run had ended")

    def go(self, faults_last: int = 900_000) -> None:
        """Let the world run until all is settled. Raises BrokenPromiseError also when that takes too long."""
        self.faults_end = self.now + faults_last
        self.later(faults_last, self._stop_faults)
        bound = self.faults_end + 1_800_000 + 600_000 * _depth(self.document) + self._work_in_turn()
        while not self._settled():
            if not self._heap:
                raise BrokenPromiseError("not settled, and nothing will happen any more")
            self.now, _, action = heapq.heappop(self._heap)
            action()
            if self.now > bound:
                raise BrokenPromiseError(f"not settled {(self.now - self.faults_end) // 1000} s after the last fault")
        self._check_end()

    def _work_in_turn(self) -> int:
        """Return how many ms the jobs take at the most, as far as `max_workers` has them wait for each other."""
        workers = self.request.get("max_workers")
        return 0 if workers is None else len(self.document.nodes) * 220_000 // workers

    def _stop_faults(self) -> None:
        self.faults.on = False

    def _settled(self) -> bool:
        if self.run_id is None or self._live or self._queue or (self.table._active and not self.fair):
            return False
        if self.fair and not self.table._runs[self.run_id].over:
            return False
        return all(job.over for job in self.batch.work) and self.now - self._begun > 60_000

    def _check_end(self) -> None:
        assert self.run_id is not None
        if len(self.run_ids) != 1 or len(self.table._runs) != 1:
            raise BrokenPromiseError(f"one key made several runs: {sorted(self.run_ids | set(self.table._runs))}")
        run = self.table._runs[self.run_id]
        if not run.over:
            raise BrokenPromiseError("the run is off the list and still RUNNING")
        done = {job.nodes for job in self.batch.work if job.succeeded}
        whole = len(done) == run.groups_total
        if (run.status is RunStatus.SUCCEEDED) != (whole and run.status is not RunStatus.CANCELLED):
            raise BrokenPromiseError(
                f"the run is {run.status.value}, and {len(done)} of {run.groups_total} groups succeeded"
            )
        if run.status is RunStatus.FAILED and not run.reason:
            raise BrokenPromiseError("the run FAILED without a reason")
        if {"start", "end"} - run.announced:
            raise BrokenPromiseError(f"only {sorted(run.announced)} was announced")
        if not any(detail["status"] == run.status.value for detail in self.announced):
            raise BrokenPromiseError("the end was not announced")
        self._check_counts(run)
        if self.fair and run.ended_at is not None:
            late = [job.name for job in self.batch.work if (job.ended_at or 0) > run.ended_at + TIMEOUT]
            if late:
                raise BrokenPromiseError(f"{late[0]} outlived its run")

    def _check_counts(self, run: Run) -> None:
        """Raise unless the metrics tell what happened, whoever did it and however often it was told."""
        view = View(dict(self.table._shards.get(run.run_id, {})))
        jobs = [self.counted[name] for name in ("JobsSubmitted", "JobsEnded")]
        known = len(self.batch.work) if view.accounted() else sum(len(s.submitted) for s in view.shards.values())
        if jobs != [known, known - len(view.in_flight())]:
            raise BrokenPromiseError(f"of {known} jobs {jobs} were counted as submitted and ended")
        if not self.counted["RunsStarted"]:
            raise BrokenPromiseError("the start was not counted")
        if bool(self.counted["FailedRuns"]) != (run.status is RunStatus.FAILED):
            raise BrokenPromiseError(f"{self.counted['FailedRuns']} failed runs were counted of one {run.status.value}")


@dataclass(frozen=True)
class _Clock:
    world: World
    invocation: Invocation

    def now(self) -> int:
        """Return virtual ms."""
        return self.world.now

    def left(self) -> float:
        """Return the seconds to the invocation's deadline."""
        return (self.invocation.deadline - self.world.now) / 1000


def _name(job: SimulatedJob) -> JobName:
    name = read_job_name(job.name)
    assert name is not None
    return name


def _depth(document: GraphDocument) -> int:
    depth = [1] * len(document.nodes)
    by_output = {node.outputs[0]: index for index, node in enumerate(document.nodes)}
    for index, node in enumerate(document.nodes):
        depth[index] += max((depth[by_output[name]] for name in node.inputs), default=0)
    return max(depth)
