"""Containers that carry on, in the simulated AWS: each is a process that asks, dies, restarts, or gives up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dag.carrying import UNSURE
from dag.errors import NotAllowedError, SupersededError
from dag.jobs import JobName, read_job_name
from dag.payload import job_key, token
from dag.plan import Plan
from dag.shards import Mark
from dag.status import RunStatus
from runs.advance import Dispatcher
from runs.asking import Answer, Question, next_group
from tests.simulation.batch import SimulatedJob
from tests.simulation.promises import BrokenPromiseError, History, check_counts
from tests.simulation.world import World

_TRIES = 4


@dataclass
class Container:
    """One job's container, through all attempts that Batch makes."""

    job: SimulatedJob
    nodes: tuple[str, ...]
    epoch: int = 1
    place: int = 0
    works: bool = False
    life: int = 0  #: grows whenever its present work ends
    tries: int = 0
    asked: int = 0  #: tries in all
    waits: bool = False  #: for the answer to the last of them
    waited: int = 0  #: ms, as it was told to before it asks again
    lost: bool = False  #: whether a try of its question may have been taken without its knowing
    ran: list[tuple[str, ...]] = field(default_factory=list)


@dataclass
class Luck:
    """How often faults of containers happen, as probabilities of a group or a question."""

    refused: float = 0.0  #: too many requests, no permission, no connection
    gives_up: float = 0.0
    reclaimed: float = 0.0  #: its host is taken away, and Batch restarts it
    impatient: float = 0.0  #: asks again while the function still works on it


class WarmHistory(History):
    """The history, for jobs that are containers: the groups that a job runs show as it begins them."""

    def accepted(self, job: SimulatedJob, now: int) -> None:
        self.alive += 1
        if not job.index:
            self.submissions.append(now)
        if self.max_workers is not None and self.alive > self.max_workers:
            raise BrokenPromiseError(f"{job.name} is one job too many: {self.alive} of {self.max_workers}")


@dataclass
class WarmWorld(World):
    """A world in which jobs carry on."""

    luck: Luck = field(default_factory=Luck)
    shared: bool = False  #: whether its queue shares fairly, so that jobs wait in the order of their priorities

    def __post_init__(self) -> None:
        super().__post_init__()
        known = self.history
        self.history = WarmHistory(known.parents, known.max_workers, known.aborts, known.begun)
        self.lateness.history = self.history
        self.containers: dict[str, Container] = {}
        self.unsure = 0
        self.carried = 0
        self.waits = 0  #: how often a container was told to wait
        self.gave_way = 0  #: how often one was told nothing while a job with a higher priority waited

    def _begin_job(self, job: SimulatedJob) -> None:
        container = self.containers[job.job_id] = Container(job, job.nodes)
        self._check_free(job.nodes, job.name)
        job.waits_for = "a machine" if self.shared else None
        self._later(container, self.rng.choice((0, 50, 45_000)), lambda: self._begin(container, job.lasts))

    def _end(self, job: SimulatedJob) -> None:
        job.waits_for = None
        if container := self.containers.get(job.job_id):
            container.life += 1
            container.works = False
        super()._end(job)

    def _later(self, container: Container, milliseconds: int, act: Any) -> None:
        """Do something in so many ms, unless the container is another by then."""
        life = container.life
        self.later(milliseconds, lambda: act() if container.life == life and not container.job.over else None)

    # what a container does ---------------------------------------------------------------------------------------

    def _begin(self, container: Container, lasts: int) -> None:
        self._check_begun(container)
        container.job.waits_for = None
        container.works = True
        container.ran.append(container.nodes)
        if container.epoch < 3 and self._unlucky(self.luck.reclaimed):
            self._later(container, self.rng.randint(0, lasts + 100), lambda: self._reclaim(container))
        self._later(container, lasts, lambda: self._end_group(container))

    def _end_group(self, container: Container) -> None:
        container.works = False
        code = container.job.exit_code if container.place == 0 else self._code()
        if code:
            self._exit(container, code)
            return
        self.history.succeeded.setdefault(_group(container.nodes), self.now)
        container.tries, container.waited, container.lost = 0, 0, False
        if container.epoch > 1 or not self._carries_on(container) or self._unlucky(0.02):  # as after SIGTERM
            self._exit(container, 0)
        else:
            self._later(container, 0, lambda: self._ask_next(container, container.place))

    def _carries_on(self, container: Container) -> bool:
        """Return whether its payload says whom to ask: not if time-outs weren't known when the run started."""
        return self._plan(_name(container.job).run_id).settings.warm_containers

    def _code(self) -> int:
        if self._unlucky(self.faults.job_fails):
            return 1
        return 137 if self._unlucky(self.faults.out_of_memory) else 0

    def _exit(self, container: Container, code: int) -> None:
        self.unsure += code == UNSURE
        container.job.exit_code = code
        self.batch.end(container.job)

    def _reclaim(self, container: Container) -> None:
        container.life += 1
        container.works = False
        container.epoch += 1
        container.tries = 0
        started = self.rng.choice((0, 100, 60_000, 300_000))
        if self._carries_on(container):
            self._later(container, started, lambda: self._ask_next(container, None))
        else:
            self._later(container, started, lambda: self._begin(container, container.job.lasts))

    def _ask_next(self, container: Container, done: int | None) -> None:
        if container.epoch < 3 and self._unlucky(self.luck.reclaimed / 2):
            self._later(container, self.rng.choice((1, 10, 100, 10_000)), lambda: self._reclaim(container))
        if self._unlucky(self.luck.gives_up):
            self._exit(container, UNSURE)
            return
        if self._unlucky(self.luck.refused):
            self._exit(container, UNSURE if container.lost or done is None else 0)
            return
        container.tries += 1
        container.waits = True
        container.asked += 1
        life, asked = container.life, container.asked

        def heard(told: Any) -> None:
            if container.life == life and container.asked == asked and container.waits and not container.job.over:
                container.waits = False
                self._heard(container, done, told)

        self.invoke("next_group", lambda dispatcher: self._answer(dispatcher, container, done), heard)
        if self._unlucky(self.luck.impatient):
            self.later(self.rng.randint(1, 30_000), lambda: heard(None))

    def _answer(self, dispatcher: Dispatcher, container: Container, done: int | None) -> Any:
        over, waiting = self.peek.is_over(), self._waiting(container)
        try:
            told = next_group(dispatcher, self._question(dispatcher, container, done))
        except (NotAllowedError, SupersededError) as error:
            return error
        if over and told.payload is not None:
            raise BrokenPromiseError(f"{container.job.name} was given a group after the run had ended")
        if container.tries == 1 and done is not None:
            self._check_order(container, told, waiting)
        return told

    def _waiting(self, container: Container) -> list[SimulatedJob]:
        """Return the jobs of a shared queue that are known to the run, and wait for room."""
        if not self.shared:
            return []
        known = self.peek.view(_name(container.job).run_id).in_flight()
        indices = {mark.group for mark in known}
        return [
            job
            for job in self.batch.work
            if job.waits_for and self._index(_name(job).run_id, job.nodes) in indices and not job.over
        ]

    def _check_order(self, container: Container, told: Answer, waiting: list[SimulatedJob]) -> None:
        """Check that no job waits, from the question to its answer, that Batch would have started before the answer."""
        plan = self._plan(_name(container.job).run_id)
        waits = [self._index(plan.run_id, job.nodes) for job in waiting if job.waits_for]
        given = [plan.priorities[group] for group in waits if group in plan.priorities]
        if told.payload is None:
            self.gave_way += bool(given)
            return
        group = self._index(plan.run_id, tuple(told.payload["groups"][0]["nodes"]))
        if given and max(given) > plan.urgency[group]:
            raise BrokenPromiseError(f"{container.job.name} carries on before a job with a higher priority")

    def _question(self, dispatcher: Dispatcher, container: Container, done: int | None) -> Question:
        name = _name(container.job)
        plan = dispatcher.plan(name.run_id)
        first = Mark(name.group, name.attempt, name.array or 0)
        key = job_key(first, is_array=name.array is not None)
        return Question(
            run_id=name.run_id,
            job=key,
            token=token(plan, key),
            index=container.job.index,
            job_id=container.job.job_id,
            epoch=container.epoch,
            done=done,
            waited=container.waited if done is not None else None,
        )

    def _heard(self, container: Container, done: int | None, told: Any) -> None:
        if isinstance(told, Answer) and told.payload is not None:
            container.nodes = tuple(told.payload["groups"][0]["nodes"])
            self.carried += told.place != container.place
            container.place = told.place or 0
            self._begin(container, self.rng.choice((0, 10, 1_000, 20_000)) + self.rng.randrange(1_000))
        elif isinstance(told, Answer) and told.wait is not None:
            container.tries = 0
            container.waited += told.wait
            self.waits += 1
            self._later(container, told.wait, lambda: self._ask_next(container, done))
        elif isinstance(told, Answer):
            self._exit(container, UNSURE if told.over else 0)
        elif isinstance(told, NotAllowedError):  # nothing was written
            self._exit(container, 0 if not container.lost and done is not None else UNSURE)
        elif told is None and container.tries < _TRIES:
            container.lost = True
            self._later(container, self.rng.randint(500, 8_000), lambda: self._ask_next(container, done))
        else:
            self._exit(container, UNSURE)

    # what is promised --------------------------------------------------------------------------------------------

    def _plan(self, run_id: str) -> Plan:
        return self._told.get(self.peek.table, run_id)

    def _index(self, run_id: str, nodes: tuple[str, ...]) -> int:
        """Return the index of a group in the plan, which isn't its node's number."""
        return next(index for index, group in enumerate(self._plan(run_id).groups) if group.nodes == nodes)

    def _at_work(self) -> list[Container]:
        return [one for one in self.containers.values() if one.works]

    def _check_free(self, nodes: tuple[str, ...], who: str) -> None:
        for other in self._at_work():
            if other.nodes == nodes:
                raise BrokenPromiseError(f"{who} is given what {other.job.name} works on")

    def _check_begun(self, container: Container) -> None:
        self._check_free(container.nodes, container.job.name)
        group = _group(container.nodes)
        run_id = _name(container.job).run_id
        if self.peek.view(run_id).succeeded(self._index(run_id, container.nodes)):
            raise BrokenPromiseError(f"{container.job.name} begins what has succeeded: group {group}")
        for other in self._at_work():
            if group in self.history.parents[_group(other.nodes)]:
                raise BrokenPromiseError(
                    f"group {_group(other.nodes)} is at work while its parent {group} begins again"
                )
        for parent in self.history.parents[group]:
            if parent not in self.history.succeeded:
                raise BrokenPromiseError(f"group {group} begins before its parent {parent} was done")

    def _check_end(self) -> None:
        (run,) = self.peek.runs()
        view = self.peek.view(run.run_id)
        for index, group in enumerate(self._plan(run.run_id).groups):
            if view.succeeded(index) and _group(group.nodes) not in self.history.succeeded:
                raise BrokenPromiseError(f"{group.title} succeeded, and its work was never done")
        for shard in view.shards.values():
            if both := shard.succeeded & shard.failed:
                raise BrokenPromiseError(f"attempts {sorted(both)} of shard {shard.index} succeeded and failed")
        whole = len(self.history.succeeded) == run.groups_total
        bad = any(job.exit_code not in (0, UNSURE) or job.reason for job in self.batch.work)
        if run.status is RunStatus.SUCCEEDED and not whole:
            raise BrokenPromiseError(
                f"the run SUCCEEDED without {run.groups_total - len(self.history.succeeded)} groups"
            )
        if run.status is RunStatus.FAILED and not bad and self.unsure < 2 and self.batch.queues is None:
            raise BrokenPromiseError("the run FAILED although nothing did")
        if {"start", "end"} - run.announced:
            raise BrokenPromiseError(f"only {sorted(run.announced)} was announced")
        if not self.twice_at and not self.faults.dynamodb_twice and self.batch.queues is None:
            submitted = sum(len(shard.submitted) for shard in view.shards.values())
            check_counts(run, view, self.counted, submitted)


def _name(job: SimulatedJob) -> JobName:
    name = read_job_name(job.name)
    assert name is not None
    return name


def _group(nodes: tuple[str, ...]) -> int:
    return int(nodes[0][1:])
