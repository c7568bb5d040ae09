"""Ready groups that wait for a container that is soon free, and containers that wait for a group."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from dag import limits
from dag.durations import dump_durations, duration_key
from dag.holding import Held, longest_hold
from dag.plan import start_key
from dag.request import Allowed, make_plan
from dag.shards import Shard, View
from dag.status import RunStatus
from runs.asking import Answer
from runs.holding import Holding
from tests.runs import test_carrying as carrying
from tests.runs.stage import Stage, died
from tests.runs.test_carrying import told
from tests.simulation.graphs import DEFINITION, QUEUE, document

#: Two roots; the first has one child, the second two.
PARENTS = [[], [], [0], [1], [1]]
#: Three roots, of which two have three children together.
JOIN: list[list[int]] = [[], [], [], [0, 1], [0, 1], [0, 1]]
START, EACH = 40.0, 5.0


def started(
    parents: list[list[int]], taught: Mapping[int, float] | None = None, start: float = START, **request: Any
) -> Stage:
    """Return a run of which earlier runs have taught how long containers and groups take, by default all of them."""
    stage = Stage(document(parents, warm_containers=True))
    plan, _ = make_plan(stage.document, {}, "2026-11-22T13.11.00.123Z", Allowed([QUEUE], [DEFINITION]))
    lasts = dict.fromkeys(range(len(parents)), EACH) if taught is None else taught
    known = {duration_key(plan.groups[group].signatures): seconds for group, seconds in lasts.items()}
    known[f"start {start_key(plan.groups[0].resources)}"] = start
    stage.table.put_durations(plan.project, plan.environment, dump_durations(known, 100_000))
    stage.start(**request)
    return stage


ask = partial(carrying.ask, waited=0)


def held() -> Stage:
    """Return a run in which two groups are held for the only container that has asked."""
    stage = started(PARENTS)
    assert told(ask(stage, 0, 0)) == ("n2",)
    stage.finish(1)
    assert stage.statuses() == ["SUCCEEDED", "SUCCEEDED", "SUBMITTED", "WAITING", "WAITING"]
    return stage


# groups that wait -----------------------------------------------------------------------------------------------------


def test_groups_wait_for_a_container_that_is_soon_free_and_it_runs_them() -> None:
    stage = held()
    stage.now += 5_000
    assert [told(ask(stage, 0, done)) for done in (1, 2)] == [("n3",), ("n4",)]
    assert (len(stage.batch.work), stage.handed_over) == (2, [])
    assert told(ask(stage, 0, 3)) is None
    assert stage.run.status is RunStatus.SUCCEEDED


def test_a_message_ends_the_wait_of_what_nobody_came_for() -> None:
    stage = held()
    assert stage.wakes == [stage.now + int(START / 2) * 1000]
    stage.now += 10_000
    stage.advance()  # whoever comes by meanwhile leaves them
    assert (stage.statuses()[3:], len(stage.wakes)) == (["WAITING"] * 2, 1)
    stage.now = stage.wakes[0]
    stage.advance()
    assert stage.statuses()[3:] == ["SUBMITTED"] * 2
    assert len(stage.wakes) == 1  # nothing is held twice


def test_it_is_forgotten_in_time_that_a_group_was_held_lest_the_item_grow_with_the_run() -> None:
    some = Held({1: 10_000, 2: 100_000, 3: 140_000}, version=4)
    assert some.and_also({4: 150_000}, now=130_000) == Held({2: 100_000, 3: 140_000, 4: 150_000}, version=5)
    assert some.lately(now=130_000) == {3}


def test_the_message_is_sent_before_anything_waits_for_it() -> None:
    stage = started(PARENTS)
    ask(stage, 0, 0)
    stage.table.put_held = died  # type: ignore[method-assign]
    stage.finish(1)
    assert (stage.statuses()[3:], len(stage.wakes)) == (["WAITING"] * 2, 1)


def test_what_is_held_is_written_down_although_many_do_so_at_the_same_time() -> None:
    stage = started(PARENTS)
    ask(stage, 0, 0)
    put, others = stage.table.put_held, iter(range(9))

    def beaten(run_id: str, held: Held, expires_at: int) -> bool:
        if next(others, None) is not None:
            assert put(run_id, replace(held, until={}), expires_at)
            return False
        return put(run_id, held, expires_at)

    stage.table.put_held = beaten  # type: ignore[method-assign]
    stage.finish(1)
    assert (stage.statuses()[3:], len(stage.wakes)) == (["WAITING"] * 2, 1)
    assert stage.table.get_held(stage.run_id).version == 10


def test_what_others_hold_at_the_same_time_is_not_lost_and_the_rest_is_submitted() -> None:
    stage = started(PARENTS)
    ask(stage, 0, 0)
    stage.table.put_held = lambda *_: False  # type: ignore[method-assign]
    stage.finish(1)
    assert stage.statuses()[3:] == ["SUBMITTED"] * 2


def test_nobody_waits_for_a_container_that_has_never_asked_or_whose_group_is_overdue_or_unknown() -> None:
    never = started(PARENTS)
    never.finish(1)
    assert never.statuses()[3:] == ["SUBMITTED"] * 2
    overdue = started(PARENTS)
    ask(overdue, 0, 0)
    overdue.now += 8_000  # of 5 s, and a quarter
    overdue.finish(1)
    assert overdue.statuses()[3:] == ["SUBMITTED"] * 2
    unknown = started(PARENTS, {3: EACH, 4: EACH})
    ask(unknown, 0, 0)
    unknown.finish(1)
    assert unknown.statuses()[3:] == ["SUBMITTED"] * 2


def test_nobody_waits_longer_than_half_a_start() -> None:
    stage = started(PARENTS, {**dict.fromkeys(range(5), EACH), 2: 21.0})
    ask(stage, 0, 0)
    stage.finish(1)
    assert stage.statuses()[3:] == ["SUBMITTED"] * 2
    second_too_late = started(PARENTS, {**dict.fromkeys(range(5), 16.0), 2: 5.0})
    ask(second_too_late, 0, 0)
    second_too_late.finish(1)
    assert sorted(second_too_late.statuses()[3:]) == ["SUBMITTED", "WAITING"]


def test_a_first_run_holds_nothing_and_asks_for_nothing() -> None:
    stage = Stage(document(PARENTS, warm_containers=True))
    stage.start()
    ask(stage, 0, 0)
    stage.finish(1)
    assert stage.statuses()[3:] == ["SUBMITTED"] * 2
    assert not {"get_held", "put_held", "put_wait"} & stage.calls.keys()


def test_where_containers_start_at_once_nothing_waits_and_nothing_is_asked_for() -> None:
    stage = started(PARENTS, start=3.0)
    ask(stage, 0, 0)
    stage.finish(1)
    assert stage.statuses()[3:] == ["SUBMITTED"] * 2
    assert not {"get_held", "put_held", "put_wait"} & stage.calls.keys()


def test_the_longest_start_that_counts_is_a_minute() -> None:
    stage = started(PARENTS)
    plan = stage.dispatcher.plan(stage.run_id)
    assert longest_hold(plan, 0) == 20_000
    assert longest_hold(replace(plan, starts={}), 0) == 0
    assert longest_hold(replace(plan, starts=dict.fromkeys(plan.starts, 600.0)), 0) == 30_000


def test_what_has_waited_for_long_is_taken_before_what_has_the_longer_path() -> None:
    stage = started([[], [], [0], [1], [2], [4], [5]])  # 3 has nothing after it
    ask(stage, 0, 0)
    stage.finish(1)
    assert stage.statuses()[3] == "WAITING"
    stage.now += 5_000
    assert told(ask(stage, 0, 1)) == ("n4",)
    stage.now += 5_000  # of 20 s
    assert told(ask(stage, 0, 2)) == ("n5",)
    stage.now += 1
    assert told(ask(stage, 0, 3)) == ("n3",)


# containers that wait -------------------------------------------------------------------------------------------------


def test_a_container_waits_for_a_group_that_is_soon_ready() -> None:
    stage = started(JOIN)
    stage.now += 44_000
    answer = ask(stage, 0, 0)
    assert (answer.wait, answer.payload) == (1_000, None)
    stage.finish(1)
    assert stage.statuses()[3:] == ["WAITING"] * 3  # held for the one that waits
    stage.now += 1_000
    stage.calls.clear()
    assert told(ask(stage, 0, 0, waited=1_000)) == ("n3",)
    assert "put_outcomes" not in stage.calls  # it was reported by the first question


def test_the_longer_it_has_waited_the_longer_is_the_next_wait_and_half_a_start_ends_it() -> None:
    stage = started(JOIN)
    stage.now += 44_000
    assert ask(stage, 0, 0).wait == 1_000
    assert ask(stage, 0, 0, waited=1_000).wait == 1_000
    assert ask(stage, 0, 0, waited=4_000).wait == 4_000
    assert ask(stage, 0, 0, waited=19_000).wait == 1_000
    assert ask(stage, 0, 0, waited=20_000) == Answer()


def test_a_container_is_told_that_there_is_nothing_if_others_will_take_what_comes() -> None:
    stage = started([[], [], [], [0, 1, 2]])
    stage.now += 44_000
    assert ask(stage, 0, 0) == Answer()


@pytest.mark.parametrize("later", [30_000, 60_000])
def test_nobody_waits_for_what_ends_too_late_or_should_have_ended(later: int) -> None:
    stage = started(JOIN, {**dict.fromkeys(range(6), EACH), 1: 25.0 if later == 30_000 else EACH, 2: EACH})
    stage.now += later
    assert ask(stage, 0, 0) == Answer()


def test_a_container_that_can_not_wait_is_not_told_to() -> None:
    stage = started(JOIN)
    stage.now += 44_000
    assert ask(stage, 0, 0, waited=None) == Answer()


def test_nobody_waits_in_a_run_that_will_fail() -> None:
    stage = started(JOIN, on_failure="drain")
    stage.finish(2, exit_code=1)
    stage.now += 44_000
    assert ask(stage, 0, 0) == Answer()


def test_a_container_does_not_count_itself_among_those_that_take_what_comes() -> None:
    stage = started([[], [], [0, 1]])
    stage.now += 44_000
    assert ask(stage, 0, 0).wait == 1_000


def test_those_that_wait_and_those_that_ask_again_take_what_comes_too() -> None:
    stage = started([[], [], [], [0, 1, 2], [0, 1, 2]])
    stage.now += 44_000
    assert ask(stage, 1, 0).wait == 1_000
    assert ask(stage, 0, 0).wait == 1_000  # two groups come, for the one that waits and the one that ends
    stage.now += 2_000
    assert ask(stage, 0, 0).wait == 1_000


def test_who_has_waited_waits_for_less_of_what_comes() -> None:
    stage = started(JOIN, {**dict.fromkeys(range(6), EACH), 1: 22.0, 2: 22.0})
    stage.now += 44_000
    assert ask(stage, 0, 0).wait == 17_999  # their job was submitted a millisecond before
    assert ask(stage, 0, 0, waited=4_000) == Answer()


def test_what_a_container_carries_on_with_ends_without_another_start() -> None:
    stage = started([[], [], [1], [0, 2], [0, 2]])
    stage.now += 44_000
    assert told(ask(stage, 1, 0)) == ("n2",)
    assert ask(stage, 0, 0).wait == 5_000


def test_whoever_may_not_wait_costs_no_look_at_what_is_at_work() -> None:
    short, late = started(JOIN, start=3.0), started(JOIN)
    for stage, waited in ((short, 0), (late, 20_000)):
        stage.now += 44_000
        stage.calls.clear()
        assert ask(stage, 0, 0, waited=waited) == Answer()
        assert stage.calls["get_jobs"] == 1  # whose the question is
    late.calls.clear()
    ask(late, 1, 0)
    assert late.calls["get_jobs"] == 2


def test_what_was_held_in_vain_costs_no_look_at_containers() -> None:
    stage = held()
    stage.now = stage.wakes[0]
    stage.calls.clear()
    stage.advance()
    assert "workers" not in stage.calls


def test_what_comes_is_looked_for_among_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait() -> int | None:
        stage = started([[], [], [], [1, 2], [1, 2], [1, 2]])
        stage.now += 44_000
        return ask(stage, 0, 0).wait

    assert wait() == 1_000
    for name, most in (("_MOST_CHILDREN", 1), ("limits.BATCH_GET", replace(limits.BATCH_GET, most=1))):
        with monkeypatch.context() as patched:
            patched.setattr(f"runs.holding.{name}", most)
            assert (name, wait()) == (name, None)


def test_parents_are_read_from_other_shards_and_no_more_than_a_request_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dag.shards.SHARD_SIZE", 2)
    stage = started([[], [], [], [1, 2], [1, 2], [1, 2], [0, 5], [6]], dict.fromkeys((0, 1), EACH))
    stage.now += 44_000
    stage.finish(2)
    assert ask(stage, 0, 0).wait == 1_000
    monkeypatch.setattr("runs.holding.limits.BATCH_GET", replace(limits.BATCH_GET, most=2))
    asked: list[list[int]] = []

    def get_shards(_: str, indices: Collection[int]) -> list[Shard]:
        asked.append(list(indices))
        return []

    stage.table.get_shards = get_shards  # type: ignore[assignment]
    Holding(stage.dispatcher.ports, stage.dispatcher.plan(stage.run_id))._read(View({0: Shard(0)}), range(5))
    assert asked == [[1, 2]]
