"""The run table's promises about a run's status item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.ports import RunTable
from dag.records import Run
from dag.shards import Shard
from dag.status import RunStatus
from tests.contract.values import LATER, OTHER_RUN_ID, REFUSED, RUN_ID, a_run

FULL = Run(
    run_id=RUN_ID,
    project="spaceflights",
    environment="aws_batch",
    pipelines=("data_processing", "datenverarbeitung_π"),
    request={
        "pipelines": ["data_processing", "datenverarbeitung_π"],
        "params": {"a": {"b": [1, 2.5, None, True, {"c": "ß\n\"'"}]}, "empty": {}, "none": None, "": ""},
        "max_workers": 20,
    },
    request_digest="89ab",
    graph_digest="sha256:0123",
    plan_digest="4567",
    idempotency_key="given:täglich",
    on_failure="continue",
    groups_total=100_000,
    nodes_total=100_001,
    created_at=1_795_000_000_123,
    expires_at=1_900_000_000,
    max_workers=20,
    description="Neu gerechnet: λ ≥ 0 🚀",
    status=RunStatus.FAILED,
    reason="train failed: out of memory (exit code 137)",
    failure="train failed",
    ended_at=1_795_000_060_000,
    slots=frozenset({0, 99_999, 2_000_001}),
    announced=frozenset({"start", "end"}),
    resumed={"from": OTHER_RUN_ID, "reused": ["a", "b"], "reused_total": 2, "again": {"c": "it has changed"}},
)


@pytest.mark.parametrize("run", [a_run(), FULL], ids=["a new run", "every field"])
def test_a_run_is_read_as_it_was_written(table: RunTable, run: Run) -> None:
    assert table.put_run(run)

    assert table.get_run(run.run_id) == run
    assert table.get_runs([run.run_id]) == [run]


def test_the_run_that_was_created_first_stays(table: RunTable) -> None:
    assert table.put_run(a_run(project="first"))
    assert not table.put_run(a_run(project="second"))
    assert table.get_run(RUN_ID) == a_run(project="first")


def test_a_run_is_not_created_a_second_time_by_the_same_invocation(table: RunTable) -> None:
    run = a_run()
    table.put_run(run)

    assert not table.put_run(run)


def test_a_run_that_was_not_created_is_not_found(table: RunTable) -> None:
    assert table.get_run(RUN_ID) is None
    assert table.get_runs([RUN_ID]) == []


def test_of_several_runs_those_that_exist_are_found(table: RunTable) -> None:
    runs = [a_run(f"run-{number:03d}") for number in range(60)]
    for run in runs:
        table.put_run(run)

    found = table.get_runs([f"run-{number:03d}" for number in range(30, 130)])

    assert sorted(found, key=lambda run: run.run_id) == runs[30:]


def test_no_runs_are_asked_for_and_none_found(table: RunTable) -> None:
    assert table.get_runs([]) == []


def test_more_than_100_runs_at_once_are_refused(table: RunTable) -> None:
    with pytest.raises(REFUSED):
        table.get_runs([f"run-{number}" for number in range(101)])


def test_a_run_ends_once(table: RunTable) -> None:
    table.put_run(a_run())

    assert table.end_run(RUN_ID, RunStatus.FAILED, "train failed", 5)
    assert not table.end_run(RUN_ID, RunStatus.CANCELLED, "enough", 6)
    assert table.get_run(RUN_ID) == a_run(status=RunStatus.FAILED, reason="train failed", ended_at=5)


def test_a_run_that_succeeded_has_no_reason(table: RunTable) -> None:
    table.put_run(a_run())
    table.end_run(RUN_ID, RunStatus.SUCCEEDED, None, 5)

    assert table.get_run(RUN_ID) == a_run(status=RunStatus.SUCCEEDED, reason=None, ended_at=5)


def test_the_first_failure_is_the_one_that_is_kept(table: RunTable) -> None:
    table.put_run(a_run())
    table.flag_failure(RUN_ID, "the first")
    table.flag_failure(RUN_ID, "the second")

    assert table.get_run(RUN_ID) == a_run(failure="the first")


def test_no_failure_is_flagged_on_a_run_that_is_over(table: RunTable) -> None:
    table.put_run(a_run())
    table.end_run(RUN_ID, RunStatus.CANCELLED, "enough", 5)
    table.flag_failure(RUN_ID, "too late")

    assert table.get_run(RUN_ID) == a_run(status=RunStatus.CANCELLED, reason="enough", ended_at=5)


def test_announcements_add_up_also_on_a_run_that_is_over(table: RunTable) -> None:
    table.put_run(a_run())
    table.flag_announced(RUN_ID, "start")
    table.flag_announced(RUN_ID, "start")
    table.end_run(RUN_ID, RunStatus.SUCCEEDED, None, 5)
    table.flag_announced(RUN_ID, "end")

    run = table.get_run(RUN_ID)
    assert run is not None
    assert run.announced == {"start", "end"}


def test_slots_are_taken_while_there_is_room(table: RunTable) -> None:
    table.put_run(a_run(max_workers=3))

    assert table.take_slots(RUN_ID, [0, 1], 3)
    assert not table.take_slots(RUN_ID, [2, 3], 3)
    assert table.take_slots(RUN_ID, [1_000_002], 3)
    assert not table.take_slots(RUN_ID, [4], 3)
    assert table.get_run(RUN_ID) == a_run(max_workers=3, slots=frozenset({0, 1, 1_000_002}))


def test_more_slots_than_there_can_be_are_not_taken(table: RunTable) -> None:
    table.put_run(a_run(max_workers=2))

    assert not table.take_slots(RUN_ID, [0, 1, 2], 2)
    assert table.get_run(RUN_ID) == a_run(max_workers=2)


def test_slots_that_are_partly_held_need_room_as_if_they_were_new(table: RunTable) -> None:
    table.put_run(a_run(max_workers=3))
    table.take_slots(RUN_ID, [0, 1], 3)

    assert not table.take_slots(RUN_ID, [1, 2], 3)
    assert table.take_slots(RUN_ID, [1], 3)
    assert table.get_run(RUN_ID) == a_run(max_workers=3, slots=frozenset({0, 1}))


def test_no_slot_is_taken_in_a_run_that_is_over(table: RunTable) -> None:
    table.put_run(a_run(max_workers=3))
    table.end_run(RUN_ID, RunStatus.CANCELLED, "enough", 5)

    assert not table.take_slots(RUN_ID, [0], 3)
    assert table.get_run(RUN_ID) == a_run(max_workers=3, status=RunStatus.CANCELLED, reason="enough", ended_at=5)


def test_freed_slots_may_be_taken_again(table: RunTable) -> None:
    table.put_run(a_run(max_workers=2))
    table.take_slots(RUN_ID, [0, 1], 2)

    assert table.free_slots(RUN_ID, [0, 7]) == a_run(max_workers=2, slots=frozenset({1}))
    assert table.take_slots(RUN_ID, [2], 2)
    assert not table.take_slots(RUN_ID, [3], 2)


def test_when_all_slots_are_free_all_may_be_taken(table: RunTable) -> None:
    table.put_run(a_run(max_workers=2))
    table.take_slots(RUN_ID, [0, 1], 2)

    assert table.free_slots(RUN_ID, [0, 1]) == a_run(max_workers=2)
    assert table.free_slots(RUN_ID, [0, 1]) == a_run(max_workers=2)
    assert table.take_slots(RUN_ID, [2, 3], 2)


def test_freeing_slots_that_nobody_took_changes_nothing(table: RunTable) -> None:
    table.put_run(a_run(max_workers=2))

    assert table.free_slots(RUN_ID, [5]) == a_run(max_workers=2)


def test_slots_are_freed_also_in_a_run_that_is_over(table: RunTable) -> None:
    table.put_run(a_run(max_workers=2))
    table.take_slots(RUN_ID, [0], 2)
    table.end_run(RUN_ID, RunStatus.CANCELLED, "enough", 5)

    assert table.free_slots(RUN_ID, [0]) == a_run(
        max_workers=2, status=RunStatus.CANCELLED, reason="enough", ended_at=5
    )


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        (lambda table: table.end_run(RUN_ID, RunStatus.FAILED, "why", 5), False),
        (lambda table: table.flag_failure(RUN_ID, "why"), None),
        (lambda table: table.flag_announced(RUN_ID, "start"), None),
        (lambda table: table.take_slots(RUN_ID, [0], 3), False),
        (lambda table: table.free_slots(RUN_ID, [0]), None),
    ],
    ids=["end_run", "flag_failure", "flag_announced", "take_slots", "free_slots"],
)
def test_no_change_makes_a_run_of_nothing(
    table: RunTable, change: Callable[[RunTable], bool | Run | None], answer: bool | None
) -> None:
    assert change(table) is answer
    assert table.get_run(RUN_ID) is None
    assert table.put_run(a_run())
    assert table.get_run(RUN_ID) == a_run()


def test_no_run_is_made_of_a_void_one_and_a_void_one_is_none(table: RunTable) -> None:
    assert table.void_run(RUN_ID, LATER) is True
    assert table.void_run(RUN_ID, LATER) is True
    assert (table.put_run(a_run()), table.get_run(RUN_ID), table.get_runs([RUN_ID])) == (False, None, [])


def test_a_run_that_is_made_can_t_be_voided(table: RunTable) -> None:
    assert table.put_run(a_run())
    assert table.void_run(RUN_ID, LATER) is False
    assert table.get_run(RUN_ID) == a_run()


def test_saying_when_a_run_is_forgotten_makes_none(table: RunTable) -> None:
    table.expire_run(RUN_ID, LATER)
    assert table.get_run(RUN_ID) is None


def test_a_run_is_forgotten_when_it_was_said_last(table: RunTable) -> None:
    assert table.put_run(a_run())
    table.expire_run(RUN_ID, LATER + 1)
    assert table.get_run(RUN_ID) == replace(a_run(), expires_at=LATER + 1)


def test_a_number_that_is_named_twice_counts_once(table: RunTable) -> None:
    table.put_run(a_run(max_workers=3))
    assert table.take_slots(RUN_ID, [4, 4], 3)
    assert table.claim(RUN_ID, 0, [4, 4]) == Shard(0)
    assert table.add_marks(RUN_ID, 0, {"submitted": [4, 4]}) == Shard(0, claimed=frozenset({4}))
    assert table.free_slots(RUN_ID, [4, 4]) == a_run(max_workers=3)


def test_what_is_empty_or_nothing_is_read_back_as_that(table: RunTable) -> None:
    run = a_run(description="", groups_total=0, resumed={})
    table.put_run(run)
    assert table.get_run(RUN_ID) == run
