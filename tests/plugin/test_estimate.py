"""How long a run will still take."""

from __future__ import annotations

from typing import Any

import pytest

from kedro_aws_batch.client import GroupState, RunState
from kedro_aws_batch.estimate import Left, time_left, words_left

MINUTE = 60_000


def group(index: int, *parents: int, status: str = "WAITING", usually: int | None = MINUTE, **more: Any) -> GroupState:
    return GroupState(index, (f"n{index}",), status, parents=parents, expected_ms=usually, **more)


def run(*groups: GroupState, **more: Any) -> RunState:
    return RunState("r", more.pop("status", "RUNNING"), len(groups), len(groups), groups, now=10 * MINUTE, **more)


def ran(index: int, *parents: int, **more: Any) -> GroupState:
    """A job of a minute, after ten seconds of waiting for its machine."""
    times = {"submitted_at": 0, "started_at": 10_000, "ended_at": MINUTE + 10_000}
    return group(index, *parents, status="SUCCEEDED", **(times | more))


def test_the_longest_path_of_what_is_to_come_says_how_long() -> None:
    diamond = run(group(0), group(1, 0), group(2, 0, usually=3 * MINUTE), group(3, 1, 2))
    assert time_left(diamond) == Left(300)


def test_what_has_ended_counts_no_more_and_what_runs_counts_in_part() -> None:
    state = run(ran(0), group(1, 0, status="RUNNING", started_at=10 * MINUTE - 45_000), group(2, 1))
    assert time_left(state) == Left(15 + 10 + 60)


def test_a_job_that_was_submitted_waits_for_its_machine_as_the_others_did() -> None:
    assert time_left(run(ran(0), group(1, 0, status="SUBMITTED", submitted_at=10 * MINUTE - 4_000))) == Left(66)
    assert time_left(run(ran(0), group(1, 0, status="SUBMITTED", submitted_at=0))) == Left(60)


def test_places_are_filled_longest_path_first() -> None:
    fan = [group(index) for index in range(5)]
    assert time_left(run(*fan)) == Left(60)
    assert time_left(run(*fan, max_workers=2)) == Left(180)
    assert time_left(run(group(0), group(1), group(2, usually=2 * MINUTE), max_workers=2)) == Left(120)


def test_what_hangs_on_a_failure_never_runs() -> None:
    state = run(group(0, status="FAILED"), group(1, 0), group(2, 1), group(3, status="RUNNING", started_at=10 * MINUTE))
    assert time_left(state) == Left(60)


def test_a_draining_run_only_ends_what_is_in_flight() -> None:
    groups = (group(0, status="FAILED"), group(1, status="RUNNING", started_at=10 * MINUTE), group(2, 1))
    assert time_left(run(*groups, on_failure="drain")) == Left(60)
    assert time_left(run(*groups, on_failure="continue")) == Left(120)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (run(group(0, usually=None), group(1, 0, usually=None)), "time left: not known yet"),
        (run(group(0, usually=None), group(1, 0)), "at least 1 min left (1 job never ran before)"),
        (run(group(0), group(1, 0, usually=125 * MINUTE)), "about 2 h 06 min left"),
        (run(group(0, status="RUNNING", started_at=10 * MINUTE - 50_000)), "about 10 s left"),
        (run(group(0, status="RUNNING", started_at=0)), "it takes longer than usual"),
        (run(group(0, status="RUNNING", started_at=0), group(1, usually=None)), "time left: not known yet"),
        (run(group(0), status="FAILED"), ""),
    ],
)
def test_what_is_said_is_no_more_than_is_known(state: RunState, words: str) -> None:
    assert words_left(state) == words


def test_eight_hundred_jobs_in_layers_take_as_many_layers() -> None:
    layers = [group(index, *([index - 20] if index >= 20 else [])) for index in range(800)]
    assert time_left(run(*layers)) == Left(40 * 60)
    assert time_left(run(*layers, max_workers=10)) == Left(80 * 60)


def test_of_a_policy_of_a_later_release_nothing_is_known() -> None:
    groups = (group(0, status="FAILED"), group(1, status="RUNNING", started_at=10 * MINUTE), group(2, 1))
    assert time_left(run(*groups, on_failure="pause")) == Left(120)


def test_a_group_that_its_container_carried_on_with_tells_nothing_of_starts() -> None:
    carried = ran(1, 0, submitted_at=MINUTE, started_at=MINUTE, container={"carried": True})
    waits = group(2, status="SUBMITTED", submitted_at=10 * MINUTE)
    assert time_left(run(ran(0), carried, waits)) == Left(70)


def test_where_containers_carry_on_one_that_ends_is_taken_over_and_the_others_start() -> None:
    carried = ran(1, 0, submitted_at=MINUTE, started_at=MINUTE, container={"carried": True})
    running = group(2, status="RUNNING", started_at=10 * MINUTE)
    chain = (running, group(3, 2), group(4, 3))
    assert time_left(run(ran(0), carried, *chain)) == Left(180)
    assert time_left(run(ran(0), ran(1, 0), *chain)) == Left(200)
    fan = (running, group(3, 2), group(4, 2))
    assert time_left(run(ran(0), carried, *fan)) == Left(130)
