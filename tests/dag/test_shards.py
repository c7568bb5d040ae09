"""A run's state: sets of numbers that only grow, in whatever order changes come."""

from __future__ import annotations

import random
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from dag.shards import MOST_ATTEMPTS, SETS, SHARD_SIZE, Mark, Shard, View, by_shard, read_mark

from .build import view_of

marks = st.builds(Mark, st.integers(0, 100_000), st.integers(0, MOST_ATTEMPTS - 1), st.integers(0, 1000))
few = st.builds(Mark, st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)) | st.builds(
    Mark, st.integers(SHARD_SIZE - 1, SHARD_SIZE + 1), st.integers(0, 1), st.just(0)
)
changes = st.lists(st.tuples(st.sampled_from(SETS), few), max_size=30)


def seen(some: list[tuple[str, Mark]]) -> View:
    view = View()
    for name, mark in some:
        view.add(Shard(mark.shard).with_marks(**{name: [mark.number]}))
    return view


@given(marks)
def test_a_mark_is_read_back_from_its_number(mark: Mark) -> None:
    assert read_mark(mark.shard, mark.number) == mark


@given(marks, marks)
def test_two_marks_of_a_shard_are_two_numbers(one: Mark, other: Mark) -> None:
    assert (one == other) == ((one.shard, one.number) == (other.shard, other.number))


def test_the_numbers_of_first_attempts_are_small() -> None:
    assert [Mark(group).number for group in (0, 255, 256, 100_000)] == [0, 255, 0, 160]
    assert (Mark(1, 1).number, Mark(1, 0, 1).number) == (257, 25_601)


@given(changes, st.randoms(use_true_random=False), st.data())
def test_what_comes_twice_late_or_in_another_order_leaves_the_same_state(
    some: list[tuple[str, Mark]], rng: random.Random, data: st.DataObject
) -> None:
    twice = [*some, *data.draw(st.lists(st.sampled_from(some), max_size=10) if some else st.just([]))]
    rng.shuffle(twice)
    assert seen(twice) == seen(some)


@given(changes, changes)
def test_an_old_snapshot_takes_nothing_back(before: list[tuple[str, Mark]], after: list[tuple[str, Mark]]) -> None:
    late = seen([*before, *after])
    for shard in seen(before).shards.values():
        late.add(shard)
    assert late == seen([*before, *after])


@given(changes)
def test_what_a_view_says_is_what_its_sets_say(some: list[tuple[str, Mark]]) -> None:
    view = seen(some)
    for name, mark in some:
        assert view.has(name, mark)
        assert mark in view.shards[mark.shard].marks(name)
    for group in {mark.group for _, mark in some} | {9_999}:
        mine = [(name, mark) for name, mark in some if mark.group == group]
        known = [mark.attempt for name, mark in mine if name in ("claimed", "submitted")]
        assert view.succeeded(group) == any(name == "succeeded" for name, _ in mine)
        assert view.newest_attempt(group) == max(known, default=None)


def test_a_claim_is_open_until_its_attempt_is_known_to_have_a_job_or_none() -> None:
    assert view_of(claimed=[2, 1]).open_claims() == [Mark(1), Mark(2)]
    assert view_of(claimed=[1], submitted=[1]).open_claims() == []
    assert view_of(claimed=[1], failed=[1], cancelled=[1]).open_claims() == []
    assert view_of(claimed=[Mark(1, 0, 0), Mark(1, 0, 2), Mark(1, 0, 1)]).open_claims() == [Mark(1, 0, 2)]
    assert view_of(claimed=[Mark(1, 0, 3)], submitted=[Mark(1)]).open_claims() == []
    assert view_of(claimed=[Mark(1), Mark(1, 1)], submitted=[Mark(1)]).open_claims() == [Mark(1, 1)]


def test_in_flight_is_what_was_submitted_and_has_not_ended() -> None:
    view = view_of(claimed=[0, 1, 2, 300], submitted=[0, 1, 300, Mark(1, 1)], succeeded=[0], failed=[1])
    assert view.in_flight() == [Mark(1, 1), Mark(300)]
    assert not view.accounted()
    assert view_of(claimed=[0, 1], submitted=[0], succeeded=[0], failed=[1]).accounted()
    assert not view_of(claimed=[0]).accounted()
    assert View().accounted()


def test_a_failure_that_is_tried_again_is_none() -> None:
    view = view_of(failed=[Mark(0), Mark(1), Mark(300)], retried=[Mark(0)], cancelled=[300])
    assert view.failures() == [Mark(1), Mark(300)]


@given(st.lists(marks))
def test_marks_are_sorted_into_their_shards(some: list[Mark]) -> None:
    found = by_shard(some)
    assert sorted(mark for inside in found.values() for mark in inside) == sorted(some)
    assert all(mark.shard == shard for shard, inside in found.items() for mark in inside)
    assert list(found) == sorted(found)


def test_the_newest_attempts_of_a_shard_are_of_its_groups_alone() -> None:
    first = 2 * SHARD_SIZE  # the number of its second attempt is the next after those of all first ones
    claimed = [Mark(first), Mark(first, 1), Mark(first + 1), Mark(first + 1, 0, 1), Mark(first + 3, 2, 1)]
    shard = Shard(2).with_marks(claimed=[mark.number for mark in claimed])
    assert shard.newest == {first: 1, first + 1: 0, first + 3: 2}
    for pair in permutations(range(6), 2):
        some = Shard(0).with_marks(claimed=[Mark(3, attempt).number for attempt in pair])
        assert some.newest == {3: max(pair)}


def test_an_attempt_has_ended_well_or_not() -> None:
    view = view_of(submitted=[0, 1, 2], succeeded=[0], failed=[1])
    assert [view.ended(Mark(group)) for group in range(4)] == [True, True, False, False]


def test_of_a_claim_that_was_taken_over_the_newest_is_open() -> None:
    view = view_of(claimed=[Mark(1, 0, generation) for generation in (3, 9, 0, 5)])
    assert view.open_claims() == [Mark(1, 0, 9)]
    assert not View().has("claimed", Mark(1))
