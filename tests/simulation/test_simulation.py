"""The real handlers on a simulated AWS: thousands of seeds, each a run and the worst luck it may have."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.simulation.scenarios import play
from tests.simulation.world import BrokenPromiseError

_CHUNK = 250


def _play_all(first: int, count: int) -> None:
    for seed in range(first, first + count):
        try:
            play(seed)
        except (Exception, BrokenPromiseError) as error:
            pytest.fail(f"seed {seed}: {error!r}\nreplay it: python -m tests.simulation.scenarios {seed}")


@pytest.mark.parametrize("chunk", range(8))
def test_every_promise_is_kept_whatever_goes_wrong(chunk: int) -> None:
    _play_all(chunk * _CHUNK, _CHUNK)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("half", range(2))
def test_every_promise_is_kept_for_a_hundred_thousand_seeds(
    half: int, record_property: Callable[[str, object], None]
) -> None:
    until = time.monotonic() + 300
    played = 0
    for first in range(10_000 + half * 50_000, 10_000 + (half + 1) * 50_000, _CHUNK):
        _play_all(first, _CHUNK)
        played += _CHUNK
        if time.monotonic() > until:
            break
    record_property("seeds", played)
    assert played >= 1000


def test_a_seed_replays_to_the_same_end() -> None:
    first, second = play(77), play(77)
    assert (first.now, first.calls, first.batch.counts) == (second.now, second.calls, second.batch.counts)


def test_seeds_reach_every_kind_of_end_and_of_repair() -> None:
    worlds = [play(seed) for seed in range(300)]
    ends = {run.status.value for world in worlds for run in world.table._runs.values()}
    calls = {name for world in worlds for name in (*world.calls, *world.batch.counts)}
    assert ends == {"SUCCEEDED", "FAILED", "CANCELLED"}
    assert {"put_array", "ListJobs", "TerminateJob", "take_slots", "flag_failure", "move_key"} - calls <= {"move_key"}
    assert any(world.dead_letters for world in worlds) or any(world.calls.get("put_suspects") for world in worlds)


def test_a_promise_that_is_broken_is_noticed() -> None:
    with pytest.raises(BrokenPromiseError, match="not settled"):
        _without_reconcile()


def _without_reconcile() -> None:
    from tests.simulation.batch import Faults  # noqa: PLC0415
    from tests.simulation.graphs import chain, document  # noqa: PLC0415
    from tests.simulation.world import World  # noqa: PLC0415

    world = World(1, document(chain(3)), Faults(lose_event=1.0))
    world.start()
    world.later(3_600_000 * 10, lambda: None)
    world.go()
