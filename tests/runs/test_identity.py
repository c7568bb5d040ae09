"""A job's name alone proves nothing: the recorded id decides; without one, the oldest job of the name."""

from __future__ import annotations

from dataclasses import replace

from dag.events import JobEnd, read_end
from dag.records import Array
from dag.shards import Mark
from dag.status import RunStatus
from runs.identity import identify
from tests.runs.stage import LIFETIME, Stage
from tests.simulation.batch import SimulatedJob
from tests.simulation.graphs import chain, document


def clone(stage: Stage, group: int, job_id: str = "clone", exit_code: int = 0) -> SimulatedJob:
    """Submit a job of the same name, as "Clone job" in the console does, and let it end."""
    stage.now += 5
    job = replace(stage.job(group), job_id=job_id, accepted_at=stage.now, exit_code=exit_code, ended_at=stage.now)
    stage.batch.jobs[job_id] = job
    return job


def ours(stage: Stage) -> list[int]:
    """Return the groups with jobs that we submitted."""
    return [stage.group(job) for job in stage.batch.work if not job.job_id.startswith("clone")]


def test_a_copy_that_succeeds_does_not_start_the_children_while_the_job_runs_on() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    assert stage.deliver(clone(stage, 0)).failed == []
    assert (ours(stage), stage.statuses()) == ([0], ["SUBMITTED", "WAITING"])
    original = stage.batch.work[0]
    stage.batch.end(original)
    stage.deliver(original)
    assert ours(stage) == [0, 1]


def test_a_copy_that_fails_does_not_fail_the_run() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    stage.deliver(clone(stage, 0, exit_code=1))
    assert stage.run.status is RunStatus.RUNNING


def test_a_copy_of_an_array_speaks_for_none_of_its_children() -> None:
    stage = Stage(document([[], [], [], [0, 1, 2]], array_jobs=True))
    stage.start()
    copies = [clone(stage, group, job_id=f"clone:{group}") for group in range(3)]
    assert stage.deliver(*copies).failed == []
    assert stage.statuses() == ["SUBMITTED"] * 3 + ["WAITING"]


def unrecorded() -> Stage:
    """Return a stage whose first job Batch has accepted, which only Batch knows."""
    stage = Stage(document(chain(2)))
    stage.faults.lost_after = 1.0
    stage.start()
    stage.faults.lost_after = 0.0
    return stage


def test_a_job_that_ends_before_it_is_recorded_is_found_and_recorded() -> None:
    stage = unrecorded()
    assert stage.deliver(stage.end(0)).failed == []
    assert stage.submitted() == [0, 1]
    assert stage.described()["groups"][0]["job_id"] == stage.job(0).job_id


def test_of_an_unrecorded_job_and_its_copy_the_older_is_ours() -> None:
    stage = unrecorded()
    stage.deliver(clone(stage, 0))
    assert ours(stage) == [0]
    assert stage.described()["groups"][0]["job_id"] != "clone"


def test_a_job_that_batch_does_not_list_yet_is_asked_for_again() -> None:
    stage = unrecorded()
    stage.faults.stale_list = 1.0
    job = stage.end(0)
    assert stage.deliver(job).failed == ["m0"]
    stage.faults.stale_list = 0.0
    assert stage.deliver(job).failed == []
    assert stage.submitted() == [0, 1]


def test_only_the_job_that_is_not_listed_yet_is_asked_for_again() -> None:
    stage = Stage(document([[], [], [0], [1]]))
    stage.start()
    stage.table._jobs[stage.run_id].pop(Mark(1))
    stage.faults.stale_list = 1.0
    assert stage.deliver(stage.end(0), stage.end(1)).failed == ["m1"]
    assert stage.statuses() == ["SUCCEEDED", "SUBMITTED", "SUBMITTED", "WAITING"]


def test_a_job_that_a_takeover_submitted_is_ours_before_it_is_recorded() -> None:
    for array_jobs in (False, True):
        stage = Stage(document([[] for _ in range(20)], array_jobs=array_jobs))
        stage.faults.lost_before = 1.0
        stage.start()
        stage.reconcile()
        stage.faults.lost_before, stage.faults.lost_after = 0.0, 1.0
        stage.reconcile(later=LIFETIME + 1)
        stage.faults.lost_after = 0.0
        assert stage.deliver(*[stage.end(group) for group in range(20)]).failed == []
        assert stage.run.status is RunStatus.SUCCEEDED


def test_the_child_of_an_array_that_ends_before_the_array_is_recorded_is_found_and_the_array_recorded() -> None:
    stage = Stage(document([[] for _ in range(20)], array_jobs=True))
    stage.faults.lost_after = 1.0
    stage.start()
    stage.faults.lost_after = 0.0
    child = stage.end(7)
    assert stage.deliver(child).failed == []
    assert stage.statuses()[7] == "SUCCEEDED"
    (array,) = stage.table._arrays[stage.run_id].values()
    assert array.job_id == child.job_id.partition(":")[0]
    assert Mark(7) not in stage.table._jobs.get(stage.run_id, {})


def test_a_job_of_a_group_that_the_run_does_not_have_is_nobody_s() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    forged = replace(stage.job(0), job_id="forged", name=stage.job(0).name.replace("--0-0--", "--2-0--"))
    stage.batch.jobs["forged"] = forged
    stage.batch.end(forged)
    assert stage.deliver(forged).failed == []


def test_the_child_of_a_recorded_array_is_looked_up_nowhere() -> None:
    stage = Stage(document([[] for _ in range(20)], array_jobs=True))
    stage.start()
    stage.deliver(stage.end(7))
    assert (stage.statuses()[7], stage.batch.counts.get("ListJobs", 0)) == ("SUCCEEDED", 0)


def test_a_foreign_job_has_nobody_look_at_the_run() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    stage.calls.clear()
    stage.deliver(clone(stage, 0))
    assert stage.calls == {"get_jobs": 1}


def test_a_job_of_an_attempt_that_nobody_claimed_is_nobody_s() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    forged = replace(stage.job(0), job_id="forged", name=stage.job(0).name.replace("--0-0--", "--1-0--"))
    stage.batch.jobs["forged"] = forged
    stage.batch.end(forged)
    assert stage.deliver(forged).failed == []
    assert (stage.statuses(), stage.batch.counts.get("ListJobs", 0)) == (["SUBMITTED", "WAITING"], 0)


def test_reconcile_adopts_the_job_and_not_its_copy() -> None:
    stage = unrecorded()
    stage.reconcile()
    clone(stage, 0)
    stage.reconcile(later=LIFETIME + 1)
    assert stage.described()["groups"][0]["job_id"] != "clone"
    assert stage.run.status is RunStatus.RUNNING


def _ends(*jobs: SimulatedJob) -> list[JobEnd]:
    return [end for end in (read_end(job.detail()) for job in jobs) if end is not None]


def _sorted(stage: Stage, ends: list[JobEnd]) -> tuple[list[Mark], list[JobEnd], list[JobEnd]]:
    found = identify(stage.dispatcher, stage.run_id, ends)
    return [outcome.mark for outcome in found.ours], found.foreign, found.unsure


def test_of_single_jobs_ours_are_told_from_copies_and_from_groups_and_attempts_that_there_are_not() -> None:
    stage = Stage(document([[], [], [0]]))
    stage.start()
    names = {number: stage.job(0).name.replace("--0-0--", f"--{number}-0--") for number in (2, 3)}
    own, copy = stage.end(0), clone(stage, 1)
    ends = _ends(own, copy, *(replace(own, name=names[number]) for number in (2, 3)))
    marks, foreign, unsure = _sorted(stage, ends)
    assert (marks, unsure) == ([Mark(0)], [])
    assert sorted(end.name.group for end in foreign) == [1, 2, 3]


def test_of_an_array_ours_are_its_children_and_of_nothing_else() -> None:
    stage = Stage(document([[], [], []], array_jobs=True))
    stage.start()
    (own,) = _ends(stage.end(1))
    beyond = replace(own, index=3)
    nameless = replace(own, outcome=replace(own.outcome, job_id=None))
    never_written_down = replace(own, name=replace(own.name, array=7))
    others = [beyond, nameless, never_written_down]
    assert _sorted(stage, [own, *others]) == ([Mark(1)], others, [])


def test_a_single_job_is_no_child_of_an_array_that_its_claim_was_taken_over_from() -> None:
    stage = unrecorded()
    stage.table.put_array(stage.run_id, Array(Mark(0), (Mark(0), Mark(1))), 0)  # and then its submitter died
    assert stage.deliver(stage.end(0)).failed == []
    assert (stage.statuses()[0], stage.submitted()) == ("SUCCEEDED", [0, 1])


def test_a_job_of_an_array_that_nobody_wrote_down_is_nobody_s_though_its_first_member_was_claimed() -> None:
    stage = Stage(document([[], [], []], array_jobs=True))
    stage.start()
    stage.table._arrays[stage.run_id].clear()
    (end,) = _ends(stage.end(1))
    assert _sorted(stage, [end]) == ([], [end], [])
