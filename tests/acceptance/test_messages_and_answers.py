"""What the functions make of messages that nobody should send, and what they answer."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.local import EmbeddedAws
from tests.local.support import function_log, until

from .support import (
    SCHEDULE_MARK,
    Json,
    Project,
    ask,
    finished,
    messages_in,
    queue_url,
    refusal,
    run,
    send,
    service,
    settled,
    statuses,
)

POISON = [
    "no JSON at all",
    "[1, 2]",
    "{}",
    json.dumps({"detail": None}),
    json.dumps({"advance": {"run_id": 7}}),
    json.dumps({"advance": {"run_id": "2026-01-01T00.00.00.000Z"}}),  # a run that there isn't
    json.dumps({"detail": {"jobName": "nightly-backup", "status": "FAILED"}}),
    json.dumps({"detail": {"jobName": "p--2026-02-02T00-00-00-000Z--0-0", "jobId": "j", "status": "FAILED"}}),
]


def test_a_message_that_means_nothing_is_told_of_once_and_never_comes_again(aws: EmbeddedAws) -> None:
    def lines() -> list[Json]:
        said = [json.loads(line) for line in function_log(aws, "job_state_change") if line.startswith("{")]
        return [line for line in said if line.get("message") in TROUBLE]

    before = len(lines())

    send(aws, *POISON)

    until(lambda: messages_in(aws, "EventsQueue") == 0 and len(lines()) >= before + len(POISON))
    time.sleep(3)  # a message that came again would do so after the queue's visibility timeout of 2 s
    assert len(lines()) == before + len(POISON)
    assert (messages_in(aws, "EventsQueue"), messages_in(aws, "DeadLetterQueue")) == (0, 0)


#: The log lines for messages that it can't use.
TROUBLE = ("malformed message", "event of a foreign job", "event of an unknown run")


def test_bad_messages_do_not_hold_up_the_good_ones_of_their_batch(aws: EmbeddedAws) -> None:
    started = service(aws).start_run({})
    send(aws, "not JSON", json.dumps({"advance": {"run_id": started.run_id}}), "{}")

    assert finished(aws, started).status == "SUCCEEDED"
    until(lambda: messages_in(aws, "EventsQueue") == 0)
    assert messages_in(aws, "DeadLetterQueue") == 0


def test_a_forged_event_of_another_project_ends_no_job_of_ours(aws: EmbeddedAws, project: Project) -> None:
    started = service(aws).start_run({"pipeline": "sleepy"})
    name = f"other--{started.run_id.replace('.', '-')}--0-0"
    until(lambda: project.traces(started.run_id))

    send(aws, json.dumps({"detail": {"jobName": name, "jobId": "forged", "status": "SUCCEEDED"}}))

    until(lambda: messages_in(aws, "EventsQueue") == 0)
    state = service(aws).describe_run(started.run_id)
    assert statuses(state) == {"sleeper": "RUNNING", "waits": "WAITING"}
    service(aws).cancel_run(started.run_id)
    settled(aws, started.run_id)


def test_an_event_that_comes_again_after_the_end_changes_nothing(aws: EmbeddedAws, project: Project) -> None:
    state = run(aws, pipeline="mendable", nodes=["good"])
    (job_id,) = (group.job_id for group in state.groups)
    (job,) = aws.client("batch").describe_jobs(jobs=[str(job_id)])["jobs"]

    detail = {key: job[key] for key in ("jobName", "jobId", "status", "startedAt", "stoppedAt", "container")}
    send(aws, json.dumps({"detail": detail}), json.dumps({"detail": {**detail, "status": "FAILED"}}))

    until(lambda: messages_in(aws, "EventsQueue") == 0)
    again = service(aws).describe_run(state.run_id)
    assert (again.status, again.counts, again.ended_at) == (state.status, state.counts, state.ended_at)
    assert project.ran(state.run_id) == {"good": 1}


def test_a_run_is_described_page_by_page(aws: EmbeddedAws) -> None:
    whole = run(aws, pipeline="long")

    pages, page = [], "0"
    while page is not None:
        pages.append(ask(aws, "describe_run", {"run_id": whole.run_id, "page": page, "limit": 3}))
        page = pages[-1]["next_page"]

    assert [[group["index"] for group in each["groups"]] for each in pages] == [[0, 1, 2], [3, 4, 5], [6]]
    assert all(each["counts"] == whole.counts and each["groups_total"] == 7 for each in pages)


def test_runs_are_listed_newest_first_by_status_and_as_many_as_asked_for(aws: EmbeddedAws) -> None:
    good = [run(aws, pipeline="single").run_id for _ in range(2)]
    bad = run(aws, pipeline="broken", nodes=["breaks"]).run_id

    everything = [each.run_id for each in service(aws).list_runs(limit=100)]
    succeeded = service(aws).list_runs("SUCCEEDED", 100)

    assert everything == sorted(everything, reverse=True)
    assert {*good, bad} <= set(everything)
    assert {each.status for each in succeeded} == {"SUCCEEDED"}
    assert set(good) <= {each.run_id for each in succeeded}
    assert bad in {each.run_id for each in service(aws).list_runs("FAILED", 100)}
    assert [each.run_id for each in service(aws).list_runs(limit=2)] == everything[:2]
    assert [each.run_id for each in service(aws).list_runs("SUCCEEDED", 1)] == [succeeded[0].run_id]


UNKNOWN = "2020-01-01T00.00.00.000Z"


@pytest.mark.parametrize(
    ("function", "request_", "kind", "hint"),
    [
        ("start_run", {"pipelin": "single"}, "InvalidRequest", "Did you mean 'pipeline'?"),
        ("start_run", {"max_workers": "two"}, "InvalidRequest", "max_workers must be integer"),
        ("start_run", {"max_workers": 0}, "InvalidRequest", "max_workers must be bigger than or equal to 1"),
        ("start_run", {"nodes": "first"}, "InvalidRequest", "nodes must be array"),
        ("start_run", [], "InvalidRequest", "is a JSON object, not list"),
        ("start_run", {"pipeline": "singel"}, "InvalidRequest", "Did you mean 'single'?"),
        ("start_run", {"nodes": ["frist"]}, "InvalidRequest", "'first'"),
        ("start_run", {"on_failure": "retry"}, "InvalidRequest", "abort"),
        ("start_run", {"graph_digest": "sha256:0"}, "GraphMismatch", "deploy again"),
        ("start_run", {"resume_from": UNKNOWN}, "UnknownRun", UNKNOWN),
        ("start_run", {"params": {"aws_batch": {"job_queue": "theirs"}}}, "NotAllowed", "embedded_queue"),
        ("describe_run", {}, "InvalidRequest", "run_id"),
        ("describe_run", {"run_id": UNKNOWN}, "UnknownRun", UNKNOWN),
        ("describe_run", {"run_id": "yesterday"}, "InvalidRequest", "run_id"),
        ("describe_run", {"run_id": UNKNOWN, "limit": 1001}, "InvalidRequest", "limit"),
        ("list_runs", {"status": "DONE"}, "InvalidRequest", "SUCCEEDED"),
        ("list_runs", {"state": "FAILED"}, "InvalidRequest", "Did you mean 'status'?"),
        ("cancel_run", {"run_id": UNKNOWN}, "UnknownRun", UNKNOWN),
        ("cancel_run", {"run_id": UNKNOWN, "force": True}, "InvalidRequest", "force"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_what_to_do(
    aws: EmbeddedAws, function: str, request_: Any, kind: str, hint: str
) -> None:
    assert refusal(aws, function, request_)[0] == kind
    assert hint in refusal(aws, function, request_)[1]


def test_a_refused_request_leaves_no_run(aws: EmbeddedAws) -> None:
    before = service(aws).list_runs(limit=100)

    with pytest.raises(ServiceError, match="no pipeline"):
        service(aws).start_run({"pipeline": "nowhere", "idempotency_key": "refused"})

    assert service(aws).list_runs(limit=100) == before
    assert service(aws).start_run({"pipeline": "single", "idempotency_key": "refused"}).nodes == 1


def test_a_run_for_which_batch_has_no_place_is_refused_and_a_scheduled_one_says_so_in_the_log(aws: EmbeddedAws) -> None:
    batch, before = aws.client("batch"), [run.run_id for run in service(aws).list_runs(limit=100)]
    environment = batch.describe_compute_environments()["computeEnvironments"][0]["computeEnvironmentName"]
    scheduled = {"pipeline": "single", "idempotency_key": f"schedule:{SCHEDULE_MARK}:1"}
    forged = {"pipeline": "single", "idempotency_key": "schedule:other:1"}

    batch.update_job_queue(jobQueue=aws.job_queue, state="DISABLED")
    try:
        off = refusal(aws, "start_run", scheduled)
        assert refusal(aws, "start_run", forged) == off
        batch.update_job_queue(jobQueue=aws.job_queue, state="ENABLED")
        batch.update_compute_environment(computeEnvironment=environment, state="DISABLED")
        behind = refusal(aws, "start_run", {"pipeline": "single"})
    finally:
        batch.update_job_queue(jobQueue=aws.job_queue, state="ENABLED")
        batch.update_compute_environment(computeEnvironment=environment, state="ENABLED")

    assert off[0] == behind[0] == "NotReady"
    assert f"The job queue '{aws.job_queue}' is DISABLED, so it takes no jobs. Enable it: aws batch" in off[1]
    assert f"has no compute environment that runs jobs: '{environment}' is DISABLED and VALID" in behind[1]
    assert [run.run_id for run in service(aws).list_runs(limit=100)] == before
    (line,) = until(lambda: [line for line in function_log(aws, "start_run") if "scheduled run refused" in line])
    assert (json.loads(line)["level"], json.loads(line)["reason"]) == ("ERROR", off[1])
    (run, others) = (service(aws).start_run(each).run_id for each in (scheduled, {**scheduled, **forged}))
    assert run != others
    assert service(aws).start_run(scheduled).run_id == run


def test_dead_letters_that_are_moved_back_are_handled_again(aws: EmbeddedAws) -> None:
    def malformed() -> int:
        return sum("malformed message" in line for line in function_log(aws, "job_state_change"))

    sqs, dead, before = aws.client("sqs"), queue_url(aws, "DeadLetterQueue"), malformed()
    for number in range(12):
        sqs.send_message(QueueUrl=dead, MessageBody=json.dumps({"dead letter": number}))
    names = [queue_url(aws, each).rpartition("/")[2] for each in ("DeadLetterQueue", "EventsQueue")]

    script = [sys.executable, str(Path(__file__).parents[2] / "scripts/redrive.py"), *names]
    environment = {name: value for name, value in aws.environment.items() if name != "AWS_DEFAULT_REGION"}
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=True)

    assert done.stdout == f"12 messages moved from {names[0]} to {names[1]}\n"
    assert messages_in(aws, "DeadLetterQueue") == 0
    until(lambda: malformed() == before + 12)
