"""Where containers carry on, what has run is counted in nodes or groups of nodes: they are no jobs."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from kedro_aws_batch.prices import Prices
from kedro_aws_batch.report.content import About, content
from kedro_aws_batch.report.measured import Measured
from kedro_aws_batch.report.page import render
from kedro_aws_batch.show.display import Display
from kedro_aws_batch.show.jobs_table import jobs_table, plain_lines
from kedro_aws_batch.show.outcome import Ending, report
from kedro_aws_batch.sizing import carries_on, noun, size, to_run
from tests.report import warm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kedro_aws_batch.client import RunState

#: Runs of which each node is a group, and of which one group has two nodes.
ALONE, GOING_ON = warm.shared(), warm.going_on()
TOGETHER = replace(ALONE, nodes_total=ALONE.nodes_total + 1)


def test_a_run_to_come_has_a_job_a_group_or_at_most_one_where_containers_carry_on() -> None:
    assert to_run(14, 12, carrying=False) == "14 nodes in 12 jobs"
    assert to_run(14, 12, carrying=True) == "14 nodes in at most 12 jobs"


def test_a_run_is_counted_in_jobs_only_if_each_group_has_one() -> None:
    assert (noun(ALONE), size(ALONE)) == ("node", "4 nodes")
    assert (noun(TOGETHER), size(TOGETHER)) == ("group", "5 nodes in 4 groups")
    cold = replace(ALONE, warm_containers=False)
    assert (noun(cold), size(cold)) == ("job", "4 nodes in 4 jobs")


@pytest.mark.parametrize(
    ("document", "params", "carrying"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"aws_batch": {"warm_containers": False}}, False),
        (False, {"aws_batch": {"warm_containers": True}}, True),
    ],
)
def test_whether_containers_carry_on_is_for_the_request_to_say_last(
    document: bool, params: dict[str, Any], carrying: bool
) -> None:
    assert carries_on({"run": {"warm_containers": document}}, {"params": params}) is carrying


@pytest.mark.parametrize("state", [ALONE, GOING_ON, TOGETHER], ids=["over", "going on", "groups"])
def test_nothing_that_shows_a_run_counts_jobs_where_containers_carry_on(state: RunState) -> None:
    told = "\n".join(said(state))
    assert re.findall(r".*\d[ \w]* jobs?\b.*", told) == []
    assert size(state) in told
    cold = "\n".join(said(replace(state, warm_containers=False)))
    assert f"in {state.groups_total} jobs" in cold  # so that this would be seen


def said(state: RunState) -> Iterator[str]:
    """Yield all that is said of a run: by `status`, as it goes on, at its end, and in its report."""
    yield from plain_lines(state, Prices())
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)
    with console.capture() as table:
        console.print(jobs_table(state, 12, Prices()))
    yield table.get()
    display = Display(Console(file=io.StringIO(), width=200), Prices())
    with display.console.capture() as shown:
        display.show(state)
        report(display, state, Ending(None, "", lambda *words: " ".join(words)))
    yield shown.get()
    page = content(state, Prices(), lambda _: None, About(measured=Measured(looked_at=4, left_out=1)))
    yield from (" ".join(figure) for figure in page.figures)
    yield from (*page.caveats, page.unmeasured)
    yield from (row["hover"] for row in page.drawing()["rows"])
    yield re.sub(r"<(style|script).*?</\1>", "", render(page, plotly=""), flags=re.DOTALL)
