"""What it saved that containers carried on, or why none did."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from kedro_aws_batch.client import GroupState
from kedro_aws_batch.launch.commands import Commands
from kedro_aws_batch.prices import read_prices
from kedro_aws_batch.report.content import content
from kedro_aws_batch.report.page import render
from kedro_aws_batch.saved import saved, why_none_carried_on
from kedro_aws_batch.show.display import Display
from kedro_aws_batch.show.jobs_table import jobs_table, plain_lines
from kedro_aws_batch.show.outcome import Ending, report
from tests.report import runs
from tests.report.warm import at, going_on, shared

if TYPE_CHECKING:
    from collections.abc import Callable

    from kedro_aws_batch.client import RunState

#: A vCPU costs 1 a second, with a minute at least.
PRICES = read_prices({"rates": "fargate-x86", "vcpu_hour": 3600, "gb_hour": 0})
#: Two containers of two vCPUs, for 80 s and for a minute, instead of four for a minute, of which two are smaller.
SAID = "2 containers ran 4 nodes; one a node would have waited about 39 s more for starts and cost about $80.00 more."


def changed(state: RunState, change: Callable[[GroupState], GroupState]) -> RunState:
    return replace(state, groups=tuple(map(change, state.groups)))


def test_starts_that_the_critical_path_was_spared_count_less_what_it_waited_instead() -> None:
    # A start took 40 s. Node 3 waited a second for its container; node 1 wasn't on the path.
    assert saved(shared(), PRICES) == SAID
    assert saved(shared()) == "2 containers ran 4 nodes; one a node would have waited about 39 s more for starts."


def test_of_a_run_that_did_not_succeed_no_saving_is_claimed() -> None:
    assert saved(replace(shared(), status="CANCELLED"), PRICES) == "2 containers ran 4 nodes."


def test_where_nothing_carried_on_nothing_is_said() -> None:
    assert saved(runs.succeeded(), PRICES) == ""
    assert saved(going_on(), PRICES) == ""


def test_of_starts_that_are_not_known_and_of_sizes_without_a_price_nothing_is_claimed() -> None:
    unknown = changed(shared(), lambda group: replace(group, submitted_at=None))
    assert saved(unknown) == "2 containers ran 4 nodes."
    unpriced = changed(shared(), lambda group: replace(group, resources={}))
    assert "cost" not in saved(unpriced, PRICES)


def test_what_carrying_on_cost_more_is_said_too() -> None:
    by_the_second = read_prices({"rates": "ec2-x86", "vcpu_hour": 3600, "gb_hour": 0})
    # 2 × 80 and 2 × 15 for the containers; 2 × 14 + 14 + 2 × 14 + 14 alone
    assert saved(shared(), by_the_second).endswith("waited about 39 s more for starts and cost about $106.00 less.")


def test_a_difference_of_less_than_a_tenth_of_a_cent_is_not_worth_a_word() -> None:
    cheap = read_prices({"rates": "fargate-x86", "vcpu_hour": 0.04, "gb_hour": 0})  # 80 ÷ 90,000 of a dollar
    assert saved(shared(), cheap) == saved(shared())


def test_groups_of_several_nodes_are_called_groups() -> None:
    several = changed(shared(), lambda group: replace(group, nodes=(*group.nodes, "more")))
    assert saved(several).startswith("2 containers ran 4 groups; one a group would have")


def silent() -> RunState:
    """A run in which each container ended without having asked."""

    def alone(group: GroupState) -> GroupState:
        told = {"carried": False, "asked": False, "started_at": at(1), "ended_at": at(9), "resources": {}}
        return replace(group, container=told, job_id=f"job-{group.index}", shares_container=False)

    return changed(shared(), alone)


def test_why_none_carried_on_is_said_if_none_has_asked_though_it_could() -> None:
    assert why_none_carried_on(silent()).startswith("No container asked for another node, so each node waits for one")
    assert "lambda:InvokeFunction on next_group" in why_none_carried_on(silent())
    assert why_none_carried_on(shared()) == ""
    assert why_none_carried_on(replace(silent(), warm_containers=False)) == ""
    failed = changed(silent(), lambda group: replace(group, status="FAILED"))
    assert why_none_carried_on(failed) == ""


def printed(state: RunState) -> list[str]:
    output = io.StringIO()
    console = Console(file=output, width=300)
    console.print(jobs_table(state, None, PRICES))
    return [line.strip() for line in output.getvalue().splitlines()]


@pytest.mark.parametrize("state", [shared(), silent(), going_on()])
def test_it_is_said_once_by_status_by_the_end_of_run_and_by_the_report(state: RunState) -> None:
    said = saved(state, PRICES) or why_none_carried_on(state)
    if not state.ended:
        said = "Waiting for a node that is soon ready: 1 container."
    assert plain_lines(state, PRICES).count(said) == 1
    assert printed(state).count(said) == 1
    output = io.StringIO()
    report(Display(Console(file=output, width=300), PRICES), state, Ending(None, "", Commands().to))
    assert output.getvalue().splitlines().count(said) == 1
    page = render(content(state, PRICES, lambda _: None))
    assert page.count(f'<p class="remark" id="carried">{said}</p>') == (1 if state.ended else 0)


def test_it_is_told_which_ready_nodes_wait_for_a_container() -> None:
    held = changed(going_on(), lambda group: replace(group, held_until=at(70) if group.status == "WAITING" else None))
    said = (
        "Waiting for a container that is soon free: 1 ready node. Waiting for a node that is soon ready: 1 container."
    )
    assert said in plain_lines(held)
    (row,) = [line for line in plain_lines(held) if line.startswith("WAITING")]
    assert row.endswith("node_2  ready: left to a container that is soon free")
