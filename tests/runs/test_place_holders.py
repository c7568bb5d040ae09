"""Places among `max_workers` that containers hold whose groups have all ended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.ports import Asking
from dag.payload import job_key, token
from dag.records import Array, slot
from dag.shards import Mark
from dag.status import RunStatus
from runs.asking import Question, next_group
from tests.runs.stage import LIFETIME, DiedError, Stage, died
from tests.runs.test_carrying import ask, started, told
from tests.simulation.graphs import chain, document


def test_workers_are_looked_at_only_where_they_hold_places() -> None:
    stages = [started(chain(2)), Stage(document(chain(2)))]
    stages[1].start(max_workers=1)
    for stage in stages:
        assert stage.reconcile() == {"runs": 1, "repaired": 0}
        assert "workers" not in stage.calls


def test_a_container_whose_end_is_known_is_no_repair() -> None:
    stage = started([[], [], []], {"max_workers": 2}, array_jobs=False)
    stage.finish(0)
    assert stage.reconcile() == {"runs": 1, "repaired": 0}


def test_a_container_that_ended_unheard_at_its_second_group_is_one_repair() -> None:
    stage = started([[], [], [0]], {"max_workers": 2}, array_jobs=False)
    assert told(ask(stage, 0, 0)) == ("n2",)
    stage.end(0)
    assert stage.reconcile() == {"runs": 1, "repaired": 1}
    assert stage.statuses() == ["SUCCEEDED", "SUBMITTED", "SUCCEEDED"]


def test_a_container_that_batch_does_not_show_holds_its_place_for_an_hour_after_its_answer() -> None:
    stage = started([[], [], [0, 1]], {"max_workers": 2}, array_jobs=False)
    assert told(ask(stage, 0, 0)) is None
    del stage.batch.jobs[stage.job(0).job_id]
    stage.reconcile(later=3_000_000)
    assert slot(Mark(0)) in stage.run.slots
    stage.reconcile(later=600_001)
    assert slot(Mark(0)) not in stage.run.slots


def test_a_container_that_batch_does_not_show_and_that_never_had_an_answer_holds_none() -> None:
    stage = started([[], [], [0, 1]], {"max_workers": 2}, array_jobs=False)
    job_id = stage.job(0).job_id
    stage.table.put_question(stage.run_id, Asking(job_id=job_id, first=Mark(0), epoch=1, done=0), 0)
    stage.table.add_marks(stage.run_id, 0, {"succeeded": [Mark(0).number]})  # and then its invocation died
    del stage.batch.jobs[job_id]
    stage.reconcile()
    assert slot(Mark(0)) not in stage.run.slots


def _with_a_claim_for_a_container_that_was_told_nothing() -> Stage:
    """Return a stage whose only place is taken, and whose other group was claimed by an invocation that died."""
    stage = started([[], []], {"max_workers": 1}, array_jobs=False)
    stage.table.claim(stage.run_id, 0, [Mark(1).number])
    stage.reconcile()
    return stage


def test_a_claim_for_a_container_is_taken_over_once_there_is_a_place() -> None:
    stage = _with_a_claim_for_a_container_that_was_told_nothing()
    stage.reconcile(later=LIFETIME + 1)
    assert (stage.submitted(), set(stage.run.slots)) == ([0], {slot(Mark(0))})
    stage.finish(0)
    stage.reconcile()
    assert (stage.submitted(), set(stage.run.slots)) == ([0, 1], {slot(Mark(1))})


def test_a_claim_for_a_container_needs_no_place_to_be_accounted_for() -> None:
    stage = _with_a_claim_for_a_container_that_was_told_nothing()
    stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough", stage.now)
    stage.reconcile(later=LIFETIME + 1)
    assert (stage.statuses()[1], stage.job(0).over) == ("SKIPPED", True)


def test_of_claims_for_containers_as_many_are_taken_over_as_there_are_places() -> None:
    stage = started([[], [], []], {"max_workers": 1}, array_jobs=False)
    stage.table.claim(stage.run_id, 0, [Mark(1).number, Mark(2).number])
    stage.table._runs[stage.run_id] = replace(stage.run, max_workers=2)
    stage.reconcile()
    stage.reconcile(later=LIFETIME + 1)
    assert (len(stage.submitted()), len(stage.run.slots)) == (2, 2)


def test_what_a_container_was_told_is_its_own_though_nobody_has_recorded_it_and_places_are_scarce() -> None:
    stage = started(chain(2), {"max_workers": 1})
    usual = stage.table.put_jobs
    stage.table.put_jobs = died  # type: ignore[method-assign]
    with pytest.raises(DiedError):
        ask(stage, 0, 0)
    stage.table.put_jobs = usual  # type: ignore[method-assign]
    assert stage.dispatcher.view(stage.run_id).open_claims() == [Mark(1)]
    stage.reconcile()
    stage.reconcile(later=LIFETIME + 1)
    assert stage.dispatcher.view(stage.run_id).open_claims() == []
    assert (stage.submitted(), stage.table._jobs[stage.run_id][Mark(1)].job_id) == ([0], stage.job(0).job_id)


def test_what_a_container_was_told_is_its_own_however_often_its_claim_was_taken_over() -> None:
    stage = started(chain(2), {"max_workers": 1})
    usual, stage.table.put_jobs = stage.table.put_jobs, died  # type: ignore[method-assign]
    with pytest.raises(DiedError):
        ask(stage, 0, 0)
    stage.table.put_jobs = usual  # type: ignore[method-assign]
    stage.table.claim(stage.run_id, 0, [Mark(1, 0, 1).number])  # and then that reconciler died
    stage.reconcile()
    stage.reconcile(later=LIFETIME + 1)
    assert stage.dispatcher.view(stage.run_id).open_claims() == []
    assert (stage.submitted(), stage.table._jobs[stage.run_id][Mark(1)].job_id) == ([0], stage.job(0).job_id)


def test_what_a_container_was_told_is_in_flight_though_the_run_is_over_and_nobody_has_recorded_it() -> None:
    stage = started(chain(2))
    usual, stage.table.put_jobs = stage.table.put_jobs, died  # type: ignore[method-assign]
    with pytest.raises(DiedError):
        ask(stage, 0, 0)
    stage.table.put_jobs = usual  # type: ignore[method-assign]
    stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough", stage.now)
    stage.reconcile()
    stage.reconcile(later=LIFETIME + 1)
    assert stage.dispatcher.view(stage.run_id).in_flight() == [Mark(1)]


def test_what_the_child_of_an_array_was_told_is_recorded_under_the_arrays_name() -> None:
    roots = range(20)
    stage = started([*([] for _ in roots), *([root] for root in roots)], array_jobs=True)
    earlier = Array(Mark(0, 0, -1), (Mark(0),))  # never submitted
    stage.table._arrays[stage.run_id] = {earlier.first: earlier, **stage.table._arrays[stage.run_id]}
    child = stage.job(3)
    key = job_key(Mark(0), is_array=True)
    question = Question(
        run_id=stage.run_id,
        job=key,
        token=token(stage.dispatcher.plan(stage.run_id), key),
        index=child.index,
        job_id=child.job_id,
        epoch=1,
        done=0,
    )
    usual, stage.table.put_jobs = stage.table.put_jobs, died  # type: ignore[method-assign]
    with pytest.raises(DiedError):
        next_group(stage.dispatcher, question)
    stage.table.put_jobs = usual  # type: ignore[method-assign]
    ((told_of, _),) = [each for each in stage.table._workers[stage.run_id][child.job_id].marks.items() if each[0]]
    stage.reconcile()
    stage.reconcile(later=LIFETIME + 1)
    (recorded,) = stage.table._jobs[stage.run_id].values()
    assert (told_of, recorded.job_id, recorded.name) == (1, child.job_id, child.name)


def test_a_place_that_nobody_gave_back_is_found_when_a_takeover_wants_it() -> None:
    stage = started(chain(2), {"max_workers": 1})
    usual, stage.table.put_answer = stage.table.put_answer, died  # type: ignore[method-assign]
    with pytest.raises(DiedError):
        ask(stage, 0, 0)  # the second group is claimed for the container, which never learns of it
    stage.table.put_answer = usual  # type: ignore[method-assign]
    stage.table.free_slots = died  # type: ignore[method-assign]
    stage.deliver(stage.end(0, exit_code=75))  # it is known as ended, but its place isn't free
    del stage.table.free_slots
    assert slot(Mark(0)) in stage.run.slots
    for _ in range(3):
        stage.reconcile(later=LIFETIME)
    assert [job.nodes for job in stage.batch.work] == [("n0",), ("n1",)]
