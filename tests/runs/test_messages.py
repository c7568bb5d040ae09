"""The queue's messages: several runs in a batch, and foreign, malformed or late ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from runs.advance import Dispatcher
from runs.messages import FULL, take, take_all
from runs.plans import Plans
from tests.runs.stage import Stage, messages
from tests.silence import Silence
from tests.simulation.batch import SimulatedJob
from tests.simulation.graphs import chain, document, fan


def _record(body: object, message_id: str = "m") -> dict[str, Any]:
    return {"messageId": message_id, "body": body if isinstance(body, str) else json.dumps(body)}


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        "[" * 100_000,
        "[]",
        "7",
        {},
        {"detail": None},
        {"detail": {"jobName": "somebody-elses-job", "status": "SUCCEEDED"}},
        {"detail": {"jobName": "project--2026-01-01T00-00-00-000Z--0-0--x", "status": "SUCCEEDED"}},
        {"detail": {"jobName": "project--2026-01-01T00-00-00-000Z--0-0--x", "status": "RUNNING"}},
        {"advance": {}},
        {"advance": {"run_id": "../../x"}},
        {"advance": {"run_id": "2026-01-01T00.00.00.000Z"}},
    ],
)
def test_a_message_that_no_delivery_would_mend_is_done_with(body: object) -> None:
    stage = Stage(document(chain(1)))
    assert take(stage.dispatcher, [_record(body)]).failed == []
    assert stage.table._runs == {}


@pytest.mark.parametrize(
    "body",
    [
        "a secret",
        {"detail": "a secret"},
        {"advance": {"run_id": "a secret"}},
        {"detail": {"jobName": "a secret", "x": "\ud800"}},
        {"detail-type": "Batch Job Queue Blocked", "detail": ["a secret"]},
    ],
)
def test_a_message_that_no_delivery_would_mend_is_told_of_without_what_is_in_it(body: object) -> None:
    lines: list[dict[str, Any]] = []

    class Kept(Silence):
        def error(self, msg: object, /, **fields: Any) -> None:
            lines.append({"message": msg, **fields})

    dispatcher = Stage(document(chain(1))).dispatcher
    take(Dispatcher(replace(dispatcher.ports, log=Kept()), Plans()), [_record(body)])
    (line,) = lines
    assert (line["message"], line["message_id"], line["size"] > 0) == ("malformed message", "m", True)
    assert "secret" not in json.dumps(line)


def test_an_event_of_another_projects_job_with_our_run_id_changes_nothing() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    job = stage.end(0)
    job.name = job.name.replace("project--", "other--")
    stage.deliver(job)
    assert stage.statuses() == ["SUBMITTED", "WAITING"]


def test_a_run_in_trouble_fails_its_own_messages_alone() -> None:
    stage = Stage(document(chain(2)))
    first = stage.start(key="given:1").run_id
    ours = stage.end(0)
    stage.start(key="given:2")
    others = stage.end(0)
    add_marks = stage.table.add_marks

    def broken(run_id: str, *arguments: Any) -> Any:
        if run_id == first:
            raise RuntimeError("no")
        return add_marks(run_id, *arguments)

    stage.table.add_marks = broken  # type: ignore[method-assign, assignment]
    taken = take(stage.dispatcher, [_record({"detail": ours.detail()}, "a"), _record({"detail": others.detail()}, "b")])
    assert taken.failed == ["a"]
    assert stage.submitted() == [0, 1]


def test_a_message_to_carry_on_is_heeded_beside_an_event() -> None:
    stage = Stage(document([[], [], [0], [1]]))
    stage.start()
    stage.table.add_marks(stage.run_id, 0, {"succeeded": [0]})  # by one that had no time for what follows
    (event,) = messages([stage.end(1)])
    take(stage.dispatcher, [event, _record({"advance": {"run_id": stage.run_id}})])
    assert sorted(stage.submitted()) == [0, 1, 2, 3]


def test_a_message_to_carry_on_advances_the_run() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    stage.end(0)
    stage.table.add_marks(stage.run_id, 0, {"succeeded": [0]})
    take(stage.dispatcher, [_record({"advance": {"run_id": stage.run_id}})])
    assert stage.submitted() == [0, 1]


def test_a_blocked_queue_is_announced_once_for_each_reason() -> None:
    stage = Stage(document(chain(2)))
    stage.start()
    job = stage.job(0)
    job.waits_for = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity"
    record = _record({"detail-type": "Batch Job Queue Blocked", "detail": job.detail()})
    take(stage.dispatcher, [record])
    take(stage.dispatcher, [record, record])
    assert [detail.get("blocked", {}).get("nodes") for detail in stage.announced] == [None, ["n0"]]
    assert stage.announced[-1]["status"] == "RUNNING"


def test_a_blocked_queue_of_somebody_elses_job_is_passed_by() -> None:
    stage = Stage(document(chain(1)))
    detail = {"jobName": "other", "status": "RUNNABLE", "statusReason": "UNDETERMINED - who knows"}
    assert take(stage.dispatcher, [_record({"detail-type": "Batch Job Queue Blocked", "detail": detail})]).failed == []
    assert stage.announced == []


def _blocked(job: SimulatedJob, why: str = "UNDETERMINED - who knows") -> dict[str, Any]:
    job.waits_for = why
    return {"detail-type": "Batch Job Queue Blocked", "detail": job.detail()}


def test_a_queue_that_another_project_s_job_blocks_is_not_our_run_s_news() -> None:
    stage = Stage(document(chain(1)))
    stage.start()
    job = stage.job(0)
    job.name = job.name.replace("project--", "other--")
    assert take(stage.dispatcher, [_record(_blocked(job))]).failed == []
    assert [detail["status"] for detail in stage.announced] == ["RUNNING"]
    assert "blocked" not in stage.announced[0]


def test_a_queue_that_blocked_a_run_that_is_over_is_not_announced() -> None:
    stage = Stage(document(chain(1)))
    stage.start()
    late = _record(_blocked(stage.job(0)))
    stage.job(0).waits_for = None
    stage.finish(0)
    assert take(stage.dispatcher, [late]).failed == []
    assert [detail["status"] for detail in stage.announced] == ["RUNNING", "SUCCEEDED"]


def test_a_job_that_blocks_its_queue_no_more_or_is_nobody_s_is_no_error() -> None:
    stage = Stage(document(chain(1)))
    stage.start()
    begun, foreign = _blocked(stage.job(0)), _blocked(stage.job(0))
    begun["detail"] = {**begun["detail"], "status": "STARTING"}
    foreign["detail"] = {**foreign["detail"], "jobName": "somebody-elses-job"}
    errors: list[object] = []

    class Kept(Silence):
        def error(self, msg: object, /, **_: Any) -> None:
            errors.append(msg)

    dispatcher = Dispatcher(replace(stage.dispatcher.ports, log=Kept()), Plans())
    assert (take(dispatcher, [_record(begun), _record(foreign)]).failed, errors) == ([], [])
    assert len(stage.announced) == 1


def test_a_message_that_is_for_nobody_asks_nobody() -> None:
    stage = Stage(document(chain(1)))
    take(stage.dispatcher, [_record("not json"), _record({"detail": {"jobName": "other", "status": "SUCCEEDED"}})])
    assert stage.calls == {}


def _ended(stage: Stage) -> list[SimulatedJob]:
    """Return the jobs of the layer in flight, all ended, with no event delivered."""
    return [stage.end(group) for group in range(1, 31)]


@pytest.fixture
def wide() -> Stage:
    """Return a stage where 30 jobs are in flight, between one before and one after."""
    stage = Stage(document(fan(30)))
    stage.start()
    stage.finish(0)
    return stage


def test_a_batch_is_full_when_lambda_hands_over_as_many_messages_as_it_may() -> None:
    document = yaml.safe_load((Path(__file__).parents[2] / "serverless.yml").read_text(encoding="utf-8"))
    (mapping,) = (each["sqs"] for each in document["functions"]["job_state_change"]["events"] if "sqs" in each)
    assert mapping["batchSize"] == FULL


def test_a_full_batch_takes_what_else_waits_along(wide: Stage) -> None:
    taken = wide.deliver_ten(*_ended(wide))

    assert (taken.ended, taken.submitted, taken.failed) == (30, 1, [])
    assert wide.deleted == [f"m{number}" for number in range(10, 30)]
    assert wide.calls["ReceiveMessage"] == 3  # the third finds none


def test_a_full_batch_takes_a_hundred_messages_at_most(wide: Stage) -> None:
    jobs = _ended(wide)

    taken = wide.deliver_ten(*jobs, *jobs, *jobs, *jobs)

    assert (taken.ended, wide.calls["ReceiveMessage"]) == (30, 9)
    assert len(wide.deleted) == 90
    assert len(wide.waiting) == 20


def test_a_batch_that_is_not_full_leaves_the_queue_alone(wide: Stage) -> None:
    jobs = _ended(wide)
    wide.waiting = [*messages(jobs)]

    taken = take_all(wide.dispatcher, messages(jobs[:9]))

    assert taken.ended == 9
    assert "ReceiveMessage" not in wide.calls


def test_what_was_fetched_and_could_not_be_handled_stays_in_the_queue(wide: Stage) -> None:
    jobs = _ended(wide)

    def broken(*_: Any) -> Any:
        raise RuntimeError("no")

    wide.table.add_marks = broken  # type: ignore[method-assign, assignment]

    taken = wide.deliver_ten(*jobs)

    assert taken.failed == [f"m{number}" for number in range(10)]  # Lambda knows nothing of the others
    assert wide.deleted == []


def test_messages_that_can_not_be_fetched_or_deleted_hold_nothing_up(wide: Stage) -> None:
    jobs = _ended(wide)
    wide.queue_broken = "late"
    assert wide.deliver_ten(*jobs[:15]).ended == 15
    wide.queue_broken = True
    assert wide.deliver_ten(*jobs[15:]).ended == 10
    wide.queue_broken = False
    taken = wide.deliver_ten(*jobs)  # again, for they were not deleted
    assert (taken.submitted, wide.submitted()[-1]) == (1, 31)
