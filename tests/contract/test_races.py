"""The run table's promises when many invocations call it at the same time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from dag.shards import Mark, Shard
from dag.status import RunStatus
from tests.contract.dynamodb import Dynamo
from tests.contract.values import LATER, RUN_ID, a_run

THREADS = 12
T = TypeVar("T")


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make all calls, twelve at a time, and return their results in order."""
    with ThreadPoolExecutor(THREADS) as pool:
        return [each.result() for each in [pool.submit(call) for call in calls]]


def test_every_claim_is_won_by_exactly_one(dynamo: Dynamo) -> None:
    table, rng = dynamo.table, random.Random(7)
    slices = [rng.sample(range(60), rng.randint(1, 20)) for _ in range(90)]

    def claim(numbers: Sequence[int]) -> list[int]:
        before = table.claim(RUN_ID, 0, numbers)
        return [number for number in numbers if number not in before.claimed]

    won = at_once([partial(claim, numbers) for numbers in slices])

    claimed = {number for numbers in slices for number in numbers}
    assert Counter(number for numbers in won for number in numbers) == Counter(claimed)
    assert table.get_shards(RUN_ID, [0]) == [Shard(0, claimed=frozenset(claimed))]


def test_a_claim_is_taken_over_by_exactly_one(dynamo: Dynamo) -> None:
    table = dynamo.table
    table.claim(RUN_ID, 0, range(10))
    generations = [Mark(group, 0, 1).number for group in range(10)]

    def take_over(number: int) -> bool:
        return number not in table.claim(RUN_ID, 0, [number]).claimed

    won = at_once([partial(take_over, number) for number in generations * 6])

    assert [sum(won[place::10]) for place in range(10)] == [1] * 10


def test_no_mark_is_lost_among_many(dynamo: Dynamo) -> None:
    table = dynamo.table

    seen = at_once([partial(table.add_marks, RUN_ID, 0, {"succeeded": [number]}) for number in range(100)])

    assert not any(number in shard.succeeded for number, shard in enumerate(seen))
    assert sorted(len(shard.succeeded) for shard in seen) == list(range(100))


def test_of_invocations_that_complete_a_join_one_sees_it_complete(dynamo: Dynamo) -> None:
    table = dynamo.table
    for join in range(20):

        def complete(shard: int, join: int = join) -> bool:
            table.add_marks(RUN_ID, shard, {"succeeded": [join]})
            found = table.get_shards(RUN_ID, [0, 1])
            return len([shard for shard in found if join in shard.succeeded]) == 2

        assert any(at_once([partial(complete, 0), partial(complete, 1)]))


def test_a_key_is_bound_by_exactly_one(dynamo: Dynamo) -> None:
    table = dynamo.table

    won = at_once([partial(table.put_key, "given:1", f"run-{n}", LATER) for n in range(40)])

    assert sum(won) == 1
    assert table.get_key("given:1") == f"run-{won.index(True)}"


def test_a_key_is_moved_by_exactly_one(dynamo: Dynamo) -> None:
    table = dynamo.table
    table.put_key("given:1", "old", LATER)

    won = at_once([partial(table.move_key, "given:1", f"run-{n}", instead="old") for n in range(40)])

    assert sum(won) == 1
    assert table.get_key("given:1") == f"run-{won.index(True)}"


def test_a_run_is_created_by_exactly_one(dynamo: Dynamo) -> None:
    table = dynamo.table

    won = at_once([partial(table.put_run, a_run(project=f"p{n}")) for n in range(40)])

    assert sum(won) == 1
    assert table.get_run(RUN_ID) == a_run(project=f"p{won.index(True)}")


def test_a_run_is_ended_by_exactly_one(dynamo: Dynamo) -> None:
    table = dynamo.table
    table.put_run(a_run())
    ends = [RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED] * 12

    won = at_once([partial(table.end_run, RUN_ID, end, str(at), at) for at, end in enumerate(ends)])

    assert sum(won) == 1
    at = won.index(True)
    assert table.get_run(RUN_ID) == a_run(status=ends[at], reason=str(at), ended_at=at)


def test_never_more_slots_are_taken_than_there_are(dynamo: Dynamo) -> None:
    table, most = dynamo.table, 10
    table.put_run(a_run(max_workers=most))

    def use(slot: int) -> bool:
        taken = table.take_slots(RUN_ID, [slot, slot + 1_000_000], most)
        if taken:
            run = table.get_run(RUN_ID)
            assert run is not None
            assert {slot, slot + 1_000_000} <= run.slots
            assert len(run.slots) <= most
            table.free_slots(RUN_ID, [slot, slot + 1_000_000])
        return taken

    taken = at_once([partial(use, slot) for slot in range(60)])

    assert any(taken)
    assert table.get_run(RUN_ID) == a_run(max_workers=most)
