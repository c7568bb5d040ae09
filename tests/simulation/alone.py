"""Worlds in which one thing goes wrong, and nothing else: they measure the bounds in docs/reliability.md.

Play one with `python -m tests.simulation.alone "an event is lost" SEED`.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.simulation.batch import Faults
from tests.simulation.fibers import START
from tests.simulation.graphs import document, shape
from tests.simulation.lateness import stated
from tests.simulation.scenarios import play
from tests.simulation.world import Call, Outage, World


def nothing(_world: World, _rng: random.Random) -> None:
    """Let all go well."""


def repeated(world: World, rng: random.Random) -> None:
    """Let events come twice, jobs be copied and clocks differ by five seconds."""
    world.faults.repeat_event, world.faults.copied, world.skew = rng.random(), rng.random() / 5, 5_000


def event_lost(world: World, rng: random.Random) -> None:
    """Lose one event."""
    world.lost_events = frozenset({rng.randint(1, len(world.document.nodes))})


def crash(world: World, rng: random.Random) -> None:
    """Let one invocation die at one of its calls."""
    world.crash_at = frozenset({_some_call(world, rng, CALLS)})


def crashes(world: World, rng: random.Random) -> None:
    """Let invocations die at ten calls."""
    world.crash_at = frozenset(_some_call(world, rng, CALLS) for _ in range(10))


def submission_lost(world: World, rng: random.Random) -> None:
    """Lose SubmitJob's answer, or its request."""
    world.batch.losing = {_some_call(world, rng, ["SubmitJob"]).number: rng.choice(("request", "answer"))}


def write_lost(world: World, rng: random.Random) -> None:
    """Lose an answer of DynamoDB, so that the SDK asks again."""
    world.twice_at = frozenset({_some_call(world, rng, READS_AND_WRITES)})


def out(service: str, seconds: int) -> Callable[[World, random.Random], None]:
    """Return an action that makes all calls of a service fail for so long."""

    def happen(world: World, rng: random.Random) -> None:
        begins = START + rng.choice((0, 300, 20_000, 100_000))
        world.outages.append(Outage(service, begins, begins + seconds * 1000))

    return happen


#: What a run's invocations call most.
READS_AND_WRITES = ("GetItem", "BatchGetItem", "UpdateItem", "BatchWriteItem")
CALLS = (*READS_AND_WRITES, "SubmitJob", "SubmitJob")
#: By their names in docs/reliability.md.
FAULTS: Mapping[str, Callable[[World, random.Random], None]] = {
    "nothing": nothing,
    "events come twice, jobs are copied, clocks are 5 s apart": repeated,
    "an event is lost": event_lost,
    "an invocation dies": crash,
    "ten invocations die": crashes,
    "SubmitJob's answer is lost": submission_lost,
    "DynamoDB's answer is lost": write_lost,
    "Batch answers 5xx for a minute": out("Batch", 60),
    "DynamoDB throttles for a minute": out("DynamoDB", 60),
    "EventBridge is out for ten minutes": out("EventBridge", 600),
}


#: What `build_in_turn` lets happen.
IN_TURN = (
    "an invocation dies",
    "SubmitJob's answer is lost",
    "DynamoDB's answer is lost",
    "Batch answers 5xx for a minute",
    "DynamoDB throttles for a minute",
    "EventBridge is out for ten minutes",
)


def _some_call(world: World, rng: random.Random, operations: Sequence[str]) -> Call:
    """Draw a call that a run of this size makes, an early one often: those claim and submit the most at once."""
    operation, size = rng.choice(operations), len(world.document.nodes)
    if operation == "SubmitJob":
        most = size // 100 + 3 if world.document.run["array_jobs"] else size
    else:
        most = size // 8 + 10
    return Call(operation, round(most ** rng.random()))


def build_alone(fault: str, seed: int, parents: Sequence[Sequence[int]] | None = None, **run: Any) -> World:
    """Return a world in which one thing goes wrong, by default on a random graph, in which jobs may fail."""
    rng = random.Random(f"{fault} {seed}")
    request: dict[str, object] = {}
    faults = Faults()
    if parents is None:
        parents = shape(rng)
        request = {"on_failure": rng.choice(("abort", "drain", "continue"))}
        if rng.random() < 0.3:
            request["max_workers"] = rng.randint(1, 4)
        faults.job_fails = rng.random() / len(parents) if rng.random() < 0.3 else 0.0
        run.setdefault("array_jobs", rng.random() < 0.5)
    world = World(seed, document(parents, **run), faults, request, calm=True)
    world.bounds = stated()[fault]
    FAULTS[fault](world, rng)
    world.start()
    world.later(rng.randrange(60_000), world.reconcile_every_minute)
    return world


def build_in_turn(seed: int, parents: Sequence[Sequence[int]], **run: Any) -> World:
    """Return a world of this graph in which one fault follows the other, so that the largest of their bounds holds."""
    rng = random.Random(f"in turn {seed}")
    world = World(seed, document(parents, **run), Faults(), {}, calm=True)
    for happen in (crash, submission_lost, write_lost):
        happen(world, rng)
    world.outages = [
        Outage(service, START + 1000 * begins, START + 1000 * ends)
        for service, begins, ends in (("Batch", 100, 160), ("DynamoDB", 300, 360), ("EventBridge", 500, 1_100))
    ]
    bounds = [stated()[fault] for fault in IN_TURN]
    world.bounds = {step: max(each[step] for each in bounds) for step in bounds[0]}
    world.start()
    world.later(rng.randrange(60_000), world.reconcile_every_minute)
    return world


if __name__ == "__main__":
    played = play(int(sys.argv[2]), lambda seed: build_alone(sys.argv[1], seed))
    print("late, in ms:", played.lateness.worst, played.lateness.which)
