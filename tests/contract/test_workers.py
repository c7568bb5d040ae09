"""The run table's promises about jobs whose containers carry on: it puts questions and ends in order."""

from __future__ import annotations

from dataclasses import replace

from adapters.ports import Asking, RunTable
from dag.holding import Held
from dag.records import Outcome, Worker
from dag.shards import Mark
from tests.contract.values import LATER, RUN_ID, every_page

FIRST = Mark(7, 2)
ASKING = Asking(job_id="a-b:3", first=FIRST, epoch=1, done=0)
END = Outcome(FIRST, succeeded=False, job_id="a-b:3", reason="why", exit_code=75, log_stream="log")


def asked(table: RunTable, done: int | None, epoch: int = 1) -> Worker | None:
    return table.put_question(RUN_ID, replace(ASKING, done=done, epoch=epoch), LATER)


def answered(table: RunTable, done: int, told: Mark | None, epoch: int = 1) -> bool:
    return table.put_answer(RUN_ID, replace(ASKING, done=done, epoch=epoch), told, 5)


def test_a_worker_begins_with_what_its_job_was_submitted_for(table: RunTable) -> None:
    assert table.get_workers(RUN_ID, ["a-b:3"]) == []
    assert asked(table, 0) == Worker("a-b:3", FIRST, epoch=1, done=0, answered=0, answer=FIRST)
    assert table.get_workers(RUN_ID, ["a-b:3", "another"]) == [asked(table, 0)]


def test_answers_follow_each_other_and_the_newest_two_are_kept(table: RunTable) -> None:
    asked(table, 0)
    assert answered(table, 0, Mark(8))
    assert not answered(table, 0, Mark(9))
    asked(table, 1)
    assert answered(table, 1, Mark(300))
    (worker,) = table.get_workers(RUN_ID, ["a-b:3"])
    assert (worker.done, worker.answered_at, worker.marks) == (1, 5, {1: Mark(8), 2: Mark(300)})
    asked(table, 2)
    assert answered(table, 2, None)
    (worker,) = table.get_workers(RUN_ID, ["a-b:3"])
    assert (worker.answer, worker.marks, worker.newest) == (None, {2: Mark(300)}, 2)


def test_a_question_that_is_nobody_s_any_more_changes_nothing(table: RunTable) -> None:
    assert asked(table, 1) is None  # nobody got a second group
    asked(table, 0)
    answered(table, 0, Mark(8))
    asked(table, 1)
    answered(table, 1, Mark(9))
    before = table.get_workers(RUN_ID, ["a-b:3"])
    assert asked(table, 0) is None  # answered and asked past
    assert asked(table, 3) is None  # no answer yet
    other = replace(ASKING, first=Mark(0), done=2)
    assert table.put_question(RUN_ID, other, LATER) is None
    assert table.get_workers(RUN_ID, ["a-b:3"]) == before


def test_a_question_may_be_repeated_once_it_was_answered(table: RunTable) -> None:
    asked(table, 0)
    answered(table, 0, Mark(8))
    assert asked(table, 0) == table.get_workers(RUN_ID, ["a-b:3"])[0]


def test_who_waits_is_known_until_its_question_is_answered(table: RunTable) -> None:
    def waits(done: int, until: int) -> bool:
        return table.put_wait(RUN_ID, replace(ASKING, done=done), until)

    asked(table, 0)
    assert (waits(0, 50), waits(1, 60)) == (True, False)
    answered(table, 0, Mark(8))
    asked(table, 1)
    assert (waits(0, 70), waits(1, 80)) == (False, True)
    assert table.get_workers(RUN_ID, ["a-b:3"])[0].waits_until == 80


def test_a_newer_attempt_silences_the_older(table: RunTable) -> None:
    asked(table, 0)
    answered(table, 0, Mark(8))
    assert asked(table, None, epoch=2) == Worker(
        "a-b:3", FIRST, epoch=2, done=0, answered=1, answer=Mark(8), before=FIRST, answered_at=5
    )
    assert asked(table, 1, epoch=1) is None
    assert not answered(table, 1, Mark(9), epoch=1)
    assert asked(table, 1, epoch=2) is not None


def test_who_begins_anew_may_be_the_first_to_ask(table: RunTable) -> None:
    assert asked(table, None, epoch=3) == Worker("a-b:3", FIRST, epoch=3, answer=FIRST)


def test_a_job_that_has_ended_is_told_nothing_more(table: RunTable) -> None:
    asked(table, 0)
    answered(table, 0, Mark(8))
    closed = table.close_worker(RUN_ID, Mark(8), END, LATER)
    assert (closed.closed, closed.first, closed.done, closed.marks) == (True, FIRST, 0, {0: FIRST, 1: Mark(8)})
    assert asked(table, 1) is None
    assert not answered(table, 1, Mark(9))
    told = {"succeeded": False, "job_id": "a-b:3", "reason": "why", "exit_code": 75, "log_stream": "log"}
    assert closed.container == told
    assert table.close_worker(RUN_ID, FIRST, END, LATER) == closed


def test_the_end_of_a_job_that_never_asked_is_that_of_its_first_group(table: RunTable) -> None:
    closed = table.close_worker(RUN_ID, FIRST, END, LATER)
    assert (closed.done, closed.marks) == (-1, {0: FIRST})
    assert asked(table, None) is None


def test_workers_are_listed_by_job(table: RunTable) -> None:
    for number in range(3):
        table.put_question(RUN_ID, replace(ASKING, job_id=f"job-{number}"), LATER)
    found, more = table.workers(RUN_ID, None)
    assert ([worker.job_id for worker in found], more) == (["job-0", "job-1", "job-2"], None)
    assert [worker.job_id for worker in table.workers(RUN_ID, "job-1")[0]] == ["job-2"]


def test_more_workers_than_fit_a_page_are_read_page_by_page(table: RunTable) -> None:
    ends = [replace(END, job_id=f"{number}-job", reason="x" * 300_000) for number in range(6)]
    closed = [table.close_worker(RUN_ID, FIRST, end, LATER) for end in ends]  # 1.8 MB; DynamoDB's pages are of 1 MB
    assert table.workers(RUN_ID, None)[1] is not None
    assert every_page(lambda after: table.workers(RUN_ID, after)) == closed


def test_what_is_held_is_replaced_by_one_of_those_who_knew_it(table: RunTable) -> None:
    assert table.get_held(RUN_ID) == Held()
    assert table.put_held(RUN_ID, Held({3: 50_000}, 1), LATER)
    assert not table.put_held(RUN_ID, Held({4: 60_000}, 1), LATER)
    assert table.put_held(RUN_ID, Held({3: 50_000, 300: 60_000}, 2), LATER)
    assert not table.put_held(RUN_ID, Held({}, 2), LATER)
    assert not table.put_held("another", Held({}, 2), LATER)
    assert table.get_held(RUN_ID) == Held({3: 50_000, 300: 60_000}, 2)
