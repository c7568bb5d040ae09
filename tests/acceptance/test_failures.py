"""Failed jobs, senseless requests, and messages that nobody should send."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from kedro_aws_batch.local import EmbeddedAws
from tests.local.support import alive, until

from .support import (
    Project,
    ask,
    refusal,
    run,
    service,
    settled,
    statuses,
)

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


# --- What the functions tell
