"""Messages of `deploy` about changes to a stack that AWS refuses, or that jobs would not survive."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from kedro_aws_batch._service.dag.configuration import RUN as SETTINGS
from kedro_aws_batch._service.dag.document import GraphDocument
from kedro_aws_batch.client import RunSummary
from kedro_aws_batch.deploy.changes import unwelcome, wanted
from kedro_aws_batch.deploy.parameters import EC2, FARGATE, OWN
from kedro_aws_batch.deploy.standing import Standing, in_use, standing
from kedro_aws_batch.errors import ServiceError

RUN = {**{name: each.default for name, each in SETTINGS.items()}, "job_queue": "q", "job_definition": "d"}
DOCUMENT = GraphDocument("sha256:0", "project", "aws_batch", (), {}, {}, RUN)
PARAMS = {"subnets": "subnet-1,subnet-2", "security_groups": "sg-1"}
ROLE = "the role of the jobs (job_role_name changed)"


def then(batch: str = FARGATE, document: GraphDocument = DOCUMENT, **params: Any) -> Standing | None:
    return wanted(document, {**PARAMS, **params}, batch)


def now(batch: str = FARGATE, **params: Any) -> Standing:
    made = then(batch, **params)
    assert made is not None
    return made


def told(before: Standing | None, after: Standing | None, used: str | None = "run r is RUNNING") -> list[str]:
    return [str(problem) for problem in unwelcome(before, after, lambda: used)]


def taken_away(before: Standing, after: Standing | None) -> str:
    """Return the message about resources that a change would remove while jobs are in them."""
    (said,) = told(before, after)
    assert said.endswith(
        "Wait until no run is open and the queue is empty, or cancel the runs, and deploy while no schedule is due."
    )
    return said.removeprefix("the deployment: takes away ").partition(", and run r is RUNNING.")[0]


@pytest.mark.parametrize(
    ("changed", "gone"),
    [
        ({"subnets": "subnet-1"}, "the compute environment (subnets changed)"),
        ({"security_groups": "sg-2", "spot": True}, "the compute environment (security_groups, spot changed)"),
        ({"job_role_name": "mine"}, ROLE),
        ({"subnets": "subnet-3", "job_role_name": "mine"}, f"the compute environment (subnets changed) and {ROLE}"),
    ],
)
def test_what_cloudformation_would_replace_under_jobs_is_refused(changed: dict[str, Any], gone: str) -> None:
    assert taken_away(now(), then(**changed)) == gone
    assert told(now(), then(**changed), used=None) == []


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"subnets": "subnet-2,subnet-1", "spot": "false"},
        {"max_vcpus": 8, "image": "x:2", "assign_public_ip": "ENABLED", "runnable_limit_seconds": 600},
        {"subnets": "${ssm:/net/subnets}"},
    ],
)
def test_what_is_changed_in_place_or_not_known_is_deployed_under_jobs(changed: dict[str, Any]) -> None:
    assert told(now(), then(**changed)) == []


def test_an_environment_on_ec2_is_changed_in_place_but_for_its_name() -> None:
    assert told(now(EC2), then(EC2, subnets="subnet-9", security_groups="sg-9", spot="true")) == []
    gone = taken_away(now(EC2), then(EC2, compute_environment_name="named"))
    assert gone == "the compute environment (compute_environment_name changed)"


def test_a_name_that_an_earlier_version_gave_on_fargate_goes_once_there_are_no_jobs() -> None:
    named = now(compute_environment_name="flights_env")
    assert taken_away(named, then()) == "the compute environment (compute_environment_name changed)"
    assert told(named, then(), used=None) == []


def test_another_queue_or_definition_takes_away_the_one_that_was() -> None:
    other = replace(DOCUMENT, run={**RUN, "job_queue": "other", "job_definition": "new"})
    assert taken_away(now(), then(document=other)) == (
        "the job queue 'q' (aws_batch.job_queue is 'other') and the job definition 'd' (aws_batch.job_definition is "
        "'new')"
    )


@pytest.mark.parametrize(("before", "after"), [(EC2, FARGATE), (FARGATE, EC2)])
def test_a_queue_is_not_moved_between_ec2_and_fargate_in_use_or_not(before: str, after: str) -> None:
    for used in ("run r is RUNNING", None):
        (said,) = told(now(before), then(after), used)
        assert said == (
            f"job queue 'q': runs on {before}, and can't be moved to {after}. Name another one in aws_batch.job_queue. "
            "Or deploy twice: first with --param=batch=own, which removes the queue, its definition and its jobs' "
            "logs, and then as now."
        )
    other = replace(DOCUMENT, run={**RUN, "job_queue": "other"})
    assert told(now(before), then(after, other), used=None) == []


def test_whether_a_queue_shares_fairly_is_settled_when_it_is_made() -> None:
    (removed,) = told(now(fair_share=True), then(), used=None)
    assert removed == (
        "job queue 'q': exists, and its fair sharing can't be removed. Leave fair_share at \"true\", or "
        "name another queue in aws_batch.job_queue."
    )
    (added,) = told(now(), then(fair_share="true"), used=None)
    assert 'exists, and can\'t be made to share fairly. Leave fair_share at "false", or name another' in added
    assert told(now(fair_share="true"), then(fair_share=True)) == []


def test_a_queue_that_goes_because_batch_is_own_is_warned_of_or_kept_for_its_jobs() -> None:
    assert taken_away(now(), then(OWN)) == "the job queue 'q' (batch is own)"
    (problem,) = unwelcome(now(), then(OWN), lambda: None)
    assert problem.warning
    assert "This deployment removes it, its definition and its jobs' logs." in problem.what


def test_what_is_in_use_is_asked_only_where_it_matters() -> None:
    def never() -> str:
        raise AssertionError

    for before, after in ((None, then()), (None, then(OWN)), (now(), then()), (now(), then(EC2))):
        unwelcome(before, after, never)


@dataclass
class CloudFormation:
    """A CloudFormation with one stack."""

    resources: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)

    def describe_stacks(self, StackName: str) -> Any:  # noqa: N803
        if StackName != "flights-dev":
            code = "AccessDenied" if StackName == "secret-dev" else "ValidationError"
            message = "You shall not." if StackName == "secret-dev" else f"Stack with id {StackName} does not exist"
            raise ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")
        given = [{"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters.items()]
        return {"Stacks": [{"Parameters": given}]}

    def describe_stack_resources(self, **_: str) -> Any:
        found = [{"LogicalResourceId": name, "PhysicalResourceId": each} for name, each in self.resources.items()]
        return {"StackResources": found}


def test_what_stands_is_read_from_the_stack() -> None:
    made = {"JobQueue": "arn:aws:batch:r:1:job-queue/q", "JobDefinition": "arn:aws:batch:r:1:job-definition/d:7"}
    parameters = {"Subnets": "subnet-1,subnet-2", "SecurityGroups": "sg-1", "Spot": "false", "FairShare": "false"}

    assert standing("flights-dev", CloudFormation(made, parameters)) == now()
    assert standing("flights-dev", CloudFormation({**made, "InstanceRole": "i"}, parameters)) == now(EC2)
    assert standing("flights-dev", CloudFormation({"RunTable": "t"}, {"AlarmEmail": ""})) is None
    assert standing("other-dev", CloudFormation()) is None
    with pytest.raises(ServiceError, match="Allow cloudformation:DescribeStacks"):
        standing("secret-dev", CloudFormation())


@dataclass
class Functions:
    """A service whose list_runs says this."""

    runs: list[RunSummary] | ServiceError

    def list_runs(self, status: str, limit: int) -> list[RunSummary]:
        assert status == "RUNNING"
        if isinstance(self.runs, ServiceError):
            raise self.runs
        return self.runs[:limit]


class Batch:
    """A Batch with one job, in one status."""

    def __init__(self, status: str = "") -> None:
        self.status = status

    def list_jobs(self, jobStatus: str, **_: Any) -> Any:  # noqa: N803
        return {"jobSummaryList": [{"jobName": "by-hand"}] if jobStatus == self.status else []}


def test_a_queue_is_in_use_by_an_open_run_or_a_job_of_anybody() -> None:
    def used(runs: list[RunSummary] | ServiceError, status: str = "") -> str | None:
        functions: Any = Functions(runs)
        return in_use("q", functions, Batch(status))

    assert used([RunSummary("r", "RUNNING")]) == "run r is RUNNING"
    assert used([], "RUNNABLE") == "the job 'by-hand' is RUNNABLE"
    assert used([]) is None
    assert used(ServiceError("There is no function 'flights-dev-list_runs' in …", "Refused"), "RUNNING") is not None
    with pytest.raises(ServiceError, match="table"):
        used(ServiceError("The table is gone.", "Failed"))
