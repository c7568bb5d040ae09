"""What the queue brings: several runs in a batch, what is foreign, malformed or late."""

from __future__ import annotations

import json
from typing import Any

import pytest

from handlers.job_state_change import take
from tests.handlers.stage import Stage
from tests.simulation.graphs import chain, document


def _record(body: object, message_id: str = "m") -> dict[str, Any]:
    return {"messageId": message_id, "body": body if isinstance(body, str) else json.dumps(body)}


@pytest.mark.parametrize(
    "body",
    [
        "not json",
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
