"""A run's plan: written once, read back the same, and its properties."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag.durations import dump_durations, duration_key, learn, load_durations, with_durations
from dag.errors import InvalidGraphError
from dag.plan import Group, Plan, Reused, RunSettings, dump_plan, load_plan
from dag.records import Outcome
from dag.shards import Mark
from dag.sizes import MemoryRetry
from dag.status import OnFailure

from .build import plan_of

texts = st.text(max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
some_texts = st.lists(texts, max_size=3).map(tuple)
plans = st.builds(
    Plan,
    texts,
    texts,
    texts,
    some_texts,
    st.dictionaries(texts, json_values, max_size=3),
    st.builds(
        RunSettings,
        st.sampled_from(OnFailure),
        texts,
        texts,
        st.none() | st.integers(),
        st.none() | st.builds(MemoryRetry, st.floats(1, 9), st.integers()),
        st.booleans(),
    ),
    st.lists(
        st.builds(
            Group,
            some_texts,
            some_texts,
            st.lists(st.integers(0, 9)).map(tuple),
            st.dictionaries(texts, json_values, max_size=2),
            st.dictionaries(texts, texts, max_size=2),
            some_texts,
            st.none() | st.floats(0, 1e6),
        ),
        max_size=3,
    ).map(tuple),
    st.dictionaries(texts, st.builds(Reused, texts, texts), max_size=2),
    starts=st.dictionaries(texts, st.floats(0, 1e6), max_size=2),
)


@given(plans)
def test_a_plan_is_read_back_as_it_was_written(plan: Plan) -> None:
    assert load_plan(dump_plan(plan)) == plan


def test_the_same_plan_is_the_same_bytes() -> None:
    assert dump_plan(plan_of([[], [0]])) == dump_plan(plan_of([[], [0]]))


DIAMOND = plan_of([[], [], [0], [0], [2, 3]])  # and one that stands alone


def test_children_sinks_and_the_longest_way_left_follow_from_the_parents() -> None:
    assert list(map(list, DIAMOND.children)) == [[2, 3], [], [4], [4], []]
    assert DIAMOND.sinks == {1, 4}
    assert DIAMOND.sinks_by_shard == {0: {1, 4}}
    assert (list(DIAMOND.remaining), DIAMOND.longest) == ([3, 1, 2, 2, 1], 3)
    assert DIAMOND.node_count == 5


def test_a_group_is_titled_by_its_first_node() -> None:
    group = DIAMOND.groups[0]
    assert (group.title, replace(group, nodes=("a", "b", "c")).title) == ("n0", "a (+2)")


def test_an_attempt_beyond_the_first_has_more_memory_or_there_is_none() -> None:
    bare = plan_of([[]])
    assert [bare.memory(0, attempt) for attempt in range(2)] == [1000, None]
    retrying = plan_of([[]], memory_retry={"factor": 3, "max": 4000})
    assert [retrying.memory(0, attempt) for attempt in range(4)] == [1000, 3000, 4000, None]
    assert retrying.resources(0, 1) == {**retrying.groups[0].resources, "memory": 3000}


# Durations that earlier runs taught


def ended(group: int, seconds: float, succeeded: bool = True) -> Outcome:
    return Outcome(Mark(group), succeeded=succeeded, started_at=1_000, ended_at=1_000 + round(seconds * 1000))


def test_the_longest_way_left_is_in_seconds_once_seconds_are_known_and_the_unknown_count_as_the_median() -> None:
    known = learn({}, DIAMOND, [ended(0, 1), ended(2, 50), ended(3, 2)])
    plan = with_durations(DIAMOND, known)
    assert [group.seconds for group in plan.groups] == [1, None, 50, 2, None]
    assert list(plan.remaining) == [53, 2, 52, 4, 2]


def test_durations_are_averaged_and_failures_teach_nothing() -> None:
    first = learn({}, DIAMOND, [ended(0, 10), ended(1, 5, succeeded=False), Outcome(Mark(2), succeeded=True)])
    assert first == {duration_key(DIAMOND.groups[0].signatures): 10}
    assert learn(first, DIAMOND, [ended(0, 20)]) == {duration_key(DIAMOND.groups[0].signatures): 14}
    assert with_durations(DIAMOND, {}) is DIAMOND


def test_a_quick_start_of_a_queue_s_containers_is_learned_whatever_the_revision_of_their_definition() -> None:
    def began(group: int, seconds: int, place: int = 0, tries: int = 1) -> Outcome:
        started = 1_000 + seconds * 1000
        return Outcome(Mark(group), succeeded=True, created_at=1_000, started_at=started, place=place, tries=tries)

    resources = DIAMOND.groups[0].resources
    pinned = replace(DIAMOND.groups[1], resources={**resources, "job_definition": "definition:12"})
    plan = replace(DIAMOND, groups=(DIAMOND.groups[0], pinned, *DIAMOND.groups[2:]))
    ends = [began(0, 90), began(1, 40), began(2, 50), began(3, 600), began(4, 1, place=1), began(4, 1, tries=2)]
    known = learn({}, plan, ends)
    assert known == {"start queue definition": 50}
    taught = with_durations(plan, known | {"start another definition": 7})
    assert [taught.start_seconds(group) for group in range(5)] == [50] * 5
    assert learn(known, plan, [began(0, 100)]) == {"start queue definition": 70}


@given(st.dictionaries(texts, st.floats(0, 1e6), max_size=60), st.integers(60, 500))
def test_durations_are_kept_within_their_size_and_the_longest_stay(durations: dict[str, float], most: int) -> None:
    packed = dump_durations(durations, most)
    kept = load_durations(packed)
    assert len(packed) <= most
    assert kept.items() <= durations.items()
    left_out = [seconds for name, seconds in durations.items() if name not in kept]
    assert max(left_out, default=0) <= min(kept.values(), default=1e6)


def test_nothing_learned_is_nothing_known() -> None:
    assert load_durations(None) == {}


def test_a_plan_of_another_format_is_refused_by_name() -> None:
    packed = zlib.compress(json.dumps({"format": 99, "run_id": "2026-01-01T00.00.00.000Z"}).encode())
    with pytest.raises(InvalidGraphError, match=r"Run 2026-01-01T00.00.00.000Z was started by .* format 99"):
        load_plan(packed)
