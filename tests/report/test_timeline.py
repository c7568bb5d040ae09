from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kedro_aws_batch.critical import critical_path
from kedro_aws_batch.prices import Prices
from kedro_aws_batch.report.content import content
from kedro_aws_batch.report.timeline import Span, lines

from . import runs, warm

START = runs.START


def test_a_group_waits_from_its_last_parents_end_starts_and_runs() -> None:
    line = next(line for line in lines(runs.succeeded()) if line.group.index == 3)
    assert (line.waiting, line.starting, line.running) == (
        Span(START + 70_000, START + 80_500),
        Span(START + 80_500, START + 83_500),
        Span(START + 83_500, START + 93_500),
    )


def test_a_root_waits_from_the_start_of_the_run() -> None:
    assert lines(runs.succeeded())[0].waiting == Span(START, START + 500)


def test_the_critical_path_follows_the_parent_that_ended_last() -> None:
    assert critical_path(runs.succeeded()) == [0, 2, 3]


def test_the_critical_path_of_a_run_that_goes_on_leads_to_what_is_expected_to_end_last() -> None:
    assert critical_path(runs.going_on()) == [0, 1]


def test_a_run_that_failed_hung_on_no_job_that_was_cancelled_because_of_it() -> None:
    ends = {"submitted_at": START, "started_at": START}
    groups = [
        runs.group(0, ended_at=START + 1000, **ends),
        runs.group(1, 0, status="FAILED", ended_at=START + 2000, **ends),
        runs.group(2, 0, status="CANCELLED", ended_at=START + 9000, **ends),
        runs.group(3, ended_at=START + 5000, **ends),
    ]
    assert critical_path(runs.run(groups, status="FAILED")) == [0, 1]
    assert critical_path(runs.run(groups, status="FAILED", on_failure="drain")) == [3]
    assert critical_path(runs.run(groups, status="CANCELLED")) == [0, 2]


def test_a_run_of_which_nothing_ended_has_no_critical_path() -> None:
    assert critical_path(runs.run([runs.group(0, status="SKIPPED", **runs.NEVER)])) == []


def test_what_is_in_flight_lasts_until_now() -> None:
    found = {line.group.index: line for line in lines(runs.going_on())}
    now = START + 40_000
    assert found[1].running == Span(START + 23_500, now)
    assert (found[2].starting, found[2].running) == (Span(START + 20_500, now), None)
    assert (found[3].waiting, found[4].spans) == (Span(START + 13_500, now), ())


def test_what_winds_down_after_the_end_of_its_run_lasts_until_now() -> None:
    running = runs.group(1, status="RUNNING", ended_at=None, exit_code=None)
    state = runs.run([runs.group(0, status="FAILED"), running], status="FAILED", ended_at=START + 13_500, settled=False)
    assert next(line for line in lines(state) if line.group.index == 1).end == state.now


def test_what_was_refused_or_skipped_has_no_time_of_its_own() -> None:
    found = {line.group.index: line for line in lines(runs.failed())}
    assert (found[4].starting, found[4].running) == (None, None)
    assert found[5].spans == ()


def test_a_clock_that_is_behind_makes_an_empty_span_and_no_negative_one() -> None:
    early = runs.group(1, 0, submitted_at=START + 13_000, started_at=START + 12_000)
    line = next(line for line in lines(runs.run([runs.group(0), early])) if line.group.index == 1)
    assert [span.seconds for span in line.spans] == [0, 0, 21.5]


@given(st.integers(1, 60), st.integers(0, 10_000))
def test_a_critical_path_is_a_path_to_the_end(size: int, seed: int) -> None:
    state = runs.large(size, seed)
    path = critical_path(state)
    by_index = {group.index: group for group in state.groups}
    assert all(before in by_index[after].parents for before, after in pairwise(path))
    assert by_index[path[-1]].ended_at == state.ended_at
    assert by_index[path[0]].parents == ()


@given(st.integers(1, 60), st.integers(0, 10_000))
def test_every_group_has_one_line_in_the_order_of_submission(size: int, seed: int) -> None:
    state = runs.large(size, seed)
    found = lines(replace(state, groups=state.groups[::-1]))
    assert sorted(line.group.index for line in found) == list(range(size))
    times = [line.group.submitted_at or 0 for line in found]
    assert times == sorted(times)


def test_what_attempts_ran_that_batch_repeated_counts_not_as_starting() -> None:
    tries = [{"started_at": runs.START + 1_000, "ended_at": runs.START + 2_500}]
    (line,) = lines(runs.run([runs.group(0, batch_attempts=tries)]))
    assert (line.starting, line.tries) == (
        Span(runs.START + 500, runs.START + 3_500),
        (Span(runs.START + 1_000, runs.START + 2_500),),
    )
    assert line.started_in == 1.5


def test_a_group_that_its_container_carried_on_with_has_no_start() -> None:
    found = {line.group.index: line for line in lines(warm.shared())}
    assert [found[index].started_in for index in range(4)] == [44, None, 44, None]
    assert [found[index].waiting for index in (1, 3)] == [
        Span(warm.at(55), warm.at(55)),
        Span(warm.at(110), warm.at(111)),
    ]
    page = content(warm.shared(), Prices(), lambda _: None)
    (path,) = [about for name, _, about in page.figures if name == "Critical path"]
    assert path == "30.0 s running, 1 min 28 s starting, 3.0 s waiting"
    (carried,) = [bar for bar in page.drawing()["rows"] if bar["i"] == 1]
    assert "starting" not in carried["spans"]
    assert "carried on in container 1, waited 0.0 s, ran 10.0 s" in carried["hover"]
    assert [[cell.text for cell in page.cells(row)[1:3]] for row in page.rows] == [
        ["44.0 s", "1"],
        ["carried on", "1"],
        ["44.0 s", "2"],
        ["carried on", "1"],
    ]
