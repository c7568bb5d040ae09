"""What the functions answer, through their own doors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dag import limits
from dag.payload import token
from dag.status import RunStatus
from handlers import start_run
from handlers.next_group import _said
from runs.asking import Answer
from tests.handlers.play import RUN_ID, Context, Play


def test_cancelling_ends_a_run_for_the_reason_given_and_its_job_with_it(play: Callable[..., Play]) -> None:
    played = play()
    stage = played.stage
    answer = played.call("cancel_run", {"run_id": stage.run_id, "reason": "enough"})
    assert answer == {"run_id": stage.run_id, "status": "CANCELLED"}
    assert (stage.run.status, stage.run.reason) == (RunStatus.CANCELLED, "enough")
    assert stage.job(0).over


def test_a_run_that_has_ended_is_not_cancelled(play: Callable[..., Play]) -> None:
    played = play()
    played.stage.finish_all()
    assert played.call("cancel_run", {"run_id": played.stage.run_id})["status"] == "SUCCEEDED"
    assert (played.stage.run.status, played.stage.run.reason) == (RunStatus.SUCCEEDED, None)


def test_a_run_that_left_nothing_to_resume_is_refused_as_that(play: Callable[..., Play]) -> None:
    played = play()
    played.stage.finish_all()
    error = played.call("start_run", {"resume_from": played.stage.run_id, "dry_run": True})["error"]
    assert (error["type"], "has done everything" in error["message"]) == ("NothingLeft", True)


def test_a_dry_run_tells_what_to_expect_once_a_run_has_taught_it(play: Callable[..., Play]) -> None:
    played = play(warm_containers=True)
    before = played.call("start_run", {"dry_run": True})
    assert before.keys() == {"dry_run", "groups", "nodes"}
    played.stage.finish_all()
    told = played.call("start_run", {"dry_run": True})
    assert told["expected"] == {"seconds": 1.4, "containers": 1, "unknown": 0}  # its jobs took no time, and calls do


@pytest.mark.parametrize("function", ["cancel_run", "describe_run"])
def test_a_run_that_there_is_not_is_named_in_the_refusal(play: Callable[..., Play], function: str) -> None:
    error = play().call(function, {"run_id": RUN_ID})["error"]
    assert (error["type"], RUN_ID in error["message"]) == ("UnknownRun", True)


def test_a_container_is_told_its_own_group_and_then_the_next(play: Callable[..., Play]) -> None:
    played = play(warm_containers=True)
    stage = played.stage
    own = {"run_id": stage.run_id, "job": "0-0", "token": token(stage.dispatcher.plan(stage.run_id), "0-0")}
    assert nodes(played.call("next_group", own)) == [["n0"]]
    more = played.call("next_group", {**own, "job_id": stage.job(0).job_id, "epoch": 1, "done": 0})
    assert (nodes(more), more["place"]) == ([["n1"]], 1)


def nodes(answer: dict[str, Any]) -> list[list[str]]:
    return [list(group["nodes"]) for group in answer["payload"]["groups"]]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(over=True), {"over": True}),
        (Answer(wait=0), {"wait": 0}),
        (Answer(), {"nothing": True}),
        (Answer(place=2, payload={"x": 1}), {"place": 2, "payload": {"x": 1}}),
    ],
)
def test_each_answer_to_a_container_says_one_thing(answer: Answer, said: dict[str, Any]) -> None:
    assert _said(answer) == said


def test_a_started_run_says_what_it_resumes_and_only_then(play: Callable[..., Play]) -> None:
    played = play()
    stage = played.stage
    played.call("cancel_run", {"run_id": stage.run_id})
    stage.finish(0, exit_code=1)  # else it may still write what the others make
    stage.now += 1
    first = played.call("start_run", {})
    assert first.keys() == {"run_id", "status", "groups", "nodes"}
    assert (first["status"], first["groups"], first["nodes"]) == ("RUNNING", 2, 2)
    stage.run_id = first["run_id"]
    stage.finish(0)
    stage.finish(1, exit_code=1)
    again = played.call("start_run", {"resume_from": stage.run_id, "idempotency_key": "again"})
    assert "error" not in again, again
    assert (again["groups"], again["resumed"]["from"]) == (1, stage.run_id)


def test_a_run_that_a_schedule_starts_is_another_than_the_same_key_would_start(
    play: Callable[..., Play],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SCHEDULE_MARK", "mark")
    played = play()
    scheduled = played.call("start_run", {"idempotency_key": "schedule:mark:1"})["run_id"]
    monkeypatch.delenv("SCHEDULE_MARK")  # without a mark no key is a schedule's
    assert played.call("start_run", {"idempotency_key": "schedule:None:1"})["run_id"] != scheduled


def test_each_invocation_without_a_key_starts_a_run_and_its_retry_none(play: Callable[..., Play]) -> None:
    play()
    contexts: list[Any] = [Context(aws_request_id=each) for each in ("a", "b", "a")]
    first, other, retry = (start_run.handler({}, context)["run_id"] for context in contexts)
    assert (first == retry, first == other) == (True, False)


def test_what_a_dry_run_tells_fits_an_answer() -> None:
    assert limits.INVOKE_BYTES.most - 1_000_000 > 2 * start_run._MOST_TOLD
