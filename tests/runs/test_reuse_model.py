"""Whatever is edited, overwritten, failed and run at once: a run that reuses ends with what a fresh one makes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from dag.document import Dataset, GraphDocument, Node
from dag.errors import NothingLeftError
from dag.records import Run
from dag.status import RunStatus
from tests.runs.stage import Stage
from tests.simulation.batch import SimulatedJob
from tests.simulation.graphs import document

Contents = dict[str, Any]


@dataclass
class Begun:
    """A run, and the world as it was when it started."""

    run: Run
    code: Mapping[str, int]
    before: Contents  #: what each dataset held
    alone: bool  #: whether nothing else has happened to its data since
    selected: Sequence[str]


@dataclass
class Model(Stage):
    """A project whose data is what it was computed from."""

    seed: int
    code: dict[str, int] = field(default_factory=dict)
    held: dict[str, dict[str, Any]] = field(default_factory=dict)  #: dataset → version → what it was computed from
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    begun: dict[str, Begun] = field(default_factory=dict)
    ran: int = 0
    reused: int = 0
    resumed: int = 0  #: of those, what resumed runs took over

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        super().__init__(_document(self.random))
        self.code = {node.name: 0 for node in self.document.nodes}
        for name in self.document.datasets:
            if name.startswith("raw"):
                self.put(name, f"{name} 0", "")
        self.tries = 0

    def put(self, name: str, content: Any, version: str) -> None:
        """Write a dataset."""
        keeps = self.document.datasets[name].versioned
        self.held.setdefault(name, {})[version if keeps else ""] = content
        at, self.tries = self.now - self.now % 1000, getattr(self, "tries", 0) + 1
        self.shown[name] = {
            "at": at,
            "digest": f"{self.now} {self.tries}",
            "version": version if keeps else None,
            "folder": self.is_folder(name),
        }

    def is_folder(self, name: str) -> bool:
        """Return whether a dataset is a folder, in which what is saved lies beside what was there before."""
        return self.document.datasets[name].partitions is not None

    def saved(self, name: str, content: Any, code: int, before: Any) -> Any:
        """Return what a dataset holds once a node of this code has saved something over what there was before."""
        return {**(before or {}), f"part {code % 2}": content} if self.is_folder(name) else content

    def content(self, name: str, version: str | None = None) -> Any:
        """Return what a dataset holds: the version, or the newest."""
        versions = self.held.get(name, {})
        return versions.get(version if version in versions else max(versions, default=""))

    def contents(self) -> Contents:
        """Return what all datasets hold."""
        return {name: self.content(name) for name in self.document.datasets}

    def go(self, *, whole: bool = False) -> None:
        """Start a run of everything, or of what follows a node; a whole one reuses."""
        self.tries += 1
        signatures = {
            "nodes": [[f"{node.name} {self.code[node.name]}", 0] for node in self.document.nodes],
            "parts": {},
            "made_of": [[]],
            "entries": {},
        }
        self.document = replace(self.document, signatures=signatures)
        part: dict[str, Any] = {}
        if not whole and self.random.random() < 0.2:
            part = {"from_nodes": [self.random.choice(self.document.nodes).name]}
        elif not whole and self.random.random() < 0.5 and (failed := self._resumable()):
            part = {"resume_from": self.random.choice(failed)}
        reuse, policy = whole or self.random.random() < 0.8, self.random.choice(["abort", "drain", "continue"])
        wish: dict[str, Any] = {"reuse": reuse, "on_failure": policy}
        before = self.contents()
        others = [one for one in self.begun.values() if not self.over(one)]
        for one in others:
            one.alone = False
        try:
            asked = {} if not (part or whole) and self.random.random() < 0.2 else {"stored": dict(self.shown)}
            run = self.start(key=f"given:{self.tries}", **asked, **part, **wish)
        except NothingLeftError:
            return
        plan = self.dispatcher.plan(run.run_id)
        here = {name for group in plan.groups for name in group.nodes} | set(plan.reused)
        selected = [node.name for node in self.document.nodes if node.name in here]
        self.begun[run.run_id] = Begun(run, dict(self.code), before, not others, selected)
        self.ran += run.nodes_total
        self.reused += len(plan.reused)
        self.resumed += len(plan.reused) if "resume_from" in part else 0
        self.look(run.run_id)

    def _resumable(self) -> list[str]:
        """Return the runs that have failed, and whose jobs have all ended."""
        found = (self.table.get_run(run_id) for run_id in self.begun)
        failed = [run.run_id for run in found if run and run.status is RunStatus.FAILED]
        return [run_id for run_id in failed if self.dispatcher.view(run_id).accounted()]

    def over(self, one: Begun) -> bool:
        """Return whether all jobs of a run have ended."""
        return all(job.over for job in self.jobs(one.run.run_id))

    def jobs(self, run_id: str) -> list[SimulatedJob]:
        """Return a run's jobs."""
        with self.on(run_id):
            return [job for job in self.batch.work if self._own(job)]

    @contextmanager
    def on(self, run_id: str) -> Iterator[None]:
        """Act on another run for a while."""
        before, self.run_id = self.run_id, run_id
        yield
        self.run_id = before

    def step(self) -> None:
        """End a job, well or badly, of any run that has one."""
        alive = [(one, job) for one in self.begun.values() for job in self.jobs(one.run.run_id) if not job.over]
        if not alive:
            return
        one, job = self.random.choice(alive)
        self.now += self.random.choice([300, 700, 5_000])
        fails = self.random.random() < 0.1
        with self.on(one.run.run_id):
            group = self.group(job)
            if not fails or self.random.random() < 0.5:
                self.write(one, group)
            self.now += self.random.choice([1, 900])
            self.finish(group, exit_code=1 if fails else 0)
        self.look(one.run.run_id)

    def write(self, one: Begun, group: int) -> None:
        """Run the nodes of a job on what they read."""
        planned = self.dispatcher.plan(self.run_id).groups[group]
        for name in planned.nodes:
            node = self.node(name)
            read = [self.content(of, planned.load_versions.get(of)) for of in node.inputs]
            for output in node.outputs:
                made = (name, one.code[name], output, *read)
                self.put(output, self.saved(output, made, one.code[name], self.content(output)), self.run_id)
        for other in self.begun.values():
            if other is not one and not self.over(other):
                other.alone = False

    def node(self, name: str) -> Node:
        """Return a node."""
        return next(node for node in self.document.nodes if node.name == name)

    def look(self, run_id: str) -> None:
        """If a run has ended well, and nobody disturbed it, compare what it leaves with a fresh one's."""
        one = self.begun[run_id]
        with self.on(run_id):
            if self.run.status is not RunStatus.SUCCEEDED or not one.alone:
                return
            plan = self.dispatcher.plan(run_id)
        fresh = dict(one.before)
        for name in one.selected:
            node = self.node(name)
            for output in node.outputs:
                made = (name, one.code[name], output, *(fresh[of] for of in node.inputs))
                fresh[output] = self.saved(output, made, one.code[name], one.before[output])
                version = plan.reused[name].run_id if name in plan.reused else run_id
                assert self.content(output, version) == fresh[output], f"seed {self.seed}: {name} of run {run_id}"

    def disturb(self) -> None:
        """Edit code, change raw data, or write over something."""
        kind, raw = self.random.random(), self.random.choice([1, 2_000])
        self.now += 2_000 if kind < 0.7 else raw
        for one in self.begun.values():
            if not self.over(one):
                one.alone = False
        if kind < 0.5:
            self.code[self.random.choice([*self.code])] += 1
            return
        name = self.random.choice(sorted(self.document.datasets)) if kind < 0.7 else "raw0"
        version = self._later() if self.document.datasets[name].versioned else ""
        by_hand, before = f"by hand {self.now}", self.content(name)
        whole = {**before, self.random.choice(sorted(before)): by_hand} if self.is_folder(name) and before else by_hand
        if before or not self.is_folder(name):
            self.put(name, whole, version)

    def _later(self) -> str:
        return f"{max(self.begun, default='2026')}-by-hand"

    def play(self, steps: int) -> None:
        """Do so many things."""
        for _ in range(steps):
            act = self.random.random()
            if act < 0.15:
                self.go()
            elif act < 0.25:
                self.disturb()
            elif act < 0.3:
                self.reconcile(3_600_000)
                self.reconcile(1_000)
            else:
                self.step()


def _document(chance: random.Random) -> GraphDocument:
    """Return a graph of up to nine nodes, some of whose data keeps versions, and some are folders."""
    number = chance.randint(2, 9)
    base = document([[]])
    nodes: list[Node] = []
    names: list[str] = ["raw0", "raw1"]
    for index in range(number):
        inputs = tuple(sorted(chance.sample(names, min(len(names), chance.randint(0, 3)))))
        outputs = tuple(f"d{index}{letter}" for letter in "ab"[: chance.choice([1, 1, 2])])
        word = {"reuse": True} if chance.random() < 0.7 else {}
        nodes.append(Node(f"n{index}", f"n{index}", None, frozenset(), inputs, outputs, word))
        names += outputs
    datasets = {name: Dataset("pickle", "remote", versioned=chance.random() < 0.4) for name in names}
    for name in names[2:]:
        if not datasets[name].versioned and chance.random() < 0.3:
            datasets[name] = Dataset("partitions", "remote", versioned=False, partitions="kept")
    pipelines = {"__default__": tuple(range(number))}
    return replace(base, nodes=tuple(nodes), datasets=datasets, pipelines=pipelines)


def play(seed: int, steps: int = 60) -> Model:
    """Play one seed."""
    model = Model(seed)
    model.play(steps)
    return model


@pytest.mark.parametrize("batch", range(4))
def test_what_is_reused_is_what_would_have_been_made(batch: int) -> None:
    played = [play(seed) for seed in range(batch * 25, batch * 25 + 25)]
    assert sum(model.reused for model in played) > 50
    assert sum(model.resumed for model in played) > 20
    assert sum(model.ran for model in played) > 100


def test_after_a_run_that_nobody_disturbed_nothing_runs() -> None:
    for seed in range(30):
        model = Model(seed)
        for reuse in (False, True):
            model.go(whole=True)
            while any(not model.over(one) for one in model.begun.values()):
                model.now += 1_000
                one = model.begun[model.run_id]
                job = next(job for job in model.jobs(model.run_id) if not job.over)
                group = model.group(job)
                model.write(one, group)
                model.now += 1
                model.finish(group)
            assert model.run.status is RunStatus.SUCCEEDED
            told = set(model.run.resumed["again"].values()) if reuse and model.run.resumed else set()
            assert all("is a folder" in why or "it follows" in why for why in told), told
