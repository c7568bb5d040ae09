"""How a run advances: the effect of each outcome, from anybody, any number of times."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag.errors import UnknownRunError
from dag.records import OUR_REASON, Outcome
from dag.shards import Mark
from runs.claiming import SLICE
from runs.plans import Plans
from tests.runs.stage import DiedError, Stage
from tests.simulation.graphs import chain, diamonds, document, fan


def test_a_new_run_submits_its_roots_and_nothing_else() -> None:
    stage = Stage(document([[], [], [0, 1]]))
    stage.start()
    assert stage.submitted() == [0, 1]


def test_a_join_waits_for_all_its_parents() -> None:
    stage = Stage(document([[], [], [0, 1]]))
    stage.start()
    stage.finish(0)
    assert stage.submitted() == [0, 1]
    stage.finish(1)
    assert stage.submitted() == [0, 1, 2]


def test_a_run_whose_sinks_have_succeeded_has_succeeded() -> None:
    stage = Stage(document(diamonds(2)))
    stage.start()
    stage.finish_all()
    assert (stage.run.status.value, stage.run.reason) == ("SUCCEEDED", None)
    assert [detail["status"] for detail in stage.announced] == ["RUNNING", "SUCCEEDED"]
    assert stage.announced[-1]["counts"]["SUCCEEDED"] == 7


def test_an_event_that_comes_twice_submits_nothing_more() -> None:
    stage = Stage(document(chain(3)))
    stage.start()
    job = stage.end(0)
    stage.deliver(job)
    stage.deliver(job)
    stage.deliver(job, job)
    assert stage.submitted() == [0, 1]


def test_an_event_from_before_the_end_of_its_run_changes_nothing() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    first = stage.end(0)
    stage.deliver(first)
    stage.finish(1)
    before = stage.run
    stage.deliver(first)
    assert stage.run == before


def test_two_parents_in_one_batch_of_messages_submit_their_child_once() -> None:
    stage = Stage(document([[], [], [0, 1]]))
    stage.start()
    stage.deliver(stage.end(0), stage.end(1))
    assert stage.submitted() == [0, 1, 2]


def test_the_longest_remaining_path_goes_first() -> None:
    stage = Stage(document([[], [], [], [2], [3]]))
    stage.start()
    assert stage.submitted() == [2, 0, 1]


def test_a_failure_aborts_and_terminates_what_is_in_flight() -> None:
    stage = Stage(document([[], [], [0], [1]]))
    stage.start()
    stage.finish(0, exit_code=3)
    assert stage.run.status.value == "FAILED"
    assert stage.run.reason == "n0 failed: Essential container in task exited (exit code 3)"
    sibling = stage.job(1)
    assert (sibling.reason or "").startswith(OUR_REASON + "the run is FAILED: n0 failed")
    stage.deliver(sibling)
    assert stage.statuses() == ["FAILED", "CANCELLED", "SKIPPED", "SKIPPED"]
    assert stage.submitted() == [0, 1]


def test_a_sibling_that_we_terminated_is_no_failure_of_its_own() -> None:
    stage = Stage(document([[], []]))
    stage.start()
    stage.finish(0, exit_code=1)
    terminated = stage.batch.counts["TerminateJob"]
    stage.deliver(stage.job(1))
    assert stage.batch.counts["TerminateJob"] == terminated
    assert (stage.run.reason or "").startswith("n0 failed")


def test_draining_submits_nothing_more_and_lets_jobs_end() -> None:
    stage = Stage(document([[], [], [0], [1]]))
    stage.start(on_failure="drain")
    stage.finish(0, exit_code=1)
    assert (stage.run.status.value, stage.job(1).over) == ("RUNNING", False)
    stage.finish(1)
    assert stage.run.status.value == "FAILED"
    assert stage.statuses() == ["FAILED", "SUCCEEDED", "SKIPPED", "SKIPPED"]
    assert (stage.run.reason or "").startswith("n0 failed")


def test_continuing_goes_on_with_what_does_not_depend_on_the_failure() -> None:
    stage = Stage(document([[], [], [0], [1], [2, 3]]))
    stage.start(on_failure="continue")
    stage.finish(0, exit_code=1)
    stage.finish(1)
    stage.finish(3)
    assert stage.run.status.value == "FAILED"
    assert stage.statuses() == ["FAILED", "SUCCEEDED", "SKIPPED", "SUCCEEDED", "SKIPPED"]


def test_max_workers_is_never_exceeded_and_no_place_stays_empty() -> None:
    stage = Stage(document([[] for _ in range(7)]))
    stage.start(max_workers=3)
    while alive := [stage.group(job) for job in stage.batch.jobs.values() if not job.over]:
        left = 7 - sum(job.over for job in stage.batch.jobs.values())
        assert len(alive) == min(3, left)
        stage.finish(alive[-1])
    assert (stage.run.status.value, stage.run.slots) == ("SUCCEEDED", frozenset())


def test_a_place_that_an_invocation_died_with_is_used_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(document([[], []]))
    stage.start(max_workers=1)
    first = stage.end(0)

    def die_before_the_claim(call: str) -> None:
        if call == "claim":
            raise DiedError

    with monkeypatch.context() as dying:
        dying.setattr(stage.table, "_call", die_before_the_claim)
        assert stage.deliver(first).failed == ["m0"]
    assert (set(stage.run.slots), stage.submitted()) == ({1}, [0])
    stage.deliver(first)
    assert (set(stage.run.slots), stage.submitted()) == ({1}, [0, 1])
    stage.finish(1)
    assert stage.run.status.value == "SUCCEEDED"


def test_a_job_out_of_memory_is_submitted_again_with_more() -> None:
    stage = Stage(document(chain(2), memory_retry={"factor": 2, "max": 3000}))
    stage.start()
    asked = []
    for _ in range(3):
        asked.append(stage.job(0).memory)
        stage.finish(0, exit_code=137)
    assert asked == [1000, 2000, 3000]
    assert stage.run.status.value == "FAILED"
    assert stage.statuses() == ["FAILED", "SKIPPED"]


def test_a_job_that_got_enough_memory_lets_the_run_go_on() -> None:
    stage = Stage(document(chain(2), memory_retry={"factor": 2, "max": 3000}))
    stage.start()
    stage.finish(0, exit_code=137)
    stage.finish(0)
    stage.finish(1)
    assert stage.run.status.value == "SUCCEEDED"
    assert stage.described()["groups"][0]["attempt"] == 1


def test_without_memory_retry_an_exit_of_137_is_a_failure() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    stage.finish(0, exit_code=137)
    assert stage.run.status.value == "FAILED"


def test_a_job_that_batch_refuses_fails_its_run_with_the_reason() -> None:
    stage = Stage(document(chain(2)))
    refuse = _Refusing(stage)
    stage.batch.submit_job = refuse  # type: ignore[method-assign]
    stage.start()
    assert stage.run.status.value == "FAILED"
    assert stage.run.reason == "n0 failed: Batch refused the job: ClientException: JobDefinition 'definition' is gone"


class _Refusing:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def __call__(self, **_: object) -> dict[str, str]:
        from botocore.exceptions import ClientError  # noqa: PLC0415

        error = {"Code": "ClientException", "Message": "JobDefinition 'definition' is gone"}
        raise ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}, "SubmitJob")  # type: ignore[typeddict-item]


def test_an_invocation_short_of_time_hands_over_and_the_next_carries_on() -> None:
    width = 3 * SLICE
    stage = Stage(document([[] for _ in range(width)]))
    stage.left = 16.0  # a slice takes a second at 50 a second
    stage.start()
    assert (len(stage.submitted()), stage.handed_over) == (2 * SLICE, [stage.run_id])
    while stage.handed_over:
        stage.handed_over.pop()
        stage.left = 16.0
        stage.advance()
    assert sorted(stage.submitted()) == list(range(width))


def test_an_unknown_run_is_refused() -> None:
    with pytest.raises(UnknownRunError, match="no run '2026-01-01T00"):
        Stage(document(chain(1))).dispatcher.advance("2026-01-01T00.00.00.000Z")


def test_an_outcome_of_a_group_that_the_run_does_not_have_is_passed_by() -> None:
    stage = Stage(document(chain(1)))
    stage.start()
    stage.dispatcher.advance(stage.run_id, [Outcome(Mark(1), succeeded=True)])
    assert stage.statuses() == ["SUBMITTED"]


def test_requests_to_the_table_go_by_the_shards_touched_not_by_the_events() -> None:
    stage = Stage(document(fan(20)))
    stage.start()
    stage.finish(0)
    stage.calls.clear()
    stage.deliver(*[stage.end(group) for group in range(1, 11)])
    assert stage.calls == {"get_jobs": 1, "put_outcomes": 1, "add_marks": 1, "get_run": 1}


graphs = (
    st.integers(1, 7)
    .flatmap(
        lambda size: st.tuples(*[st.lists(st.integers(0, max(0, n - 1)), unique=True, max_size=3) for n in range(size)])
    )
    .map(lambda rows: [[parent for parent in row if parent < n] for n, row in enumerate(rows)])
)


@given(
    parents=graphs,
    policy=st.sampled_from(["abort", "drain", "continue"]),
    workers=st.sampled_from([None, 1, 2]),
    choices=st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["ok", "ok", "ok", "bad", "again"])), max_size=25),
)
def test_advancing_without_outcomes_never_submits_a_group_twice(
    parents: list[list[int]], policy: str, workers: int | None, choices: list[tuple[int, str]]
) -> None:
    stage = Stage(document(parents))
    limits: dict[str, Any] = {} if workers is None else {"max_workers": workers}
    stage.start(on_failure=policy, **limits)
    for number, what in choices:
        jobs = list(stage.batch.jobs.values())
        alive = [job for job in jobs if not job.over]
        if what == "again" or not alive:
            ended = [job for job in jobs if job.over]
            stage.deliver(*ended[: number % 3 + 1]) if ended else None
        else:
            job = alive[number % len(alive)]
            stage.end(stage.group(job), exit_code=0 if what == "ok" else 1)
            if number % 4:
                stage.deliver(job)
        stage.advance()
        stage.advance()
        assert len(set(stage.submitted())) == len(stage.submitted())
    stage.reconcile(later=200_000)
    stage.reconcile(later=200_000)
    assert len(set(stage.submitted())) == len(stage.submitted())


def test_the_critical_path_is_measured_in_the_seconds_of_earlier_runs() -> None:
    stage = Stage(document([[], [], [0], [1]]))
    stage.start()
    for group, milliseconds in ((0, 1_000), (1, 90_000), (2, 1_000), (3, 5_000)):
        stage.now = stage.job(group).accepted_at + milliseconds
        stage.finish(group)
    stage.start(key="given:2")
    assert stage.submitted() == [1, 0]
    assert stage.described()["groups"][1]["expected_ms"] == 90_000


def test_durations_follow_the_newest_runs_and_failures_teach_nothing() -> None:
    stage = Stage(document([[]]))
    for key, milliseconds, exit_code in (("a", 10_000, 0), ("b", 20_000, 0), ("c", 99_000, 1)):
        stage.start(key=key)
        stage.now = stage.job(0).accepted_at + milliseconds - 1
        stage.finish(0, exit_code)
    stage.start(key="d")
    assert stage.described()["groups"][0]["expected_ms"] == 14_000


def test_in_a_fair_share_queue_the_critical_path_has_the_highest_priority() -> None:
    stage = Stage(document([[], [0], []]))
    stage.batch.trouble = {"schedulingPolicyArn": "arn:policy"}
    stage.start(params={"aws_batch": {"resources": {"default": {"share_identifier": "team"}}}})
    asked = {job.nodes: job.priority for job in stage.batch.work}
    assert asked == {("n0",): 9999, ("n2",): 5000}


def test_a_process_keeps_plans_as_long_as_they_are_not_too_many_groups() -> None:
    stage = Stage(document(chain(3)))
    first, second = (stage.start(f"given:{number}").run_id for number in range(2))
    roomy, tight = Plans(), Plans(most_groups=5)

    def read_again(plans: Plans) -> bool:
        kept = plans.get(stage.table, first)
        plans.get(stage.table, second)
        return plans.get(stage.table, first) is not kept

    assert (read_again(roomy), read_again(tight)) == (False, True)
