"""Containers that ran several groups, as describe_run tells them, and what they cost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch.containers import Times, container_numbers, containers_of, neighbours
from kedro_aws_batch.prices import read_prices
from tests.report import runs
from tests.report.warm import LARGE, at, going_on, shared

if TYPE_CHECKING:
    from kedro_aws_batch.client import GroupState

#: A vCPU costs 1 a second, with a minute at least.
PRICES = read_prices({"rates": "fargate-x86", "vcpu_hour": 3600, "gb_hour": 0})


def test_the_groups_of_a_job_are_in_one_container_in_the_order_in_which_they_ran() -> None:
    first, second = containers_of(shared())
    assert [stay.group.index for stay in first.stays] == [0, 1, 3]
    assert [(one.job_id, one.tries, one.resources) for one in (first, second)] == [
        ("a", (Times(at(41), at(121)),), LARGE),
        ("b", (Times(at(96), at(111)),), LARGE),
    ]
    assert [(one.start_seconds, one.idle_seconds) for one in (first, second)] == [(40, 50), (40, 5)]


def test_groups_that_shared_a_container_have_its_number_and_say_who_came_before_and_after() -> None:
    state = shared()
    assert container_numbers(state) == {0: 1, 1: 1, 2: 2, 3: 1}
    assert [neighbours(state, group) for group in state.groups] == [
        ["'node_0' ran in container 1, before 'node_1'."],
        ["'node_1' ran in container 1, after 'node_0' and before 'node_3'."],
        [],
        ["'node_3' ran in container 1, after 'node_1'."],
    ]
    alone = runs.succeeded()
    assert (container_numbers(alone), [neighbours(alone, group) for group in alone.groups]) == ({}, [[]] * 4)


def test_a_group_that_runs_again_has_the_number_of_its_last_container() -> None:
    state = shared()
    before = {"attempt": 0, "exit_code": 137, "job_id": "b", "container": state.groups[2].container}
    again = replace(state.groups[1], attempt=1, earlier=(before,))
    several = replace(state, groups=(state.groups[0], again, *state.groups[2:]))
    assert container_numbers(several)[1] == 1
    assert len(neighbours(several, again)) == 2


def test_where_containers_do_not_carry_on_each_job_is_a_container() -> None:
    found = containers_of(runs.succeeded())
    assert [[stay.group.index for stay in one.stays] for one in found] == [[0], [1], [2], [3]]
    assert [one.idle_seconds for one in found] == [0] * 4


def test_a_container_between_two_groups_goes_on_and_costs() -> None:
    waiting, running = containers_of(going_on())
    assert (waiting.tries, waiting.ended, waiting.waits_until) == ((Times(at(41), at(60)),), False, at(70))
    assert running.stays[0].seconds == 15
    ec2 = replace(PRICES, usual=replace(PRICES.usual, minimum_seconds=0))
    assert ec2.costs(going_on()) == pytest.approx({0: 2 * 19, 1: 2 * 19, 2: 0})


def test_a_container_is_billed_once_for_all_its_time_by_what_it_asked_for_and_its_groups_share_that() -> None:
    costs = PRICES.costs(shared())
    assert costs == pytest.approx({0: 160 / 3, 1: 160 / 3, 2: 120, 3: 160 / 3})  # 80 s, and a minute
    assert PRICES.spent(shared()).by_currency == pytest.approx({"USD": 280})


def test_each_attempt_after_a_reclaimed_host_counts_once_for_the_group_that_it_was_at() -> None:
    state = shared()
    lost, part = ({"started_at": at(begun), "ended_at": at(31)} for begun in (1, 21))

    def reclaimed(group: GroupState) -> GroupState:
        if group.job_id != "a":
            return group
        own = (part,) if group.index == 1 else ()
        return replace(group, container={**(group.container or {}), "batch_attempts": [lost]}, batch_attempts=own)

    again = replace(state, groups=tuple(map(reclaimed, state.groups)))
    container = containers_of(again)[0]
    assert container.tries == (Times(at(1), at(31)), Times(at(41), at(121)))
    assert PRICES.container_cost(container) == pytest.approx(2 * (60 + 80))
    costs = PRICES.costs(again)
    assert costs[1] == pytest.approx(2 * 140 * 20 / 40)  # it ran for 20 of the 40 seconds, twice in part


def test_a_container_of_unknown_size_has_no_price_and_neither_have_its_groups() -> None:
    state = shared()
    unknown = [replace(group, container={**(group.container or {}), "resources": {}}) for group in state.groups]
    assert set(PRICES.costs(replace(state, groups=tuple(unknown))).values()) == {None}


def test_if_batch_has_forgotten_a_container_its_groups_tell_its_times() -> None:
    state = shared()
    gone = {"started_at": None, "ended_at": None}
    forgotten = [replace(group, container={**(group.container or {}), **gone}) for group in state.groups]
    first = containers_of(replace(state, groups=tuple(forgotten)))[0]
    assert first.tries == (Times(at(45), at(121)),)
