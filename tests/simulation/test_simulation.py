"""The real handlers on a simulated AWS: thousands of seeds, each a run with all the bad luck that it may have."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.simulation.batch import Faults
from tests.simulation.graphs import chain, document
from tests.simulation.promises import BrokenPromiseError
from tests.simulation.scenarios import EVERY, LARGE, build_fair, play
from tests.simulation.warm import WarmWorld
from tests.simulation.warm_scenarios import build_warm, build_warm_fair, build_warm_shared
from tests.simulation.world import World

_CHUNK = 250


def _play_all(first: int, count: int) -> None:
    for seed in range(first, first + count):
        try:
            play(seed)
        except (Exception, BrokenPromiseError) as error:
            pytest.fail(f"seed {seed}: {error!r}\nreplay it: python -m tests.simulation.scenarios {seed}")


@pytest.mark.parametrize("chunk", range(4))
def test_every_promise_is_kept_whatever_goes_wrong(chunk: int) -> None:
    _play_all(chunk * _CHUNK, _CHUNK)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("half", range(2))
def test_every_promise_is_kept_for_as_many_seeds_as_time_allows(
    half: int, record_property: Callable[[str, object], None]
) -> None:
    until = time.monotonic() + 90
    played = 0
    for first in range(1_000 + half * 50_000, 1_000 + (half + 1) * 50_000, _CHUNK):
        _play_all(first, _CHUNK)
        played += _CHUNK
        if time.monotonic() > until and played >= 1_000:
            break
    record_property("seeds", played)


def test_a_seed_replays_to_the_same_end() -> None:
    first, second = play(77), play(77)
    assert (first.now, first.calls, first.lateness) == (second.now, second.calls, second.lateness)


def test_without_reconcile_all_ends_well_where_nothing_goes_wrong() -> None:
    for seed in range(300):
        play(seed, build_fair)


def test_seeds_reach_every_kind_of_end_and_of_repair() -> None:
    worlds = [play(seed) for seed in range(300) if seed % EVERY != LARGE]
    ends = {run.status.value for world in worlds for run in world.peek.runs()}
    calls = {name for world in worlds for name in world.calls}
    assert ends == {"SUCCEEDED", "FAILED", "CANCELLED"}
    assert {"ListJobs", "TerminateJob", "ReceiveMessage", "DescribeJobs"} <= calls
    written = {
        sk.partition("#")[0]
        for world in worlds
        for pk in world.dynamodb.partitions("run#")
        for sk in world.dynamodb.keys(pk)
    }
    assert {"status", "plan", "shard", "job", "array", "end", "seen"} <= written
    assert any(job.foreign for world in worlds for job in world.batch.jobs.values())
    assert {outage.service for world in worlds for outage in world.outages} == {"Batch", "DynamoDB", "EventBridge"}


def test_a_promise_that_is_broken_is_noticed() -> None:
    world = World(1, document(chain(3)), Faults(lose_event=1.0))
    world.start()
    world.later(3_600_000 * 10, lambda: None)
    with pytest.raises(BrokenPromiseError, match="not settled"):
        world.go()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_promise_is_kept_where_containers_carry_on(record_property: Callable[[str, object], None]) -> None:
    until, seed = time.monotonic() + 60, 0
    while time.monotonic() < until or seed < 250:
        for build in (build_warm, build_warm_fair, build_warm_shared):
            try:
                play(seed, build)
            except (Exception, BrokenPromiseError) as error:
                pytest.fail(f"{build.__name__}, seed {seed}: {error!r}")
        seed += 1
    record_property("seeds", 3 * seed)


def test_containers_carry_on_in_the_order_of_priorities_and_give_way_to_jobs_that_wait() -> None:
    worlds = [play(seed, build_warm_shared) for seed in range(100)]
    assert sum(world.gave_way for world in worlds if isinstance(world, WarmWorld)) > 20
    assert sum(world.carried for world in worlds if isinstance(world, WarmWorld)) > 100
