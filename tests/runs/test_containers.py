"""What describe_run tells of containers that carry on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dag.payload import token
from runs.asking import Answer, Question, next_group
from tests.runs.stage import START, Stage
from tests.runs.test_holding import held
from tests.simulation.graphs import chain, document

SECOND = 1000


def started(parents: list[list[int]], params: dict[str, Any] | None = None, **run: Any) -> Stage:
    stage = Stage(document(parents, warm_containers=True, **run))
    stage.start(params=params or {})
    return stage


def done(stage: Stage, place: int | None, epoch: int = 1, lasts: int = 5, whose: int = 0) -> Answer:
    """Ask as the container of a group's job does after its group of so many seconds."""
    began, job = stage.now, f"{whose}-0"
    stage.now += lasts * SECOND
    question = Question(
        run_id=stage.run_id,
        job=job,
        token=token(stage.dispatcher.plan(stage.run_id), job),
        index=None,
        job_id=stage.job(whose).job_id,
        epoch=epoch,
        done=place,
    )
    if place is not None:
        question = replace(question, began=began, ended=stage.now)
    return next_group(stage.dispatcher, question)


def groups(stage: Stage, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(group[name] for name in names) for group in stage.described()["groups"]]


def containers(stage: Stage, *names: str) -> list[tuple[Any, ...]]:
    told = [group["container"] for group in stage.described()["groups"]]
    return [tuple(container[name] for name in names) for container in told]


def test_each_group_is_told_with_its_container_s_times_and_size() -> None:
    stage = started(chain(2), {"aws_batch": {"resources": {"nodes": {"n0": {"memory": 4000}}}}})
    accepted = stage.job(0).accepted_at
    done(stage, 0)
    assert containers(stage, "carried", "asked", "started_at", "ended_at") == [
        (False, True, accepted, None),
        (True, True, accepted, None),
    ]
    done(stage, 1)
    stage.deliver(stage.end(0))
    told = stage.described()
    assert told["warm_containers"] is True
    first, second = (group["container"] for group in told["groups"])
    assert second == {
        "carried": True,
        "asked": True,
        "started_at": accepted,
        "ended_at": stage.job(0).ended_at,
        "batch_attempts": [],
        "waits_until": None,
        "resources": {"vcpus": 1, "memory": 4000},
    }
    assert first == {**second, "carried": False}
    assert [group["resources"]["memory"] for group in told["groups"]] == [4000, 1000]


def test_a_container_that_got_no_other_group_is_shared_with_none() -> None:
    stage = started([[], [], [0, 1]], array_jobs=False)
    assert done(stage, 0).payload is None
    assert groups(stage, "shares_container")[0] == (False,)
    assert containers_of_begun(stage) == [(False, True), (False, False)]


def containers_of_begun(stage: Stage) -> list[tuple[bool, bool]]:
    told = [group["container"] for group in stage.described()["groups"]]
    return [(one["carried"], one["asked"]) for one in told if one]


def test_what_has_no_job_has_no_container_and_neither_has_a_run_of_one_group_a_job() -> None:
    assert started(chain(2)).described()["groups"][1]["container"] is None
    cold = Stage(document(chain(1)))
    cold.start()
    told = cold.described()
    assert (told["warm_containers"], told["groups"][0]["container"]) == (False, None)


def test_a_container_that_ended_without_a_question_has_not_asked() -> None:
    stage = started(chain(2))
    stage.finish(0)
    told = stage.described()["groups"][0]["container"]
    assert (told["asked"], told["carried"], told["ended_at"]) == (False, False, stage.job(0).ended_at)


def test_after_a_reclaimed_host_each_group_has_its_own_part_of_the_attempts() -> None:
    stage = started(chain(3))
    job = stage.job(0)
    done(stage, 0)
    asked = stage.now
    stage.now += 2 * SECOND
    lost = {"startedAt": START, "stoppedAt": stage.now, "container": {"logStreamName": "log/lost"}}
    job.attempts_before = [lost]
    job.accepted_at = stage.now = stage.now + 30 * SECOND  # when it began again
    running = groups(stage, "status", "started_at", "batch_attempts", "log_streams")
    before = {"started_at": asked, "ended_at": lost["stoppedAt"]}
    assert running[:2] == [
        ("SUCCEEDED", START + 1, [], ["log/lost"]),
        ("RUNNING", job.accepted_at, [before], ["log/lost"]),
    ]
    done(stage, None, epoch=2, lasts=0)
    done(stage, 1, epoch=2)
    stage.deliver(stage.end(0, exit_code=1))
    stream = f"log/{job.job_id}"
    assert groups(stage, "status", "batch_attempts", "log_streams") == [
        ("SUCCEEDED", [], ["log/lost"]),
        ("SUCCEEDED", [before], ["log/lost", stream]),
        ("FAILED", [], [stream]),
    ]
    whole = [{"started_at": START, "ended_at": lost["stoppedAt"]}]
    assert containers(stage, "batch_attempts") == [(whole,)] * 3


def test_a_group_that_failed_after_a_reclaimed_host_began_when_its_container_did_again() -> None:
    stage = started(chain(2))
    done(stage, 0)
    asked = stage.now
    stage.job(0).attempts_before = [{"startedAt": START, "stoppedAt": asked + SECOND, "container": {}}]
    stage.job(0).accepted_at = stage.now = asked + 40 * SECOND
    stage.deliver(stage.end(0, exit_code=1))
    again = {"started_at": asked, "ended_at": asked + SECOND}
    assert groups(stage, "started_at", "batch_attempts")[1] == (asked + 40 * SECOND, [again])


def test_a_container_between_two_groups_has_its_times_from_batch() -> None:
    stage = started([[], [], [0, 1]], array_jobs=False)
    done(stage, 0)
    stage.calls.clear()
    assert containers_of_begun(stage)[0] == (False, True)
    assert stage.described()["groups"][0]["container"]["started_at"] == stage.job(0).accepted_at
    assert stage.calls["DescribeJobs"] == 4  # each time: what is in flight, and what is idle


def test_batch_is_asked_once_about_each_container_that_lives_and_about_so_many_between_two_groups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = started([[], [], [], [], [0, 1, 2, 3]], array_jobs=False)
    for whose in (0, 1, 2):
        done(stage, 0, whose=whose)
    stage.deliver(stage.end(2))
    describe, asked = stage.batch.describe_jobs, list[str]()

    def noted(jobs: list[str]) -> dict[str, Any]:
        asked.extend(jobs)
        return describe(jobs=jobs)

    stage.batch.describe_jobs = noted  # type: ignore[method-assign,assignment]
    ids = [stage.job(group).job_id for group in range(4)]
    stage.described()
    assert sorted(asked) == sorted([ids[3], ids[0], ids[1]])  # at work, idle, idle; the third has ended
    asked.clear()
    monkeypatch.setattr("runs.description._MOST_DESCRIBED", 1)
    stage.described()
    assert len(asked) == 2


def test_nothing_is_read_of_containers_where_none_carries_on_nor_of_what_is_held_where_nothing_can_be() -> None:
    cold, first = Stage(document(chain(1))), started(chain(1))
    cold.start()
    for stage, read in ((cold, set()), (first, {"workers"}), (held(), {"workers", "get_held"})):
        stage.calls.clear()
        stage.described()
        assert {"workers", "get_held"} & stage.calls.keys() == read


def test_it_is_told_until_when_a_group_is_left_to_a_container() -> None:
    stage = held()
    assert groups(stage, "status", "held_until")[2:] == [
        ("RUNNING", None),
        ("WAITING", stage.wakes[0]),
        ("WAITING", stage.wakes[0]),
    ]
    stage.now = stage.wakes[0]
    assert groups(stage, "held_until")[3:] == [(None,), (None,)]


def test_an_earlier_attempt_is_told_with_the_container_in_which_others_ran() -> None:
    stage = started(chain(2))
    done(stage, 0)
    stage.deliver(stage.end(0, exit_code=137))
    (earlier,) = stage.described()["groups"][1]["earlier"]
    assert (earlier["shares_container"], earlier["container"]["carried"]) == (True, True)
    assert stage.described()["groups"][1]["container"]["carried"] is False
