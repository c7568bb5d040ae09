"""The job queue's promises, on the simulated Batch and on the embedded one, whose jobs are real."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from adapters.job_queue import BatchJobQueue
from adapters.ports import Accepted, Rejected
from dag.events import read_end
from dag.jobs import JobName, name_prefix
from dag.records import OUR_REASON
from dag.shards import Mark
from dag.submission import Submission
from kedro_aws_batch.local import EmbeddedAws
from tests.contract.values import RUN_ID
from tests.simulation.batch import Faults, SimulatedBatch

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient

#: The simulation reads this from a job instead of running its command.
PAYLOAD = {"name": "KEDRO_AWS_BATCH_JOB", "value": '{"groups": [{"nodes": ["train"]}, {"nodes": ["test"]}]}'}
REASON = f"{OUR_REASON}the run is CANCELLED: enough"


class Batch(Protocol):
    """A Batch, and the names of one of its queues and definitions."""

    queue: BatchJobQueue
    queue_name: str
    definition: str

    def environment(self) -> str:
        """Return the ARN of the queue's compute environment."""

    def end(self, job_id: str) -> None:
        """Have a job end of its own accord, or wait for that."""


@dataclass(frozen=True)
class _Now:
    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def left(self) -> float:
        return 60.0


class Simulated:
    """The simulation's Batch, where nothing goes wrong."""

    queue_name = "queue"
    definition = "definition"

    def __init__(self) -> None:
        self.batch = SimulatedBatch(random.Random(1), _Now().now, lambda _: None, lambda *_: None, Faults(on=False))
        self.batch.queues, self.batch.definitions = frozenset({"queue"}), frozenset({"definition"})
        client: Any = self.batch
        self.queue = BatchJobQueue((client, client), _Now(), time.sleep)

    def environment(self) -> str:
        return "arn:environment"

    def end(self, job_id: str) -> None:
        self.batch.end(self.batch.jobs[job_id])


class Embedded:
    """The embedded AWS's Batch."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.queue_name, self.definition = aws.job_queue, aws.job_definition
        client: BatchClient = aws.client("batch")
        self.queue = BatchJobQueue((client, client), _Now(), time.sleep)

    def environment(self) -> str:
        return f"arn:aws:batch:us-east-1:123456789012:compute-environment/{self.queue_name}-compute"

    def end(self, job_id: str) -> None:
        deadline = time.monotonic() + 20
        while self.queue.describe([job_id])[0]["status"] not in {"SUCCEEDED", "FAILED"}:
            assert time.monotonic() < deadline, f"{job_id} has not ended in 20 s"
            time.sleep(0.005)


@pytest.fixture(params=["simulated", "embedded"])
def batch(request: pytest.FixtureRequest) -> Batch:
    """A Batch with a queue and a definition."""
    return Simulated() if request.param == "simulated" else Embedded(request.getfixturevalue("aws"))


_groups = iter(range(100_000))


def submission(batch: Batch, *command: str, **changes: Any) -> Submission:
    """Return a job with its own name, which by default runs for a minute."""
    group = next(_groups)
    request = {
        "jobName": JobName("contract", RUN_ID, group, 0).write("train"),
        "jobQueue": batch.queue_name,
        "jobDefinition": batch.definition,
        "containerOverrides": {"command": list(command or ("sleep", "60")), "environment": [PAYLOAD]},
        **changes,
    }
    return Submission((Mark(group),), request)


def submitted(batch: Batch, *submissions: Submission) -> list[str]:
    """Submit jobs and return their ids."""
    answers = batch.queue.submit(submissions)
    return [answer.job_id for answer in answers if isinstance(answer, Accepted)]


def described(batch: Batch, job_id: str) -> Mapping[str, Any]:
    """Return the description of one job."""
    (detail,) = batch.queue.describe([job_id])
    return detail


def test_answers_come_in_the_order_of_the_submissions(batch: Batch) -> None:
    submissions = [submission(batch, "true") for _ in range(20)]

    answers = batch.queue.submit(submissions)

    ids = [answer.job_id for answer in answers if isinstance(answer, Accepted)]
    names = {detail["jobId"]: detail["jobName"] for detail in batch.queue.describe(ids)}
    assert [names[job_id] for job_id in ids] == [each.request["jobName"] for each in submissions]


def test_nothing_is_submitted_when_nothing_is_to_be(batch: Batch) -> None:
    assert batch.queue.submit([]) == []


@pytest.mark.parametrize(("what", "called"), [("jobQueue", "Job queue"), ("jobDefinition", "Job definition")])
def test_a_job_that_batch_refuses_is_rejected_with_batch_s_words(batch: Batch, what: str, called: str) -> None:
    good, bad = submission(batch, "true"), submission(batch, "true", **{what: "nowhere"})

    before, answer, after = batch.queue.submit([good, bad, submission(batch, "true")])

    assert isinstance(before, Accepted)
    assert isinstance(after, Accepted)
    assert isinstance(answer, Rejected)
    assert answer.reason.startswith(f"ClientException: {called} nowhere does not exist")


def test_a_queue_is_offered_with_its_compute_environments_and_a_definition_by_its_name(batch: Batch) -> None:
    offer = batch.queue.offer([batch.queue_name], [batch.definition])

    (queue,) = offer.queues
    assert (queue["jobQueueName"], queue["state"], queue["status"]) == (batch.queue_name, "ENABLED", "VALID")
    assert [each["computeEnvironment"] for each in queue["computeEnvironmentOrder"]] == [batch.environment()]
    (environment,) = offer.environments
    assert (environment["computeEnvironmentArn"], environment["state"]) == (batch.environment(), "ENABLED")
    assert (offer.definitions, offer.near) == ({batch.definition: 1}, set())


def test_what_is_not_there_is_not_offered_but_what_is_instead(batch: Batch) -> None:
    offer = batch.queue.offer(["nowhere"], ["nothing"])

    assert (offer.queues, offer.environments, offer.definitions) == ([], [], {})
    assert {batch.queue_name, batch.definition} <= set(offer.near)


def test_a_job_that_ended_well_is_described_as_an_outcome(batch: Batch) -> None:
    job = submission(batch, "true")
    (job_id,) = submitted(batch, job)
    batch.end(job_id)

    end = read_end(described(batch, job_id))

    assert end is not None
    assert (end.outcome.mark, end.outcome.succeeded, end.outcome.job_id) == (job.marks[0], True, job_id)
    assert end.outcome.exit_code == 0


def test_a_job_that_has_not_ended_has_no_outcome(batch: Batch) -> None:
    (job_id,) = submitted(batch, submission(batch))

    assert read_end(described(batch, job_id)) is None
    batch.queue.terminate([job_id], REASON)


def test_forgotten_jobs_are_left_out(batch: Batch) -> None:
    (job_id,) = submitted(batch, submission(batch, "true"))
    unknown = [f"00000000-0000-0000-0000-{number:012d}" for number in range(99)]

    assert [detail["jobId"] for detail in batch.queue.describe([*unknown, job_id])] == [job_id]
    assert batch.queue.describe(unknown) == []
    assert batch.queue.describe([]) == []


def test_more_than_100_jobs_are_asked_for_in_several_requests(batch: Batch) -> None:
    (job_id,) = submitted(batch, submission(batch, "true"))
    unknown = [f"00000000-0000-0000-0000-{number:012d}" for number in range(250)]
    assert [detail["jobId"] for detail in batch.queue.describe([*unknown, job_id])] == [job_id]


def test_a_job_is_found_by_its_whole_name_alone(batch: Batch) -> None:
    name = str(submission(batch).request["jobName"])
    names = [name, name + "x", name[:-1], name.upper(), name + "-1"]
    ids = submitted(batch, *(submission(batch, "true", jobName=each) for each in names))

    assert batch.queue.find(batch.queue_name, [name], name[:8]) == {name: ids[0]}
    assert batch.queue.find(batch.queue_name, [name + "y"], name[:8]) == {}


def test_of_two_jobs_of_a_name_the_older_is_found(batch: Batch) -> None:
    name = str(submission(batch).request["jobName"])
    (older,) = submitted(batch, submission(batch, "true", jobName=name))
    time.sleep(0.01)  # Batch's times are in ms
    submitted(batch, submission(batch, "true", jobName=name))

    assert batch.queue.find(batch.queue_name, [name], name[:8]) == {name: older}


def test_many_names_are_found_as_few_are(batch: Batch) -> None:
    known = submission(batch)
    (job_id,) = submitted(batch, known)
    name = str(known.request["jobName"])
    prefix = name_prefix("contract", RUN_ID)
    names = [name, *(f"{prefix}{number}-7--train" for number in range(150))]

    assert batch.queue.find(batch.queue_name, names, prefix) == {name: job_id}


def test_a_queue_that_there_is_not_has_no_jobs(batch: Batch) -> None:
    assert batch.queue.find("nowhere", ["name"], "n") == {}


@pytest.mark.parametrize("status", ["ended", "running", "terminated"])
def test_a_job_is_found_whatever_its_status(batch: Batch, status: str) -> None:
    job = submission(batch, *(["true"] if status == "ended" else []))
    (job_id,) = submitted(batch, job)
    if status == "ended":
        batch.end(job_id)
    if status == "terminated":
        batch.queue.terminate([job_id], REASON)

    name = str(job.request["jobName"])
    assert batch.queue.find(batch.queue_name, [name], name[:8]) == {name: job_id}
    batch.queue.terminate([job_id], REASON)


def test_a_terminated_job_has_failed_for_our_reason(batch: Batch) -> None:
    jobs = [submission(batch) for _ in range(3)]
    ids = submitted(batch, *jobs)

    batch.queue.terminate(ids, REASON)

    for job, job_id in zip(jobs, ids, strict=True):
        if isinstance(batch, Embedded):
            batch.end(job_id)
        end = read_end(described(batch, job_id))
        assert end is not None
        assert (end.outcome.mark, end.outcome.succeeded, end.outcome.cancelled) == (job.marks[0], False, True)
        assert str(end.outcome.reason).startswith(REASON)


def test_a_job_may_be_terminated_twice(batch: Batch) -> None:
    (job_id,) = submitted(batch, submission(batch))

    batch.queue.terminate([job_id], REASON)
    batch.queue.terminate([job_id], "another reason")

    if isinstance(batch, Embedded):
        batch.end(job_id)
    assert described(batch, job_id)["statusReason"] == REASON


def test_terminating_a_job_that_has_ended_leaves_it_as_it_is(batch: Batch) -> None:
    (job_id,) = submitted(batch, submission(batch, "true"))
    batch.end(job_id)
    before = described(batch, job_id)

    batch.queue.terminate([job_id], REASON)
    batch.queue.terminate([], REASON)

    assert described(batch, job_id) == before
    assert before["status"] == "SUCCEEDED"


def array(batch: Batch, *command: str) -> Submission:
    """Return an array job of two children."""
    return submission(batch, *command, arrayProperties={"size": 2})


def test_an_array_s_children_are_described_by_its_id_and_their_index(batch: Batch) -> None:
    (job_id,) = submitted(batch, array(batch, "true"))
    for index in range(2):
        batch.end(f"{job_id}:{index}")

    details = [described(batch, f"{job_id}:{index}") for index in range(2)]

    assert [(detail["status"], detail["arrayProperties"]["index"]) for detail in details] == [
        ("SUCCEEDED", 0),
        ("SUCCEEDED", 1),
    ]
    assert described(batch, job_id)["arrayProperties"]["size"] == 2
    assert "index" not in described(batch, job_id)["arrayProperties"]


def test_an_array_is_found_without_its_children(batch: Batch) -> None:
    job = array(batch, "true")
    (job_id,) = submitted(batch, job)

    name = str(job.request["jobName"])
    assert batch.queue.find(batch.queue_name, [name], name[:8]) == {name: job_id}


def test_terminating_an_array_ends_its_children_for_our_reason(batch: Batch) -> None:
    (job_id,) = submitted(batch, array(batch))

    batch.queue.terminate([job_id], REASON)

    for child in (f"{job_id}:0", f"{job_id}:1"):
        if isinstance(batch, Embedded):
            batch.end(child)
        assert described(batch, child)["status"] == "FAILED"
        assert described(batch, child)["statusReason"] == REASON


def test_terminating_a_child_leaves_its_sibling_alone(batch: Batch) -> None:
    (job_id,) = submitted(batch, array(batch))

    batch.queue.terminate([f"{job_id}:1"], REASON)

    if isinstance(batch, Embedded):
        batch.end(f"{job_id}:1")
    assert described(batch, f"{job_id}:1")["statusReason"] == REASON
    assert described(batch, f"{job_id}:0")["status"] != "FAILED"
    batch.queue.terminate([job_id], REASON)
