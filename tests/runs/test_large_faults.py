"""Faults in thousands of groups at once are repaired in slices that an invocation can finish."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable

import pytest

from benchmarks.aws import figures
from dag.plan import Plan, load_plan
from dag.shards import Mark, by_shard
from dag.status import RunStatus
from runs import plans
from runs.plans import Plans
from tests.runs.stage import Stage
from tests.simulation.graphs import document

#: ms for a call to the table; after 60 s an invocation is gone.
_TABLE = figures.WRITE_MS.value


class Slow(Stage):
    """A stage on which calls take time, and an invocation dies when its time is over."""

    def _call(self, name: str) -> None:
        super()._call(name)
        milliseconds = int(figures.REQUEST_MS.get(name, _TABLE))
        self.now += milliseconds
        self.left -= milliseconds / 1000
        if self.left < 0:
            raise TimeoutError(name)

    def minute(self) -> None:
        """Let a minute pass, and reconcile."""
        self.left = 60.0
        self.reconcile(later=60_000)


def fan(width: int, **run: object) -> Slow:
    stage = Slow(document([[], *([0] for _ in range(width)), list(range(1, width + 1))], **run))
    stage.start()
    return stage


def claim(stage: Stage, groups: Iterable[int]) -> None:
    """Claim groups, as an invocation does that dies thereafter."""
    for shard, marks in by_shard(map(Mark, groups)).items():
        stage.table.claim(stage.run_id, shard, [mark.number for mark in marks])


def minutes_to(stage: Slow, status: RunStatus, most: int) -> int:
    for minute in range(1, most + 1):
        stage.minute()
        for job in [job for job in stage.batch.work if not job.over]:
            stage.batch.end(job)
        if stage.run.status is status and not stage.table._active:
            return minute
    left = len(stage.dispatcher.view(stage.run_id).open_claims())
    pytest.fail(f"after {most} minutes the run is {stage.run.status.value}, and {left} claims are open")


@pytest.mark.parametrize("array_jobs", [True, False])
@pytest.mark.parametrize("width", [800, 5_000])
def test_claims_that_died_with_their_invocation_do_not_stick_a_run(width: int, array_jobs: bool) -> None:
    """One function that died between claiming and submitting a 1 → 800 was enough."""
    stage = fan(width, array_jobs=array_jobs)
    claim(stage, range(1, width + 1))
    stage.end(0)
    minutes = minutes_to(stage, RunStatus.SUCCEEDED, most=30)
    assert len({job.nodes for job in stage.batch.work}) == len(stage.batch.work) == width + 2
    # Here SubmitJobs run one after the other: ten a second, of Batch's fifty.
    assert minutes <= (8 if array_jobs or width < 1_000 else 18)


def test_claims_without_a_job_are_accounted_for_in_a_cancelled_run() -> None:
    stage = fan(5_000, array_jobs=False)
    claim(stage, range(1, 5_001))
    stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough", stage.now)
    assert minutes_to(stage, RunStatus.CANCELLED, most=10) <= 6
    assert len(stage.batch.work) == 1


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.CANCELLED])
def test_the_work_for_abandoned_claims_grows_no_faster_than_their_number(
    status: RunStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Choosing the next slice once compared each claim with a set made anew: 100,000 claims took over a minute."""
    claims = 1_000
    stage = fan(claims)
    claim(stage, range(1, claims + 1))
    stage.end(0)
    if status is RunStatus.CANCELLED:
        stage.table.end_run(stage.run_id, status, "enough", stage.now)
    hashed = 0

    def counted(mark: Mark) -> int:
        nonlocal hashed
        hashed += 1
        return tuple.__hash__(mark)

    monkeypatch.setattr(Mark, "__hash__", counted)
    for _ in range(7):
        stage.minute()
    monkeypatch.undo()
    assert not stage.dispatcher.view(stage.run_id).open_claims()
    assert claims < hashed < 200 * claims


def test_thousands_of_lost_ends_are_merged() -> None:
    stage = fan(3_000, array_jobs=False)
    stage.finish(0)
    while len(stage.batch.work) < 3_001:
        stage.left = 60.0
        stage.dispatcher.reconsider(stage.run_id, ())
    for job in stage.batch.work:
        stage.batch.end(job)
    assert minutes_to(stage, RunStatus.SUCCEEDED, most=10) <= 6


def test_what_is_cancelled_wide_is_terminated_by_several_invocations() -> None:
    stage = fan(2_000, array_jobs=False)
    stage.finish(0)
    while len(stage.batch.work) < 2_001:
        stage.left = 60.0
        stage.dispatcher.reconsider(stage.run_id, ())
    stage.left = 60.0
    stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough", stage.now)
    account = stage.dispatcher.advance(stage.run_id)
    assert 0 < account.terminated < 2_000
    assert stage.handed_over[-1] == stage.run_id  # another invocation goes on at once
    assert minutes_to(stage, RunStatus.CANCELLED, most=12) <= 8
    assert all(job.over for job in stage.batch.work)


def test_a_refusal_that_does_not_pass_fails_the_run_with_its_reason_and_one_that_passes_does_not() -> None:
    denied, healed = Slow(document([[]])), Slow(document([[]]))
    for stage in (denied, healed):
        stage.batch.denied = True
        stage.start()
        stage.minute()
        assert stage.run.status is RunStatus.RUNNING
    healed.batch.denied = False
    assert minutes_to(healed, RunStatus.SUCCEEDED, most=10) <= 5
    assert minutes_to(denied, RunStatus.FAILED, most=40) <= 25
    assert "AccessDeniedException" in (denied.run.reason or "")


def test_a_queue_that_was_deleted_keeps_no_run_on_the_list() -> None:
    for status in (None, RunStatus.CANCELLED):
        stage = Slow(document([[]]))
        stage.faults.lost_before = 1.0
        stage.start()
        stage.faults.lost_before = 0.0
        stage.batch.queues = frozenset()
        if status is not None:
            stage.table.end_run(stage.run_id, status, "enough", stage.now)
        assert minutes_to(stage, status or RunStatus.FAILED, most=10) <= 6


def test_an_open_run_outlives_its_retention_and_one_that_is_settled_does_not() -> None:
    stage = Slow(document([[], [0]]))
    run = stage.start()
    assert run.expires_at - stage.now // 1000 > 100 * 86_400  # a day is kept, and jobs may take thirty hours
    stage.finish_all()
    for _ in range(2):
        assert stage.table._active  # an invocation that began before its end may still be at it
        stage.minute()
    stage.minute()
    assert not stage.table._active
    assert stage.table._expires[stage.run_id] == (stage.run.ended_at or 0) // 1000 + 86_400


def test_claims_are_taken_over_no_faster_than_they_can_be_settled() -> None:
    stage = fan(3_000, array_jobs=False)
    claim(stage, range(1, 3_001))
    stage.end(0)
    for _ in range(4):
        stage.minute()
    shards = stage.table._shards[stage.run_id].values()
    generations = {mark.generation for shard in shards for mark in shard.marks("claimed")}
    assert generations <= {0, 1}


def test_a_plan_that_has_to_go_is_gone_before_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two plans of 100,000 groups, with what their nodes are made of, take more than a function's memory."""
    stage = fan(3)
    first = stage.run_id
    second = stage.start(key="given:2").run_id
    kept = Plans(most=8, most_groups=len(stage.dispatcher.plan(first).groups))
    before = weakref.ref(kept.get(stage.table, first))
    alive: list[bool] = []

    def load(packed: bytes) -> Plan:
        gc.collect()
        alive.append(before() is not None)
        return load_plan(packed)

    monkeypatch.setattr(plans, "load_plan", load)
    assert kept.get(stage.table, second).run_id == second
    assert alive == [False]
