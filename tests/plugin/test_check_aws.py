"""AWS Batch's descriptions of queues and compute environments, and the messages about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from kedro_aws_batch._service.dag.configuration import RUN
from kedro_aws_batch._service.dag.document import GraphDocument, Node
from kedro_aws_batch.deploy.check_aws import check_aws

UP = {"state": "ENABLED", "status": "VALID", "statusReason": "ComputeEnvironment Healthy"}
SERVICE_ROLE = "CLIENT_ERROR - Not authorized to perform sts:AssumeRole."


@dataclass
class Batch:
    """A Batch with one queue, whose compute environments are called `env-1`, `env-2`, …"""

    queue: dict[str, str]
    environments: list[dict[str, str]] = field(default_factory=lambda: [UP])
    meta: Any = field(default_factory=lambda: SimpleNamespace(region_name="eu-west-1"))

    def describe_job_queues(self, jobQueues: list[str]) -> dict[str, Any]:  # noqa: N803
        order = [{"order": number, "computeEnvironment": arn} for number, arn in enumerate(self._named())]
        return {
            "jobQueues": [{"jobQueueName": name, "computeEnvironmentOrder": order, **self.queue} for name in jobQueues]
        }

    def describe_compute_environments(self, computeEnvironments: list[str]) -> dict[str, Any]:  # noqa: N803
        named = self._named()
        return {
            "computeEnvironments": [
                {"computeEnvironmentArn": each, "computeEnvironmentName": each, **named[each]}
                for each in computeEnvironments
            ]
        }

    def describe_job_definitions(self, **_: Any) -> dict[str, Any]:
        return {"jobDefinitions": [{"jobDefinitionName": "kedro_run", "revision": 1}]}

    def _named(self) -> dict[str, dict[str, str]]:
        return {f"env-{number}": each for number, each in enumerate(self.environments, start=1)}


def told(batch: Batch, **resources: Any) -> list[str]:
    """Return the messages about a project with one node."""
    node = Node("train", "train: …", None, frozenset(), (), (), resources)
    defaults = {key: setting.default for key, setting in RUN.items()}
    run = {**defaults, "job_queue": "main_queue", "job_definition": "kedro_run"}
    of = GraphDocument("sha256:0", "project", "aws_batch", (node,), {"__default__": (0,)}, {}, run)
    return [str(problem) for problem in check_aws(of, batch)]


@pytest.mark.parametrize("status", ["VALID", "UPDATING", "CREATING"])
def test_a_queue_that_takes_jobs_or_soon_will_is_no_problem(status: str) -> None:
    assert told(Batch({"state": "ENABLED", "status": status}, [{**UP, "status": status}])) == []


@pytest.mark.parametrize("status", ["INVALID", "DELETING", "DELETED"])
def test_a_queue_that_takes_no_jobs_is_told_with_batch_s_reason(status: str) -> None:
    queue = {"state": "ENABLED", "status": status, "statusReason": "The scheduling policy is gone."}
    (problem,) = told(Batch(queue))
    assert problem.startswith(
        f"job queue 'main_queue': is {status} (The scheduling policy is gone), so it takes no jobs. F"
    )


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({**UP, "status": "INVALID", "statusReason": SERVICE_ROLE}, f"ENABLED and INVALID ({SERVICE_ROLE[:-1]})"),
        ({**UP, "state": "DISABLED"}, "DISABLED and VALID"),
        ({"state": "DISABLED", "status": "DELETING"}, "DISABLED and DELETING"),
    ],
)
def test_a_queue_without_an_environment_that_runs_jobs_is_told_with_each_one_s_reason(
    environment: dict[str, str], says: str
) -> None:
    other = {"state": "DISABLED", "status": "INVALID"}
    (problem,) = told(Batch(UP, [environment, other]))
    assert problem == (
        f"job queue 'main_queue': has no compute environment that runs jobs: 'env-1' is {says}, 'env-2' is DISABLED "
        "and INVALID. Enable one, or fix it: aws batch update-compute-environment --compute-environment=<name> "
        "--state=ENABLED"
    )


def test_a_queue_without_any_environment_is_told_and_batch_is_not_asked_for_all_that_there_are() -> None:
    class Asked(Batch):
        def describe_compute_environments(self, computeEnvironments: list[str]) -> dict[str, Any]:  # noqa: N803
            assert computeEnvironments, "no names are all that there are"
            return {"computeEnvironments": [{"computeEnvironmentName": "of others", **UP}]}

    (problem,) = told(Asked(UP, []))
    assert "has no compute environment that runs jobs: there is none." in problem


def test_one_environment_that_runs_jobs_is_enough() -> None:
    assert told(Batch(UP, [{"state": "DISABLED", "status": "VALID"}, UP])) == []


def test_jobs_that_share_and_a_queue_that_does_not_are_told_of_and_the_other_way_round() -> None:
    fair = {**UP, "schedulingPolicyArn": "arn:policy"}
    assert told(Batch(fair), share_identifier="team") == told(Batch(UP)) == []
    (without,) = told(Batch(fair))
    assert without.startswith(
        "job queue 'main_queue': shares fairly, so it takes no job without a share_identifier, like"
    )
    (given,) = told(Batch(UP), share_identifier="team")
    assert "takes no job with a share_identifier, like that of 'train' ('team'). Remove share_identifier from" in given
