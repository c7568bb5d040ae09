"""A stage for one run, without concurrency: jobs end and events arrive when the test says so."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from adapters.job_queue import BatchJobQueue
from adapters.ports import Ports, RunTable, UnavailableError
from dag.decision import group_status
from dag.document import GraphDocument
from dag.jobs import read_job_name
from dag.records import Run
from dag.request import Allowed
from runs.advance import Account, Dispatcher
from runs.asking import payload_of
from runs.creation import RunSource, begin_run
from runs.description import describe
from runs.messages import Taken, take, take_all
from runs.plans import Plans
from runs.recovery import reconcile
from runs.storage import Listable
from tests.silence import Silence
from tests.simulation.batch import Faults, SimulatedBatch, SimulatedJob
from tests.simulation.graphs import DEFINITION, HOME, QUEUE
from tests.simulation.run_table import MemoryRunTable

LIFETIME = 120_000
START = 1_700_000_000_000


class Counted(NamedTuple):
    """Something that was counted, and when, in ms."""

    at: int
    name: str
    value: int


class Stage:
    """The service's functions, with a table and a Batch that do nothing by themselves."""

    def __init__(self, document: GraphDocument) -> None:
        self.document = document
        self.now = START
        self.left = 60.0
        self.faults = Faults()
        self.table = MemoryRunTable(self._call)
        self.batch = SimulatedBatch(random.Random(0), lambda: self.now, self._call, lambda *_: None, self.faults)
        self.batch.door = self._ask
        self.announced: list[Mapping[str, Any]] = []
        self.bus_is_out = False
        self.counted: list[Counted] = []
        self.handed_over: list[str] = []
        self.wakes: list[int] = []  #: ms: when delayed messages come
        self.waiting: list[Mapping[str, Any]] = []
        self.deleted: list[str] = []
        self.queue_broken: bool | str = False  #: "late": only when it is to delete
        self.calls: dict[str, int] = {}
        self.run_id = ""
        self.listable: Listable | None = None  #: the storage that start_run may ask
        self.answers_from: RunTable | None = None  #: the table for jobs' questions, if not its own
        self._plans = Plans()

    def _call(self, name: str) -> None:
        self.calls[name] = self.calls.get(name, 0) + 1

    @property
    def dispatcher(self) -> Dispatcher:
        """Return a dispatcher, as a new invocation has it."""
        client: Any = self.batch
        queue = BatchJobQueue((client, client), _Clock(self), self._sleep, at_once=1)
        ports = Ports(
            table=self.table,
            queue=queue,
            announcements=self,
            messages=self,
            clock=_Clock(self),
            retention=86_400,
            log=Silence(),
            counts=self,
        )
        return Dispatcher(ports, self._plans)

    def _ask(self, run_id: str, whom: Mapping[str, str], index: int | None) -> Mapping[str, Any]:
        calls = dict(self.calls)
        asked = Dispatcher(replace(self.dispatcher.ports, table=self.answers_from or self.table), self._plans)
        told = payload_of(asked, run_id, whom["job"], whom["token"], index)
        self.calls = calls
        return told

    def _sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1000) + 1
        self.left -= seconds

    def add(self, counts: Mapping[str, int], /) -> None:
        """Record counts."""
        self.counted += [Counted(self.now, name, value) for name, value in counts.items()]

    def totals(self, *names: str) -> tuple[int, ...]:
        """Return how much was counted of each."""
        return tuple(sum(one.value for one in self.counted if one.name == name) for name in names)

    def announce(self, detail: Mapping[str, Any]) -> None:
        """Take an announcement."""
        if self.bus_is_out:
            raise UnavailableError("no bus")
        self.announced.append(detail)

    def advance_later(self, run_id: str, seconds: int = 0) -> None:
        """Take a message of an invocation that ran out of time, or has to wait."""
        if seconds:
            self.wakes.append(self.now + 1000 * seconds)
        else:
            self.handed_over.append(run_id)

    def receive(self) -> list[Mapping[str, Any]]:
        """Hand out ten of the messages that wait."""
        self._call("ReceiveMessage")
        if self.queue_broken is True:
            raise UnavailableError("no queue")
        got, self.waiting = self.waiting[:10], self.waiting[10:]
        return got

    def delete(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Forget messages that were received."""
        self._call("DeleteMessageBatch")
        if self.queue_broken == "late":
            raise UnavailableError("no queue")
        self.deleted += [record["messageId"] for record in records]

    def start(self, key: str = "given:1", **request: Any) -> Run:
        """Start a run, which becomes the stage's own."""
        source = RunSource(self.document, Allowed([QUEUE], [DEFINITION]), HOME, self.listable)
        run = begin_run(self.dispatcher, source, request, key)
        self.run_id = run.run_id
        self.now += 1
        return run

    def advance(self) -> Account:
        """Advance the run without outcomes."""
        return self.dispatcher.advance(self.run_id)

    def reconcile(self, later: int = 0) -> Mapping[str, Any]:
        """Reconcile so many ms from now."""
        self.now += later
        return reconcile(self.dispatcher, LIFETIME)

    def job(self, group: int) -> SimulatedJob:
        """Return the newest job of a group."""
        nodes = self.dispatcher.plan(self.run_id).groups[group].units
        return next(job for job in reversed(self.batch.work) if job.nodes == nodes and self._own(job))

    def group(self, job: SimulatedJob) -> int:
        """Return the group that a job runs."""
        plan = self.dispatcher.plan(self.run_id)
        return next(index for index, group in enumerate(plan.groups) if group.units == job.nodes)

    def _own(self, job: SimulatedJob) -> bool:
        name = read_job_name(job.name)
        return name is not None and name.run_id == self.run_id

    def submitted(self) -> list[int]:
        """Return the groups with submitted jobs in this run, in order."""
        return [self.group(job) for job in self.batch.work if self._own(job)]

    def end(self, group: int, exit_code: int = 0, reason: str | None = None) -> SimulatedJob:
        """End the newest job of a group, without telling anybody."""
        job = self.job(group)
        job.exit_code = exit_code
        self.now += 1
        self.batch.end(job, reason)
        return job

    def deliver(self, *jobs: SimulatedJob) -> Taken:
        """Deliver the events of jobs that have ended, as one batch."""
        return take(self.dispatcher, messages(jobs))

    def deliver_ten(self, *jobs: SimulatedJob) -> Taken:
        """Put the events of ended jobs into the queue, and deliver the first ten."""
        arrived = messages(jobs)
        self.waiting = [record | {"receiptHandle": record["messageId"]} for record in arrived[10:]]
        return take_all(self.dispatcher, arrived[:10])

    def finish(self, group: int, exit_code: int = 0) -> None:
        """End the newest job of a group and deliver its event."""
        self.deliver(self.end(group, exit_code))

    def finish_all(self) -> None:
        """Let all jobs succeed as they come."""
        while alive := [job for job in self.batch.work if not job.over and self._own(job)]:
            self.finish(self.group(alive[0]))

    @property
    def run(self) -> Run:
        """Return the run as the table has it."""
        return self.table._runs[self.run_id]

    def statuses(self) -> list[str]:
        """Return each group's status, without the difference between SUBMITTED and RUNNING."""
        view = self.dispatcher.view(self.run_id)
        return [group_status(view, group, self.run.status).value for group in range(self.run.groups_total)]

    def described(self, first: int = 0, limit: int = 1000) -> dict[str, Any]:
        """Return the answer of describe_run."""
        return describe(self.dispatcher, self.run, first, limit)

    def fork(self) -> Stage:
        """Return a copy of the stage, which goes its own way from here."""
        other = Stage(self.document)
        other.now, other.run_id, other._plans = self.now, self.run_id, self._plans
        other.announced = list(self.announced)
        other.counted = list(self.counted)
        for name, value in vars(self.table).items():
            if isinstance(value, dict):
                setattr(other.table, name, {k: copy.copy(v) for k, v in value.items()})
            elif isinstance(value, set):
                setattr(other.table, name, set(value))
        other.batch.jobs = {job_id: copy.copy(job) for job_id, job in self.batch.jobs.items()}
        other.batch._accepted = self.batch._accepted
        return other


class Interrupted(Stage):
    """A stage on which something happens just before a call takes effect, once."""

    before: tuple[str, Callable[[], object]] | None = None

    def _call(self, name: str) -> None:
        super()._call(name)
        if self.before is not None and self.before[0] == name:
            act, self.before = self.before[1], None
            act()


class DiedError(Exception):
    """An invocation ended in the middle of its work."""


def died(*_: Any, **__: Any) -> Any:
    """End an invocation."""
    raise DiedError


def messages(jobs: Sequence[SimulatedJob]) -> list[dict[str, Any]]:
    """Return the events of jobs as the queue's messages."""
    return [
        {"messageId": f"m{number}", "body": json.dumps({"detail": job.detail()})} for number, job in enumerate(jobs)
    ]


class _Clock:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def now(self) -> int:
        """Return the stage's time."""
        return self._stage.now

    def left(self) -> float:
        """Return the seconds that the stage gives an invocation."""
        return self._stage.left
