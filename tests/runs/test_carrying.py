"""Containers that carry on: their answers, and the meaning of their jobs' ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dag import limits
from dag.carrying import FAILED_FOR_GOOD, UNSURE
from dag.errors import NotAllowedError, SupersededError
from dag.payload import token
from dag.records import Outcome, slot
from dag.shards import Mark
from dag.status import RunStatus
from runs.asking import Answer, Question, next_group, payload_of
from runs.concluding import conclude, idle
from runs.submitting import MOST_TAKEOVERS
from tests.dag.build import view_of
from tests.runs.stage import LIFETIME, Stage
from tests.simulation.graphs import chain, document


def started(parents: list[list[int]], request: dict[str, Any] | None = None, **run: Any) -> Stage:
    stage = Stage(document(parents, warm_containers=True, **run))
    stage.start(**(request or {}))
    return stage


def ask(
    stage: Stage,
    group: int,
    done: int | None,
    epoch: int = 1,
    job_id: str | None = None,
    *,
    waited: int | None = None,
) -> Answer:
    """Ask as the job does that was submitted for a group."""
    job = f"{group}-0"
    return next_group(
        stage.dispatcher,
        Question(
            run_id=stage.run_id,
            job=job,
            token=token_of(stage, job),
            index=None,
            job_id=job_id or stage.job(group).job_id,
            epoch=epoch,
            done=done,
            waited=waited,
        ),
    )


def token_of(stage: Stage, job: str) -> str:
    return token(stage.dispatcher.plan(stage.run_id), job)


def told(answer: Answer) -> tuple[str, ...] | None:
    return None if answer.payload is None else tuple(answer.payload["groups"][0]["nodes"])


def test_one_container_runs_a_chain() -> None:
    stage = started(chain(4))
    assert [told(ask(stage, 0, done)) for done in range(4)] == [("n1",), ("n2",), ("n3",), None]
    assert stage.run.status is RunStatus.SUCCEEDED
    assert len(stage.batch.work) == 1


def test_what_else_is_ready_is_left_to_another_invocation() -> None:
    stage = started([[], [0], [0], [0]])
    assert told(ask(stage, 0, 0)) == ("n1",)
    assert stage.handed_over == [stage.run_id]
    stage.advance()
    assert stage.statuses() == ["SUCCEEDED", "SUBMITTED", "SUBMITTED", "SUBMITTED"]
    assert sorted(len(job.nodes) for job in stage.batch.work) == [1, 1, 1]


def shared(parents: list[list[int]], priorities: dict[int, int], **asked: Any) -> Stage:
    """Return a run in a queue that shares fairly, in which some groups have a priority, and ask for other resources."""
    nodes = {f"n{group}": {"priority": given, **asked} for group, given in priorities.items()}
    stage = Stage(document(parents, warm_containers=True))
    stage.batch.trouble = {"schedulingPolicyArn": "arn:fair"}
    stage.start(params={"aws_batch": {"resources": {"default": {"share_identifier": "mine"}, "nodes": nodes}}})
    return stage


@pytest.mark.parametrize(("priority", "first"), [({}, "n1"), ({2: 9_999}, "n2")])
def test_what_batch_would_start_first_is_carried_first(priority: dict[int, int], first: str) -> None:
    stage = shared([[], [0], [0], [1]], priority)
    assert told(ask(stage, 0, 0)) == (first,)


@pytest.mark.parametrize(("waits_for", "follows"), [("a machine", None), (None, ("n2",))])
def test_a_container_ends_for_a_job_that_batch_would_start_first(
    waits_for: str | None, follows: tuple[str, ...] | None
) -> None:
    stage = shared([[], [], [0]], {1: 9_999})
    stage.job(1).waits_for = waits_for
    assert told(ask(stage, 0, 0, waited=0)) == follows
    stage.advance()
    assert stage.statuses()[2] == "SUBMITTED"  # else in a job of its own, behind the one that waits
    assert len(stage.batch.work) == (3 if waits_for else 2)


@pytest.mark.parametrize(("priority", "follows"), [(9_999, None), (0, ("n2",))])
def test_a_container_ends_for_what_batch_would_start_first_and_it_cannot_run(
    priority: int, follows: tuple[str, ...] | None
) -> None:
    stage = shared([[], [0], [0]], {1: priority}, memory=2_000)
    assert told(ask(stage, 0, 0, waited=0)) == follows
    stage.advance()
    assert len(stage.batch.work) == (2 if follows else 3)


def test_what_was_left_to_another_invocation_and_has_a_higher_priority_is_carried_first() -> None:
    stage = shared([[], [0], [0], [1]], {2: 5_000})
    assert [told(ask(stage, 0, done)) for done in range(2)] == [("n1",), ("n2",)]
    stage.advance()
    assert stage.statuses() == ["SUCCEEDED", "SUCCEEDED", "SUBMITTED", "SUBMITTED"]


def test_a_container_ends_for_what_somebody_is_about_to_submit() -> None:
    stage = shared([[], [0], [0]], {1: 9_999})
    stage.table.claim(stage.run_id, 0, [1], 0)
    assert told(ask(stage, 0, 0, waited=0)) is None
    assert "DescribeJobs" not in stage.batch.counts


@pytest.mark.parametrize("priorities", [{}, {1: 1}, {1: 9_999, 2: 9_999}])
def test_a_container_carries_on_beside_jobs_that_batch_need_not_start_first(priorities: dict[int, int]) -> None:
    stage = shared([[], [], [0]], priorities)
    stage.job(1).waits_for = "a machine"
    assert told(ask(stage, 0, 0)) == ("n2",)
    assert "DescribeJobs" not in stage.batch.counts


def test_a_question_that_is_repeated_has_one_answer() -> None:
    stage = started(chain(3))
    first = ask(stage, 0, 0)
    assert ask(stage, 0, 0) == first
    assert told(first) == ("n1",)


def test_nothing_is_an_answer_too() -> None:
    stage = started([[], [], [0, 1]], array_jobs=False)
    assert told(ask(stage, 0, 0)) is None
    stage.finish(1)
    assert told(ask(stage, 0, 0)) is None
    assert stage.statuses()[2] == "SUBMITTED"  # in a job of its own, once both had ended


def test_what_was_never_told_is_not_done() -> None:
    stage = started([[], [], [0, 1]], array_jobs=False)
    assert told(ask(stage, 0, 0)) is None
    with pytest.raises(SupersededError, match="nothing more"):
        ask(stage, 0, 1)


def test_who_begins_anew_is_told_its_group_and_that_is_recorded_first() -> None:
    stage = started(chain(3))
    ask(stage, 0, 0)
    worker = stage.table._workers[stage.run_id][stage.job(0).job_id]
    stage.table._jobs[stage.run_id].pop(Mark(1))  # as if the one that answered had died before it recorded
    assert told(ask(stage, 0, None, epoch=2)) == ("n1",)
    assert stage.table._jobs[stage.run_id][Mark(1)].job_id == worker.job_id
    with pytest.raises(SupersededError):
        ask(stage, 0, 1, epoch=1)
    assert told(ask(stage, 0, 1, epoch=2)) == ("n2",)


def test_a_process_that_was_replaced_is_not_believed() -> None:
    stage = started(chain(3))
    assert told(ask(stage, 0, None, epoch=2)) == ("n0",)  # restarted, it works on that once more
    with pytest.raises(SupersededError):
        ask(stage, 0, 0, epoch=1)  # the question of the process before it was under way until now
    assert stage.statuses() == ["SUBMITTED", "WAITING", "WAITING"]


def test_who_begins_anew_when_the_run_is_over_is_told_so() -> None:
    stage = started(chain(3))
    ask(stage, 0, 0)
    stage.table.end_run(stage.run_id, RunStatus.CANCELLED, "enough", stage.now)
    assert ask(stage, 0, None, epoch=2).over


def test_a_copy_of_a_job_is_told_nothing() -> None:
    stage = started(chain(3))
    with pytest.raises(NotAllowedError, match="is not recorded as job '0-0'"):
        ask(stage, 0, 0, job_id="job-copied")
    assert not stage.table._workers


def test_the_end_of_a_job_is_the_end_of_the_group_that_it_was_at() -> None:
    stage = started(chain(3))
    ask(stage, 0, 0)
    stage.deliver(stage.end(0, exit_code=1))
    assert stage.statuses() == ["SUCCEEDED", "FAILED", "SKIPPED"]
    assert (stage.run.reason or "").startswith("n1 failed")
    with pytest.raises(SupersededError):
        ask(stage, 0, 1)


def test_what_was_said_to_be_done_has_succeeded_however_the_job_ended() -> None:
    stage = started(chain(2))
    ask(stage, 0, 0)
    ask(stage, 0, 1)
    stage.deliver(stage.end(0, reason="Host EC2 (instance i-1) terminated."))
    assert stage.run.status is RunStatus.SUCCEEDED


def test_a_container_that_cannot_tell_has_its_group_made_once_more() -> None:
    stage = started(chain(2))
    ask(stage, 0, 0)
    stage.deliver(stage.end(0, exit_code=UNSURE))
    assert [job.name[-7:] for job in stage.batch.work] == ["0-0--n0", "1-1--n1"]
    again = stage.batch.work[1]
    stage.batch.end(again)
    again.exit_code = UNSURE
    stage.deliver(again)
    assert stage.statuses() == ["SUCCEEDED", "FAILED"]


def test_what_ran_out_of_memory_beside_others_is_tried_alone_before_it_gets_more() -> None:
    stage = started(chain(2), memory_retry={"factor": 2, "max": 2000})
    ask(stage, 0, 0)
    stage.deliver(stage.end(0, exit_code=137))
    alone = stage.batch.work[1]
    alone.exit_code = 137
    stage.batch.end(alone)
    stage.deliver(alone)
    assert [(job.name[-7:], job.memory) for job in stage.batch.work[1:]] == [("1-1--n1", 1000), ("1-2--n1", 2000)]


def test_what_was_killed_beside_others_is_tried_alone_though_nothing_says_that_it_was_for_memory() -> None:
    stage = started(chain(2))
    ask(stage, 0, 0)
    stage.deliver(stage.end(0, exit_code=137))
    stage.finish(1, exit_code=137)
    assert [job.name[-7:] for job in stage.batch.work] == ["0-0--n0", "1-1--n1"]
    assert stage.statuses() == ["SUCCEEDED", "FAILED"]


def test_a_place_is_a_container_s() -> None:
    stage = started([[], [0], [0]], {"max_workers": 1})
    assert told(ask(stage, 0, 0)) == ("n1",)
    stage.advance()
    assert len(stage.batch.work) == 1
    assert told(ask(stage, 0, 1)) == ("n2",)  # any ready one, if places are scarce
    assert told(ask(stage, 0, 2)) is None
    stage.deliver(stage.end(0))
    assert stage.run.status is RunStatus.SUCCEEDED


def test_a_place_whose_container_ended_unheard_is_given_back() -> None:
    stage = started([[], []], {"max_workers": 1})
    stage.end(0)
    ask_first = ask(stage, 0, 0)
    assert told(ask_first) == ("n1",)
    ask(stage, 0, 1)
    assert stage.run.status is RunStatus.SUCCEEDED
    stage.reconcile(later=LIFETIME + 1)
    assert not stage.run.slots


def test_a_place_that_nobody_gave_back_is_found_when_it_is_wanted() -> None:
    stage = started([[], [], []], {"max_workers": 2})
    stage.end(0)
    stage.dispatcher.advance(stage.run_id)
    run = stage.run
    stage.deliver(stage.job(0))
    assert len(stage.batch.work) == 3
    stage.table._runs[stage.run_id] = replace(stage.run, slots=stage.run.slots | run.slots)  # as if it had died there
    assert idle(
        stage.dispatcher.ports, stage.dispatcher.plan(stage.run_id), run.slots, stage.dispatcher.view(stage.run_id)
    ) == [0]


@pytest.mark.parametrize(
    ("first", "second", "carries_on"),
    [
        ({"memory": 2000}, {"memory": 1000}, True),
        ({"memory": 1000}, {"memory": 2000}, False),
        ({"memory": None}, {"memory": 1000}, False),
        ({"vcpus": 1}, {"vcpus": 2}, False),
        ({}, {"gpus": 1}, False),
        ({"gpus": 1}, {}, True),
        ({"environment": {"A": "1"}}, {}, False),
        ({"attempts": 2}, {}, True),
        ({}, {"attempts": 2}, False),
        ({"timeout": 60}, {"timeout": 6000}, True),
        ({"timeout": 60}, {}, False),
        ({}, {"timeout": 60}, True),
        ({"priority": 1}, {"priority": 9}, True),
    ],
)
def test_a_container_carries_on_with_what_suits_it(
    first: dict[str, Any], second: dict[str, Any], carries_on: bool
) -> None:
    params = {"aws_batch": {"resources": {"nodes": {"n0": first, "n1": second}}}}
    stage = started(chain(2), {"params": params}, request_environment=["A"])
    assert told(ask(stage, 0, 0)) == (("n1",) if carries_on else None)
    if not carries_on:
        assert stage.handed_over


@pytest.mark.parametrize(("first", "second", "said"), [(3, 1, 1), (3, 2, 2), (3, None, 1), (3, 3, None), (1, 1, None)])
def test_a_container_learns_how_often_a_group_may_be_tried_if_that_is_less_often_than_itself(
    first: int, second: int | None, said: int | None
) -> None:
    nodes = {"n0": {"attempts": first}, "n1": {"attempts": second}}
    stage = started(chain(2), {"params": {"aws_batch": {"resources": {"nodes": nodes}}}})
    for answer in (ask(stage, 0, 0), ask(stage, 0, None, epoch=2)):  # as a restarted container again
        assert answer.payload is not None
        assert answer.payload["groups"][0].get("attempts") == said
    own = payload_of(stage.dispatcher, stage.run_id, "0-0", token_of(stage, "0-0"), None)
    assert "attempts" not in own["groups"][0]


def test_a_group_that_may_not_be_tried_again_fails_with_its_own_exit_code() -> None:
    stage = started(chain(2), {"params": {"aws_batch": {"resources": {"nodes": {"n0": {"attempts": 3}}}}}})
    ask(stage, 0, 0)
    stage.deliver(stage.end(0, exit_code=FAILED_FOR_GOOD))
    assert stage.run.status is RunStatus.FAILED
    ends = stage.table.outcomes(stage.run_id, 0, 2, None)[0]
    assert [(end.mark.group, end.succeeded, end.exit_code) for end in ends] == [(0, True, None), (1, False, 1)]


def test_where_containers_do_not_carry_on_nobody_is_told() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    with pytest.raises(NotAllowedError, match="don't carry on"):
        ask(stage, 0, 0)


def test_what_batch_refuses_of_a_claim_that_was_taken_over_ends_alone() -> None:
    stage = Stage(document(chain(1), warm_containers=True))
    stage.faults.lost_before = 1.0
    stage.start(max_workers=1)
    stage.faults.lost_before = 0.0
    stage.reconcile()
    stage.batch.queues = frozenset()  # deleted meanwhile
    for _ in range(MOST_TAKEOVERS + 1):
        stage.reconcile(later=LIFETIME + 1)
    assert (stage.statuses(), stage.run.status, set(stage.run.slots)) == (["FAILED"], RunStatus.FAILED, set())
    assert "Batch refused the job" in (stage.run.reason or "")
    assert not stage.table._workers.get(stage.run_id)


def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Return a stage whose three groups have ended, each in a shard of its own, with two items a request."""
    stage = started([[], [], []], array_jobs=False)
    monkeypatch.setattr("dag.shards.SHARD_SIZE", 1)
    monkeypatch.setattr(limits, "BATCH_GET", replace(limits.BATCH_GET, most=2))
    for group in range(3):
        stage.table.add_marks(stage.run_id, group, {"submitted": [0], "succeeded": [0]})
    return stage


def test_what_jobs_ends_mean_is_read_by_as_many_shards_as_a_request_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = _few_at_once(monkeypatch)
    plan = stage.dispatcher.plan(stage.run_id)
    told_of = [Outcome(Mark(group), succeeded=True, job_id=f"job-{group}") for group in range(3)]
    ended = conclude(stage.dispatcher.ports, plan, told_of)
    assert (ended.outcomes, set(ended.places)) == ([], {slot(Mark(group)) for group in range(3)})


def test_of_idle_places_as_many_are_looked_at_as_a_request_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = _few_at_once(monkeypatch)
    places = [slot(Mark(group)) for group in range(3)]
    view = view_of(succeeded=range(3))
    assert idle(stage.dispatcher.ports, stage.dispatcher.plan(stage.run_id), places, view) == places[:2]
    assert idle(stage.dispatcher.ports, stage.dispatcher.plan(stage.run_id), places, view_of()) == []
