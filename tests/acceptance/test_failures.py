"""Failed jobs, senseless requests, and messages that nobody should send."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kedro_aws_batch.client import RunState
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.local import EmbeddedAws
from tests.local.support import alive, function_log, until

from .support import (
    SCHEDULE_MARK,
    Json,
    Node,
    Project,
    finished,
    make_project,
    messages_in,
    queue_url,
    service,
    settled,
    statuses,
)

FOREVER = 120.0  # longer than any test waits

#: A failure while a sibling is still at work, with another pair of nodes that depends on neither.
BROKEN = {
    "start": Node(),
    "breaks": Node(after=["start"], seconds=0.3, exits=[3] * 9),
    "works_on": Node(after=["start"], seconds=1.5),
    "after_both": Node(after=["breaks", "works_on"]),
    "apart": Node(after=["works_on"]),
}
PIPELINES = {
    "__default__": {"first": Node(), "second": Node(after=["first"])},
    "broken": BROKEN,
    "stuck": {
        "quick": Node(),
        "fails": Node(after=["quick"], seconds=0.3, exits=[3] * 9),
        **{f"sleeps_{number}": Node(after=["quick"], seconds=FOREVER) for number in range(3)},
        "last": Node(after=["fails", "sleeps_0", "sleeps_1", "sleeps_2"]),
    },
    "sleepy": {"sleeper": Node(seconds=FOREVER), "waits": Node(after=["sleeper"])},
    "wide": {f"wide_{number}": Node(seconds=0.2) for number in range(7)},
    "hungry": {"eats": Node(exits=[137]), "digests": Node(after=["eats"])},
    "starving": {"starves": Node(exits=[137] * 9)},
    "mendable": {
        "good": Node(),
        "bad_once": Node(after=["good"], exits=[1]),
        "beside": Node(after=["good"], seconds=0.5),
        "final": Node(after=["bad_once", "beside"]),
    },
    "single": {"only": Node()},
    "long": {f"long_{number}": Node() for number in range(7)},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("project"), PIPELINES, memory_retry={"factor": 2, "max": 3000})


@pytest.fixture(scope="module")
def aws(project: Project) -> Iterator[EmbeddedAws]:
    with project.aws(visibility_timeout=2) as running:
        yield running


def run(aws: EmbeddedAws, **request: Any) -> RunState:
    """Run to the end, and until nothing is in flight."""
    started = service(aws).start_run(request)
    finished(aws, started)
    return settled(aws, started.run_id)


def ask(aws: EmbeddedAws, key: str, request: Any) -> Json:
    """Return a function's answer, refusals included."""
    answer = aws.client("lambda").invoke(FunctionName=aws.function_name(key), Payload=json.dumps(request).encode())
    assert "FunctionError" not in answer
    return dict(json.loads(answer["Payload"].read()))


def refusal(aws: EmbeddedAws, key: str, request: Any) -> tuple[str, str]:
    error = ask(aws, key, request)["error"]
    assert {"type", "message"} <= set(error) <= {"type", "message", "details"}
    return error["type"], error["message"]


def send(aws: EmbeddedAws, *bodies: str) -> None:
    for body in bodies:
        aws.client("sqs").send_message(QueueUrl=queue_url(aws, "EventsQueue"), MessageBody=body)


# --- What a failure means for the rest of its run


def test_abort_terminates_what_is_in_flight_and_submits_nothing_more(aws: EmbeddedAws, project: Project) -> None:
    state = run(aws, pipeline="stuck", on_failure="abort")

    assert state.status == "FAILED"
    assert state.reason == "fails failed: Essential container in task exited (exit code 3)"
    sleepers = {f"sleeps_{number}" for number in range(3)}
    assert statuses(state) == {
        "quick": "SUCCEEDED",
        "fails": "FAILED",
        **dict.fromkeys(sleepers, "CANCELLED"),
        "last": "SKIPPED",
    }
    assert project.ran(state.run_id).keys() <= {"quick", "fails", *sleepers}
    assert [line["node"] for line in project.traces(state.run_id, "done")] == ["quick"]
    assert not any(alive(line["pid"]) for line in project.traces(state.run_id))


def test_drain_lets_jobs_end_and_submits_nothing_more(aws: EmbeddedAws, project: Project) -> None:
    state = run(aws, pipeline="broken", on_failure="drain")

    assert state.status == "FAILED"
    assert statuses(state) == {
        "start": "SUCCEEDED",
        "breaks": "FAILED",
        "works_on": "SUCCEEDED",
        "after_both": "SKIPPED",
        "apart": "SKIPPED",
    }
    assert project.ran(state.run_id) == {"start": 1, "breaks": 1, "works_on": 1}


def test_continue_goes_on_with_what_does_not_depend_on_the_failure(aws: EmbeddedAws, project: Project) -> None:
    state = run(aws, pipeline="broken", on_failure="continue")

    assert state.status == "FAILED"
    assert statuses(state) == {
        "start": "SUCCEEDED",
        "breaks": "FAILED",
        "works_on": "SUCCEEDED",
        "after_both": "SKIPPED",
        "apart": "SUCCEEDED",
    }
    assert project.ran(state.run_id) == {"start": 1, "breaks": 1, "works_on": 1, "apart": 1}


def test_a_cancelled_run_leaves_no_job_behind(aws: EmbeddedAws, project: Project) -> None:
    started = service(aws).start_run({"pipeline": "sleepy"})
    (sleeper,) = until(lambda: project.traces(started.run_id))
    assert alive(sleeper["pid"])

    assert service(aws).cancel_run(started.run_id, "not needed any more") == "CANCELLED"

    state = settled(aws, started.run_id)
    assert (state.status, state.reason) == ("CANCELLED", "not needed any more")
    assert statuses(state) == {"sleeper": "CANCELLED", "waits": "SKIPPED"}
    assert not alive(sleeper["pid"])


def test_cancelling_a_run_that_has_ended_changes_nothing(aws: EmbeddedAws) -> None:
    state = run(aws, pipeline="single")

    assert service(aws).cancel_run(state.run_id, "too late") == "SUCCEEDED"
    assert service(aws).describe_run(state.run_id).reason is None


def test_no_more_than_max_workers_jobs_are_at_work_at_a_time(aws: EmbeddedAws, project: Project) -> None:
    state = run(aws, pipeline="wide", max_workers=2)

    assert state.status == "SUCCEEDED"
    steps = [(line["at"], +1) for line in project.traces(state.run_id, "begun")]
    steps += [(line["at"], -1) for line in project.traces(state.run_id, "done")]
    at_work = [sum(step for _, step in sorted(steps)[: count + 1]) for count in range(len(steps))]
    assert len(steps) == 14
    assert max(at_work) == 2


def test_a_job_that_ran_out_of_memory_is_submitted_again_with_more(aws: EmbeddedAws, project: Project) -> None:
    state = run(aws, pipeline="hungry")

    assert state.status == "SUCCEEDED"
    assert project.ran(state.run_id) == {"eats": 2, "digests": 1}
    assert [(group.nodes, group.attempt) for group in state.groups] == [(("eats",), 1), (("digests",), 0)]
    assert memory_of_jobs(aws, state.run_id, "eats") == ["1000", "2000"]


def test_a_job_that_always_runs_out_of_memory_fails_at_the_limit(aws: EmbeddedAws) -> None:
    state = run(aws, pipeline="starving")

    assert (state.status, state.groups[0].status, state.groups[0].exit_code) == ("FAILED", "FAILED", 137)
    assert memory_of_jobs(aws, state.run_id, "starves") == ["1000", "2000", "3000"]


def memory_of_jobs(aws: EmbeddedAws, run_id: str, node: str) -> list[str]:
    """Return the MiB of a node's jobs, by attempt, as DescribeJobs has them."""
    batch, name = aws.client("batch"), f"stand_in--{run_id.replace('.', '-')}--*"
    found = batch.list_jobs(jobQueue=aws.job_queue, filters=[{"name": "JOB_NAME", "values": [name]}])
    ids = {job["jobName"]: job["jobId"] for job in found["jobSummaryList"] if job["jobName"].endswith(f"--{node}")}
    described = [batch.describe_jobs(jobs=[ids[each]])["jobs"][0] for each in sorted(ids)]
    return [
        need["value"]
        for job in described
        for need in job["container"]["resourceRequirements"]
        if need["type"] == "MEMORY"
    ]


def test_a_resumed_run_does_only_what_is_missing(aws: EmbeddedAws, project: Project) -> None:
    failed = run(aws, pipeline="mendable", on_failure="drain")
    assert statuses(failed) == {
        "good": "SUCCEEDED",
        "bad_once": "FAILED",
        "beside": "SUCCEEDED",
        "final": "SKIPPED",
    }

    answer = ask(aws, "start_run", {"resume_from": failed.run_id})

    resumed = settled(aws, answer["run_id"])
    assert answer["resumed"]["from"] == failed.run_id
    assert answer["resumed"]["reused"] == ["beside", "good"]
    assert set(answer["resumed"]["again"]) == {"bad_once", "final"}
    assert resumed.status == "SUCCEEDED"
    assert project.ran(resumed.run_id) == {"bad_once": 1, "final": 1}


# --- One run for each key


def test_one_key_given_twice_at_the_same_time_starts_one_run(aws: EmbeddedAws, project: Project) -> None:
    request = {"idempotency_key": "the same", "description": "one of two"}
    with ThreadPoolExecutor(4) as pool:
        started = list(pool.map(lambda _: service(aws).start_run(request), range(4)))

    (run_id,) = {each.run_id for each in started}
    assert settled(aws, run_id).status == "SUCCEEDED"
    assert project.ran(run_id) == {"first": 1, "second": 1}
    listed = service(aws).list_runs(limit=100)
    assert [each.run_id for each in listed if each.description == "one of two"] == [run_id]
    assert service(aws).start_run(request).run_id == run_id


def test_a_key_that_means_another_request_is_refused(aws: EmbeddedAws) -> None:
    first = service(aws).start_run({"idempotency_key": "taken", "pipeline": "single"})

    kind, message = refusal(aws, "start_run", {"idempotency_key": "taken", "pipeline": "wide"})

    assert kind == "InvalidRequest"
    assert first.run_id in message


# --- Messages that nobody should send


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


# --- What the functions tell


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
