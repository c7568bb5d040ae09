from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch.prices import Prices, read_prices
from kedro_aws_batch.report.content import About, Content, content
from kedro_aws_batch.report.page import render
from kedro_aws_batch.wording import moment, money

from . import runs, warm

if TYPE_CHECKING:
    from kedro_aws_batch.client import RunState


def told(state: RunState, prices: Prices | None = None) -> Content:
    return content(state, prices or Prices(), lambda _: None)


def test_the_figures_of_a_run() -> None:
    prices = read_prices({"vcpu_hour": 0.36, "gb_hour": 0, "source": "a test"})
    assert told(runs.succeeded(), prices).figures == [
        ("The run took", "1 min 33 s", "2026-11-22 13:11:00 UTC to 13:12:33 UTC"),
        ("Size", "5 nodes in 4 jobs", "1 min 16 s of work: 0.8 at once on average"),
        ("Critical path", "3 jobs", "1 min 06 s running, 9.0 s starting, 18.0 s waiting"),
        ("Estimated cost", "at least $0.0096", "rates: configured"),
        ("Asked for", "0.0268 vCPU-hours", "0.0536 GiB-hours of memory"),
    ]


def test_what_the_cost_leaves_out_is_said() -> None:
    assert told(runs.succeeded()).caveats == [
        "1 job could not be priced: the job definition sets the size, or no price of a GPU is configured.",
        "1 job had attempts whose times Batch has not told: those attempts are not counted.",
    ]


def test_attempts_whose_times_are_told_are_counted_and_shown() -> None:
    times = {"started_at": runs.START, "ended_at": runs.START + 3_600_000}
    again = runs.group(0, log_streams=["one", "two"], batch_attempts=[times])
    page = told(runs.run([again]), read_prices({"vcpu_hour": 1, "gb_hour": 0}))
    assert (page.caveats, page.figures[3][1]) == ([], "$1.00")
    assert "1 earlier attempt of Batch's ran 1 h 00 min" in page.drawing()["rows"][0]["hover"]
    lost = {"log_streams": ["a", "b"], "resources": {"vcpus": 1, "memory": 1}}
    assert told(runs.run([runs.group(0, earlier=[lost])])).caveats != []


def test_a_job_that_runs_again_says_why() -> None:
    before = {"attempt": 0, "exit_code": 137, "resources": {"memory": 1}}
    page = told(runs.run([runs.group(0, attempt=1, earlier=[before], resources={"vcpus": 1, "memory": 2})]))
    assert "attempt 1 was killed, perhaps for memory: now with 2 MiB" in page.drawing()["rows"][0]["hover"]


def test_the_filters_and_parameters_are_said_and_what_was_not_asked_for_is_not() -> None:
    facts = dict(told(runs.succeeded()).facts)
    assert (facts["Pipelines"], facts["Tags"], facts["Description"]) == ("__default__, reporting", "nightly", "nightly")
    assert facts["Parameters"] == '{\n  "model": {\n    "rate": 0.1\n  }\n}'
    assert "Nodes" not in facts
    assert "as published elsewhere and read in November 2026" in facts["Prices"]


def test_a_resumed_run_says_what_it_resumes() -> None:
    state = runs.run([runs.group(0)], resumed={"from": "2026-11-21T00.00.00.000Z", "reused": ["a", "b"], "again": {}})
    assert dict(told(state).facts)["Resumes"] == "2026-11-21T00.00.00.000Z, of which 2 nodes were reused"


def test_a_run_that_reuses_all_has_no_figures_of_jobs() -> None:
    found = told(runs.idle())
    of = "of 2 runs, the newest 2026-11-21T09.00.00.000Z, which took 24.8 s"
    assert found.figures[1:] == [("Size", "Nothing to do", ""), ("Reused", "16 nodes", of)]
    assert dict(found.facts)["Reused"] == "14 of run 2026-11-21T09.00.00.000Z, 2 of run 2026-11-20T09.00.00.000Z"


def test_failures_come_in_the_order_in_which_they_happened() -> None:
    assert [row.group.index for row in told(runs.failed()).failed] == [2, 4]


def test_escape_sequences_of_terminals_are_left_out() -> None:
    state = runs.run([runs.group(0, status="FAILED", reason="\x1b[31mred\x1b[0m \u202ebad", exit_code=1)])
    assert told(state).rows[0].reason == "red bad (exit code 1)"


def test_only_a_run_that_may_change_says_as_of_when_it_is() -> None:
    assert [told(state).as_of for state in (runs.succeeded(), runs.going_on())] == ["", "2026-11-22 13:11:40 UTC"]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0.00"),
        (1e-7, "under $0.000001"),
        (0.0000123, "$0.000012"),
        (0.01234, "$0.012"),
        (0.5, "$0.50"),
        (12.345, "$12.35"),
        (12345, "$12,345.00"),
    ],
)
def test_money_has_the_figures_that_count(amount: float, text: str) -> None:
    assert money(amount, "USD") == text
    assert money(3, "EUR") == "EUR 3.00"


def test_times_are_utc_whatever_this_machine_thinks() -> None:
    assert moment(runs.START) == "2026-11-22 13:11:00 UTC"


def test_the_same_run_makes_the_same_file_whose_data_can_not_end_its_element() -> None:
    page = render(told(runs.failed()))
    assert page == render(told(runs.failed()))
    assert runs.SCRIPT not in page
    assert runs.IMAGE not in page


def test_a_report_of_800_jobs_is_one_file_of_a_few_megabytes() -> None:
    page = render(told(runs.large(800)))
    assert len(page.encode()) < 7_000_000
    assert len(page.encode()) - len(render(told(runs.large(1))).encode()) < 1_500_000


def test_a_run_that_is_stuck_says_why_and_what_to_do() -> None:
    blocked = {
        "nodes": ["train"],
        "asks_for": "64 vCPUs, 2048 MiB",
        "job_queue": "queue",
        "since": runs.START,
        "code": "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
        "reason": "The compute environment is too small.",
        "remedy": "Raise its maxvCpus.",
    }
    state = runs.run(
        [runs.group(0, status="SUBMITTED", **runs.NEVER)], status="RUNNING", ended_at=None, blocked=[blocked]
    )
    said = (
        "train (64 vCPUs, 2048 MiB) waits at the head of queue, since 2026-11-22 13:11:00 UTC. "
        "The compute environment is too small. Raise its maxvCpus."
    )
    assert told(state).blocked == [said]
    assert said in render(told(state))


def test_a_run_that_goes_on_says_how_long_still() -> None:
    what, _, about = told(runs.going_on()).figures[0]
    assert (what, about) == ("The run has taken", "2026-11-22 13:11:00 UTC, about 56 s left")


def test_a_page_that_keeps_up_does_not_ask_for_the_report_to_be_made_again() -> None:
    again = "Make the report again to see its progress."
    state = runs.going_on()
    assert again in render(told(state))
    assert again not in render(content(state, Prices(), lambda _: None, About(live=True)))


def test_the_time_of_containers_without_a_node_is_named_with_the_cost_that_has_it() -> None:
    (cost,) = [one for one in told(warm.shared()).figures if one[0] == "Estimated cost"]
    assert cost[2] == "rates: ec2-x86; 55.0 s of it for containers without a node, shared by theirs"
