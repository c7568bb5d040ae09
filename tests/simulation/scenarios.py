"""A seed's meaning: a graph, a request and a share of bad luck.

Replay one with `python -m tests.simulation.scenarios SEED`.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable

import dag.shards
import dag.submission

os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "CRITICAL")

from dag import limits
from tests.simulation.batch import Faults
from tests.simulation.fibers import START
from tests.simulation.graphs import document, large, shape
from tests.simulation.lateness import stated
from tests.simulation.world import Outage, World

#: One seed of so many has a graph of thousands.
EVERY, LARGE = 2_000, 7


def build(seed: int) -> World:
    """Return the world of a seed before anything has happened."""
    rng = random.Random(f"scenario {seed}")
    parents = shape(rng) if seed % EVERY != LARGE else large(rng)
    retry = {"factor": 2, "max": 4000} if rng.random() < 0.3 else None
    request: dict[str, object] = {"on_failure": rng.choice(("abort", "drain", "continue"))}
    if rng.random() < 0.3:
        request["max_workers"] = rng.randint(1, 4) if len(parents) < 1000 else rng.randint(100, 1000)
    nothing = rng.random() < 0.1
    world = World(
        seed,
        document(parents, memory_retry=retry, array_jobs=rng.random() < 0.5),
        Faults() if nothing else _faults(rng, len(parents)),
        request,
        page_bytes=rng.choice((1, 2_000, limits.QUERY_BYTES.most)) if len(parents) < 50 else limits.QUERY_BYTES.most,
        skew=rng.choice((0, 50, 5_000)),
        outages=[] if nothing or rng.random() < 0.8 else [_outage(rng)],
    )
    _befall(world, rng)
    return world


def _befall(world: World, rng: random.Random) -> None:
    """Begin a world, with what users and others will do in it."""
    world.start()
    if rng.random() < 0.3:
        world.later(rng.choice((0, 1, 10, 1000)), world.start)
    if rng.random() < 0.15:
        world.later(rng.choice((0, 50, 1_000, 20_000, 100_000)), world.cancel)
    if rng.random() < 0.03:
        world.later(rng.choice((500, 5_000, 100_000, 300_000)), world.delete_queues)
    world.later(rng.randrange(60_000), world.reconcile_every_minute)


def _outage(rng: random.Random) -> Outage:
    begins = START + rng.choice((0, 1_000, 20_000, 200_000))
    return Outage(rng.choice(("Batch", "DynamoDB", "EventBridge")), begins, begins + rng.choice((60_000, 600_000)))


def build_fair(seed: int) -> World:
    """Return a world without reconcile, in which only jobs fail; runs may be cancelled."""
    rng = random.Random(f"fair {seed}")
    parents = shape(rng)
    request: dict[str, object] = {"on_failure": rng.choice(("abort", "drain", "continue"))}
    if rng.random() < 0.3:
        request["max_workers"] = rng.randint(1, 4)
    faults = Faults(job_fails=rng.random() / len(parents), repeat_event=rng.random() / 2)
    plan = document(parents, array_jobs=rng.random() < 0.5)
    world = World(seed, plan, faults, request, fair=True, calm=True, bounds=stated()["nothing"])
    world.start()
    if rng.random() < 0.5:
        world.cancel_at_job = rng.randint(1, len(parents))
    return world


def _faults(rng: random.Random, size: int) -> Faults:
    def some(most: float) -> float:
        return rng.random() * most if rng.random() < 0.5 else 0.0

    many = size >= 1000  # with so many calls an invocation would never get through
    return Faults(
        throttled=some(0.5),
        lost_before=some(0.2),
        lost_after=some(0.2),
        job_fails=some(1.0 / size) if rng.random() < 0.6 else 0.0,
        out_of_memory=some(0.3) if rng.random() < 0.4 else 0.0,
        lose_event=some(0.2),
        repeat_event=some(0.5),
        crash=some(0.002 if many else 0.05),
        stale_list=some(0.5),
        copied=some(0.1),
        dynamodb_twice=some(0.05),
    )


def shard_size(seed: int, groups: int) -> int:
    """Return how many groups a shard has for a seed: few, so that small graphs span several."""
    return random.Random(f"shards {seed}").choice((1, 2, 3, 256) if groups <= 50 else (100, 256))


def play(seed: int, build: Callable[[int], World] = build) -> World:
    """Play a seed to its end. Raises BrokenPromiseError when the protocol breaks a promise."""
    world = build(seed)
    before = dag.shards.SHARD_SIZE, dag.submission.ARRAY_FROM
    dag.shards.SHARD_SIZE = shard_size(seed, len(world.document.nodes))
    dag.submission.ARRAY_FROM = 2 + seed % 3  # few, so that small graphs make arrays
    try:
        world.go()
    finally:
        dag.shards.SHARD_SIZE, dag.submission.ARRAY_FROM = before
    return world


if __name__ == "__main__":
    played = play(int(sys.argv[1]))
    print(*played.peek.runs())
    print(f"{len(played.batch.jobs)} jobs, {(played.now - START) / 1000:.0f} virtual seconds", dict(played.calls))
    print("late, in ms:", played.lateness.worst)
