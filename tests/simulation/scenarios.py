"""What a seed stands for: a graph, a request and a share of bad luck.

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

from tests.simulation.batch import Faults
from tests.simulation.graphs import document, shape
from tests.simulation.world import World


def build(seed: int) -> World:
    """Return the world of a seed before anything has happened."""
    rng = random.Random(f"scenario {seed}")
    parents = shape(rng)
    retry = {"factor": 2, "max": 4000} if rng.random() < 0.3 else None
    request: dict[str, object] = {"on_failure": rng.choice(("abort", "drain", "continue"))}
    if rng.random() < 0.3:
        request["max_workers"] = rng.randint(1, 4)
    calm = rng.random() < 0.1
    faults = Faults() if calm else _faults(rng, len(parents))
    world = World(seed, document(parents, memory_retry=retry, array_jobs=rng.random() < 0.5), faults, request)
    world.start()
    if rng.random() < 0.3:
        world.later(rng.choice((0, 1, 10, 1000)), world.start)
    if rng.random() < 0.15:
        world.later(rng.choice((0, 50, 1_000, 20_000, 100_000)), world.cancel)
    world.later(rng.randrange(60_000), world.reconcile_every_minute)
    return world


def build_fair(seed: int) -> World:
    """Return a world without reconcile, in which nothing goes wrong but jobs; runs may be cancelled."""
    rng = random.Random(f"fair {seed}")
    parents = shape(rng)
    request: dict[str, object] = {"on_failure": rng.choice(("abort", "drain", "continue"))}
    if rng.random() < 0.3:
        request["max_workers"] = rng.randint(1, 4)
    faults = Faults(job_fails=rng.random() / len(parents), repeat_event=rng.random() / 2)
    world = World(seed, document(parents, array_jobs=rng.random() < 0.5), faults, request, fair=True)
    world.start()
    if rng.random() < 0.5:
        world.cancel_at_job = rng.randint(1, len(parents))
    return world


def _faults(rng: random.Random, size: int) -> Faults:
    def some(most: float) -> float:
        return rng.random() * most if rng.random() < 0.5 else 0.0

    return Faults(
        throttled=some(0.5),
        lost_before=some(0.2),
        lost_after=some(0.2),
        job_fails=some(1.0 / size) if rng.random() < 0.6 else 0.0,
        out_of_memory=some(0.3) if rng.random() < 0.4 else 0.0,
        lose_event=some(0.2),
        repeat_event=some(0.5),
        crash=some(0.05),
        stale_list=some(0.5),
    )


def shard_size(seed: int, groups: int) -> int:
    """Return how many groups a shard holds in a seed: few, so that small graphs span several."""
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
    assert played.run_id is not None
    print(played.table._runs[played.run_id])
    print(f"{len(played.batch.jobs)} jobs, {(played.now - 1_700_000_000_000) / 1000:.0f} virtual seconds", played.calls)
