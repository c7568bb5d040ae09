"""The run table's promises about plans, and about the records of jobs and of their ends."""

from __future__ import annotations

import json
import random
import zlib
from dataclasses import replace

import pytest

from adapters.ports import LARGEST_PIECE, PlanPiece, RunTable
from dag.records import LONGEST_REASON, Job, Outcome
from dag.shards import Mark
from tests.contract.values import LATER, OTHER_RUN_ID, REFUSED, RUN_ID, a_job, a_run, an_outcome, every_page

EVERY_FIELD = Outcome(
    mark=Mark(99_999, 12),
    succeeded=False,
    reason="Essential container in task exited; OutOfMemoryError: größer als π 🚀",
    job_id="3b9c1f0e-1111-2222-3333-444455556666:7",
    name="spaceflights--2026-11-22T13-11-00-123Z--99999-12--train",
    created_at=1_795_000_000_123,
    started_at=1_795_000_001_000,
    ended_at=1_795_000_002_000,
    exit_code=137,
    log_stream="kedro_run/default/0123456789abcdef",
    log_group="/aws/batch/spaceflights-dev",
    earlier_streams=("kedro_run/default/first", "kedro_run/default/second"),
    tries=3,
    earlier_times=(1_795_000_000_200, 1_795_000_000_300, 1_795_000_000_400, 1_795_000_000_500),
)


def all_jobs(table: RunTable, first: int, last: int) -> list[Job]:
    """Return the jobs of a range, page by page."""
    return every_page(lambda after: table.jobs(RUN_ID, first, last, after))


def all_outcomes(table: RunTable, first: int, last: int) -> list[Outcome]:
    """Return the outcomes of a range, page by page."""
    return every_page(lambda after: table.outcomes(RUN_ID, first, last, after))


def test_a_plan_of_several_megabytes_is_read_as_it_was_written(table: RunTable) -> None:
    packed = random.Random(1).randbytes(3_700_000)
    pieces = [packed[begin : begin + LARGEST_PIECE] for begin in range(0, len(packed), LARGEST_PIECE)]
    for number, piece in reversed(list(enumerate(pieces))):
        table.put_plan(RUN_ID, PlanPiece("abc", number, piece), LATER)

    assert table.get_plan(RUN_ID, "abc") == pieces


def test_a_plan_of_more_than_ten_pieces_keeps_their_order(table: RunTable) -> None:
    pieces = [zlib.compress(str(number).encode()) for number in range(123)]
    for number, piece in enumerate(pieces):
        table.put_plan(RUN_ID, PlanPiece("abc", number, piece), LATER)

    assert table.get_plan(RUN_ID, "abc") == pieces


def test_a_plan_is_its_run_s_and_its_digest_s_alone(table: RunTable) -> None:
    table.put_plan(RUN_ID, PlanPiece("ab", 0, b"of another digest"), LATER)
    table.put_plan(RUN_ID, PlanPiece("abc", 0, b"ours"), LATER)
    table.put_plan(RUN_ID, PlanPiece("abcd", 0, b"of a digest that begins alike"), LATER)
    table.put_plan(OTHER_RUN_ID, PlanPiece("abc", 0, b"of another run"), LATER)
    table.put_run(a_run())

    assert table.get_plan(RUN_ID, "abc") == [b"ours"]
    assert table.get_plan(RUN_ID, "a") == []


def test_a_piece_written_again_stays_one_piece(table: RunTable) -> None:
    table.put_plan(RUN_ID, PlanPiece("abc", 0, b"piece"), LATER)
    table.put_plan(RUN_ID, PlanPiece("abc", 0, b"piece"), LATER)

    assert table.get_plan(RUN_ID, "abc") == [b"piece"]


def test_jobs_are_read_as_they_were_written_by_group_and_attempt(table: RunTable) -> None:
    groups = [99_999, 100, 99, 10, 9, 0]
    for group in groups:
        table.put_jobs(RUN_ID, [a_job(group, attempt) for attempt in reversed(range(13))], LATER)

    assert all_jobs(table, 0, 99_999) == [a_job(group, attempt) for group in reversed(groups) for attempt in range(13)]


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (0, 99_999, [0, 9, 10, 99, 100, 99_999]),
        (9, 10, [9, 10]),
        (10, 10, [10]),
        (11, 98, []),
        (99, 100, [99, 100]),
        (1, 9, [9]),
        (100, 99_998, [100]),
        (99_999, 99_999, [99_999]),
    ],
)
def test_a_range_of_groups_holds_both_its_ends(table: RunTable, first: int, last: int, found: list[int]) -> None:
    groups = [0, 9, 10, 99, 100, 99_999]
    table.put_jobs(RUN_ID, [a_job(group) for group in groups], LATER)
    table.put_outcomes(RUN_ID, [an_outcome(group) for group in groups], LATER)

    assert all_jobs(table, first, last) == [a_job(group) for group in found]
    assert all_outcomes(table, first, last) == [an_outcome(group) for group in found]


def test_records_are_read_on_from_the_one_after(table: RunTable) -> None:
    table.put_jobs(RUN_ID, [a_job(group, attempt) for group in (9, 10) for attempt in (0, 1)], LATER)
    table.put_outcomes(RUN_ID, [an_outcome(group, attempt) for group in (9, 10) for attempt in (0, 1)], LATER)

    assert table.jobs(RUN_ID, 0, 20, Mark(9, 1)) == ([a_job(10), a_job(10, 1)], None)
    assert table.outcomes(RUN_ID, 0, 20, Mark(9, 1)) == ([an_outcome(10), an_outcome(10, 1)], None)
    assert table.outcomes(RUN_ID, 0, 20, Mark(10, 1)) == ([], None)


def test_jobs_and_outcomes_are_apart_and_a_run_s_own(table: RunTable) -> None:
    table.put_jobs(RUN_ID, [a_job(1)], LATER)
    table.put_outcomes(RUN_ID, [an_outcome(2)], LATER)
    table.put_outcomes(OTHER_RUN_ID, [an_outcome(3)], LATER)

    assert all_jobs(table, 0, 9) == [a_job(1)]
    assert all_outcomes(table, 0, 9) == [an_outcome(2)]


@pytest.mark.parametrize(
    "outcome",
    [EVERY_FIELD, Outcome(Mark(0), succeeded=True), an_outcome(3, exit_code=0, reason="", tries=10)],
    ids=["every field", "hardly any", "zeros"],
)
def test_an_outcome_is_read_as_it_was_written(table: RunTable, outcome: Outcome) -> None:
    table.put_outcomes(RUN_ID, [outcome], LATER)

    (found,) = all_outcomes(table, outcome.mark.group, outcome.mark.group)
    assert found == outcome
    assert json.dumps(vars(found)) == json.dumps(vars(outcome))  # a Decimal equals its int, so == wouldn't notice it


def test_what_is_written_again_replaces_what_was(table: RunTable) -> None:
    table.put_outcomes(RUN_ID, [replace(EVERY_FIELD, mark=Mark(1))], LATER)
    table.put_outcomes(RUN_ID, [an_outcome(1)], LATER)
    table.put_jobs(RUN_ID, [a_job(1)], LATER)
    table.put_jobs(RUN_ID, [replace(a_job(1), job_id="adopted")], LATER)

    assert all_outcomes(table, 1, 1) == [an_outcome(1)]
    assert all_jobs(table, 1, 1) == [replace(a_job(1), job_id="adopted")]


def test_an_outcome_may_come_twice_in_one_batch(table: RunTable) -> None:
    table.put_outcomes(RUN_ID, [an_outcome(1), an_outcome(2), an_outcome(1, exit_code=0)], LATER)

    assert all_outcomes(table, 0, 9) == [an_outcome(1, exit_code=0), an_outcome(2)]


def test_25_records_are_written_at_once_and_26_refused(table: RunTable) -> None:
    table.put_jobs(RUN_ID, [a_job(group) for group in range(25)], LATER)
    table.put_outcomes(RUN_ID, [an_outcome(group) for group in range(25)], LATER)

    with pytest.raises(REFUSED):
        table.put_jobs(RUN_ID, [a_job(group) for group in range(26)], LATER)
    with pytest.raises(REFUSED):
        table.put_outcomes(RUN_ID, [an_outcome(group) for group in range(26)], LATER)
    assert [job.mark.group for job in all_jobs(table, 0, 99)] == list(range(25))
    assert [outcome.mark.group for outcome in all_outcomes(table, 0, 99)] == list(range(25))


def test_more_jobs_than_fit_a_page_are_read_page_by_page(table: RunTable) -> None:
    jobs = [replace(a_job(group), name="x" * 300_000) for group in range(6)]
    for job in jobs:  # 1.8 MB; DynamoDB's pages are of 1 MB
        table.put_jobs(RUN_ID, [job], LATER)
    assert table.jobs(RUN_ID, 0, 10, None)[1] is not None
    assert all_jobs(table, 0, 10) == jobs


def test_more_outcomes_than_fit_a_page_are_read_page_by_page(table: RunTable) -> None:
    outcomes = [an_outcome(group, attempt, log_stream="x" * 60_000) for group in range(5) for attempt in range(5)]
    for outcome in outcomes:  # 1.5 MB; DynamoDB's pages are of 1 MB
        table.put_outcomes(RUN_ID, [outcome], LATER)

    first, more = table.outcomes(RUN_ID, 0, 9, None)

    assert more == first[-1].mark
    assert first == outcomes[: len(first)] != outcomes
    assert all_outcomes(table, 0, 9) == outcomes


def test_the_longest_outcomes_are_written_25_at_once(table: RunTable) -> None:
    longest = [
        replace(EVERY_FIELD, mark=Mark(group), reason="ß" * LONGEST_REASON, name="n" * 128, log_stream="l" * 512)
        for group in range(25)
    ]

    table.put_outcomes(RUN_ID, longest, LATER)

    assert all_outcomes(table, 0, 24) == longest


def test_jobs_are_read_by_their_attempts(table: RunTable) -> None:
    table.put_jobs(RUN_ID, [a_job(0), a_job(3)], LATER)
    found = table.get_jobs(RUN_ID, [Mark(3), Mark(0), Mark(1), Mark(0, 1)])
    assert sorted(found, key=lambda job: job.mark) == [a_job(0), a_job(3)]
    assert table.get_jobs(OTHER_RUN_ID, [Mark(0)]) == []
    assert table.get_jobs(RUN_ID, []) == []
