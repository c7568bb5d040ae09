"""Questions of containers, repeated, overtaken and cut off at each of their calls."""

from __future__ import annotations

from typing import Any

import pytest

from dag.errors import SupersededError
from dag.payload import token
from dag.records import slot
from dag.shards import Mark
from dag.status import RunStatus
from runs.asking import Question, next_group
from tests.runs.stage import DiedError, Interrupted, died
from tests.runs.test_carrying import ask, told
from tests.simulation.graphs import chain, document


def started(parents: list[list[int]], **request: Any) -> Interrupted:
    stage = Interrupted(document(parents, warm_containers=True))
    stage.start(**request)
    return stage


def test_a_question_reads_and_writes_no_more_than_it_needs() -> None:
    stage = started(chain(4))
    stage.calls.clear()
    ask(stage, 0, None)
    assert not {"put_jobs", "get_array", "shards"} & stage.calls.keys()
    ask(stage, 0, 0)
    stage.calls.clear()
    ask(stage, 0, 1)
    assert not {"get_jobs", "get_array", "shards"} & stage.calls.keys()
    assert (stage.calls["put_answer"], stage.handed_over) == (1, [])


def test_a_question_that_is_repeated_claims_nothing_more() -> None:
    stage = started([[], [0], [0]])
    first = ask(stage, 0, 0)
    assert ask(stage, 0, 0) == first
    assert stage.statuses() == ["SUCCEEDED", "SUBMITTED", "WAITING"]


def test_who_begins_anew_before_its_last_group_was_answered_goes_on_after_it() -> None:
    stage = started(chain(3))
    ask(stage, 0, 0)
    usual, stage.table.put_answer = stage.table.put_answer, died  # type: ignore[method-assign]
    with pytest.raises(DiedError):
        ask(stage, 0, 1)
    stage.table.put_answer = usual  # type: ignore[method-assign]
    assert told(ask(stage, 0, None, epoch=2)) is None  # its claim is nobody's, until reconcile takes it over
    assert stage.statuses() == ["SUCCEEDED", "SUCCEEDED", "SUBMITTED"]


def test_what_is_done_is_written_down_as_its_container_tells_it() -> None:
    stage = started(chain(2))
    job = stage.job(0)
    question = Question(
        run_id=stage.run_id,
        job="0-0",
        token=token(stage.dispatcher.plan(stage.run_id), "0-0"),
        index=None,
        job_id=job.job_id,
        epoch=1,
        done=0,
        began=1_000,
        ended=2_000,
    )
    next_group(stage.dispatcher, question)
    ask(stage, 0, 1)  # without its times
    first, second = (stage.table._outcomes[stage.run_id][Mark(group)] for group in (0, 1))
    assert (first.name, first.started_at, first.ended_at) == (job.name, 1_000, 2_000)
    assert second.ended_at == stage.now


def test_what_another_has_claimed_meanwhile_is_left_to_it() -> None:
    stage = started(chain(2))
    stage.before = ("claim", stage.advance)
    assert told(ask(stage, 0, 0)) is None
    assert stage.submitted() == [0, 1]


def test_what_was_claimed_for_one_that_was_replaced_meanwhile_gets_a_job_of_its_own() -> None:
    stage = started(chain(2))
    stage.before = ("put_answer", lambda: ask(stage, 0, None, epoch=2))
    with pytest.raises(SupersededError):
        ask(stage, 0, 0)
    assert stage.submitted() == [0, 1]


def test_what_it_was_told_after_all_gets_no_job_of_its_own() -> None:
    stage = started(chain(2))
    usual = stage.table.put_answer
    # The SDK repeats a write whose answer was lost, and then its condition doesn't hold.
    stage.table.put_answer = lambda *a: usual(*a) and False  # type: ignore[method-assign]
    assert told(ask(stage, 0, 0)) == ("n1",)
    assert stage.submitted() == [0]


def test_a_job_of_its_own_takes_the_place_that_there_is() -> None:
    stage = started(chain(2), max_workers=2)
    stage.before = ("put_answer", lambda: ask(stage, 0, None, epoch=2))
    with pytest.raises(SupersededError):
        ask(stage, 0, 0)
    assert (stage.submitted(), set(stage.run.slots)) == ([0, 1], {slot(Mark(0)), slot(Mark(1))})


def test_a_job_of_its_own_wants_a_place_of_its_own() -> None:
    stage = started(chain(2), max_workers=1)
    stage.before = ("put_answer", lambda: ask(stage, 0, None, epoch=2))
    with pytest.raises(SupersededError):
        ask(stage, 0, 0)
    assert (stage.submitted(), set(stage.run.slots)) == ([0], {slot(Mark(0))})


def test_an_answer_is_given_to_nobody_whose_job_has_ended_meanwhile() -> None:
    stage = started(chain(2))
    ask(stage, 0, 0)
    stage.before = ("get_workers", lambda: stage.deliver(stage.end(0, exit_code=1)))
    with pytest.raises(SupersededError):
        ask(stage, 0, 0)


def test_what_others_have_taken_a_place_for_is_not_given_to_a_container() -> None:
    stage = started([[], [0], [0]], max_workers=2)
    stage.table.take_slots(stage.run_id, [slot(Mark(1))], 2)
    assert told(ask(stage, 0, 0)) == ("n2",)


def test_only_where_there_are_places_is_the_rest_left_to_another_invocation() -> None:
    scarce, ample = started([[], [0], [0]], max_workers=1), started([[], [0], [0]], max_workers=2)
    for stage in (scarce, ample):
        ask(stage, 0, 0)
    assert (scarce.handed_over, ample.handed_over) == ([], [ample.run_id])


def test_what_suits_no_container_is_left_to_another_invocation() -> None:
    stage = started(chain(2), params={"aws_batch": {"resources": {"nodes": {"n1": {"memory": 9000}}}}})
    assert told(ask(stage, 0, 0)) is None
    assert stage.handed_over == [stage.run_id]


def test_the_end_of_a_run_is_told_although_the_answer_was_given() -> None:
    stage = started(chain(2))
    stage.before = ("get_workers", lambda: stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough", stage.now))
    assert ask(stage, 0, 0).over


def test_an_answer_is_given_to_nobody_who_was_replaced_meanwhile() -> None:
    stage = started(chain(2))
    stage.before = ("get_workers", lambda: ask(stage, 0, None, epoch=2))
    with pytest.raises(SupersededError):
        ask(stage, 0, 0)


def test_what_it_was_told_long_ago_gets_no_job_of_its_own() -> None:
    stage = started(chain(5))
    usual = stage.table.put_answer

    def late(*arguments: Any, **_: Any) -> bool:
        """Write the answer, let the container go on for long, and then learn that the condition doesn't hold."""
        stage.table.put_answer = usual  # type: ignore[method-assign]
        usual(*arguments)
        assert [told(ask(stage, 0, done)) for done in range(3)] == [("n1",), ("n2",), ("n3",)]
        return False

    stage.table.put_answer = late  # type: ignore[method-assign]
    with pytest.raises(SupersededError):
        ask(stage, 0, 0)
    assert stage.submitted() == [0]


def _with_a_place_taken_for_what_its_container_was_told() -> Interrupted:
    """Return a stage whose container carries on with group 1, for which an invocation that came too late took a place.

    It can't give the place back: another invocation might have submitted the group with it.
    """
    stage = started([[], [0], [1], [1]], max_workers=2)
    stage.before = ("claim", lambda: stage.table.take_slots(stage.run_id, [slot(Mark(1))], 2))
    assert told(ask(stage, 0, 0)) == ("n1",)
    assert set(stage.run.slots) == {slot(Mark(0)), slot(Mark(1))}
    return stage


def test_a_place_taken_too_late_for_a_container_s_group_is_given_back_with_the_next_question() -> None:
    stage = _with_a_place_taken_for_what_its_container_was_told()
    stage.handed_over.clear()
    assert told(ask(stage, 0, 1)) == ("n2",)
    assert (set(stage.run.slots), len(stage.handed_over)) == ({slot(Mark(0))}, 1)


def test_a_place_taken_too_late_for_a_container_s_group_is_given_back_with_the_container_s_own() -> None:
    stage = _with_a_place_taken_for_what_its_container_was_told()
    stage.deliver(stage.end(0, exit_code=1))
    assert set(stage.run.slots) == set()


def test_what_the_child_of_an_array_has_done_is_written_down_under_the_array_s_name() -> None:
    stage = Interrupted(document([[], [], []], warm_containers=True, array_jobs=True))
    stage.start()
    job = stage.job(1)
    question = Question(
        run_id=stage.run_id,
        job="0-0a0",
        token=token(stage.dispatcher.plan(stage.run_id), "0-0a0"),
        index=1,
        job_id=job.job_id,
        epoch=1,
        done=0,
    )
    next_group(stage.dispatcher, question)
    assert stage.table._outcomes[stage.run_id][Mark(1)].name == job.name
