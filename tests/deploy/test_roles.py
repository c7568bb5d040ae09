"""Every statement of every role, whole: action, resource and condition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cfnlint  # type: ignore[import-untyped]
import pytest

from dag.shards import Mark
from dag.submission import submission
from tests.dag.build import document, plan
from tests.dag.graphs import make_node

from .conftest import Packager, Template
from .test_template import FUNCTIONS, LOOK, READ, WRITE, as_list, role_of, statements, text_of

Statement = tuple[frozenset[str], frozenset[str], str]

ARN = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
QUEUES = ["job-queue/flights_queue"]
DEFINITIONS = [f"job-definition/{name}{end}" for name in ("kedro_run", "kedro_run_large") for end in ("", ":*")]
OURS = {"StringEquals": {"aws:ResourceTag/kedro-project": "golden_flights"}}
TAGS = ["kedro-project", "kedro-run-id"]


def statement(actions: Any, resources: Any, condition: Any = None) -> Statement:
    """Return a statement in a form that can be compared."""
    places = {json.dumps(each, sort_keys=True) for each in as_list(resources)}
    return frozenset(as_list(actions)), frozenset(places), json.dumps(condition, sort_keys=True)


def arns(service: str, *names: str) -> list[dict[str, str]]:
    return [{"Fn::Sub": ARN % (service, name)} for name in names]


TABLE = {"Fn::GetAtt": ["RunTable", "Arn"]}
EVENTS = {"Fn::GetAtt": ["EventsQueue", "Arn"]}
TERMINATE = statement("batch:TerminateJob", arns("batch", "job/*"), OURS)
ANNOUNCE = statement(
    "events:PutEvents", arns("events", "event-bus/default"), {"StringEquals": {"events:source": "kedro.aws-batch"}}
)
#: The rights of the three functions that submit jobs.
SUBMITTING = {
    statement(["batch:SubmitJob", "batch:TagResource"], arns("batch", *QUEUES)),
    statement(["batch:SubmitJob", "batch:TagResource"], arns("batch", *DEFINITIONS)),
    statement(
        ["batch:SubmitJob", "batch:TagResource"],
        arns("batch", "job/*"),
        {
            "StringEquals": {"aws:RequestTag/kedro-project": "golden_flights"},
            "ForAllValues:StringEquals": {"aws:TagKeys": TAGS},
        },
    ),
    statement("sqs:SendMessage", EVENTS),
    TERMINATE,
    ANNOUNCE,
}
READ_QUEUE = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
#: All that functions may do, besides writing their log.
STATEMENTS: dict[str, set[Statement]] = {
    "start_run": {*SUBMITTING, statement([*READ, *WRITE], TABLE), statement([*LOOK], "*")},
    "job_state_change": {
        *SUBMITTING,
        statement([*READ, *WRITE], TABLE),
        statement(READ_QUEUE, EVENTS),
        statement("batch:ListJobs", "*"),
    },
    "reconcile": {
        *SUBMITTING,
        statement([*READ, *WRITE, "dynamodb:DeleteItem"], TABLE),
        statement(["batch:DescribeJobQueues", "batch:DescribeJobs", "batch:ListJobs"], "*"),
    },
    "next_group": {*SUBMITTING, statement([*READ, *WRITE], TABLE), statement("batch:DescribeJobs", "*")},
    "describe_run": {statement(["dynamodb:GetItem", "dynamodb:Query"], TABLE), statement("batch:DescribeJobs", "*")},
    "list_runs": {statement(["dynamodb:BatchGetItem", "dynamodb:Query"], TABLE)},
    "cancel_run": {
        statement(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"], TABLE),
        TERMINATE,
        ANNOUNCE,
        statement("sqs:SendMessage", EVENTS),
    },
}


def of_role(template: Template, role: str) -> set[Statement]:
    """Return a role's statements, each of which must allow something, in one policy."""
    found = list(statements(template, role))
    assert {(each["Effect"], *each) for each in found} <= {
        ("Allow", "Sid", "Effect", "Action", "Resource"),
        ("Allow", "Sid", "Effect", "Action", "Resource", "Condition"),
    }
    return {statement(each["Action"], each["Resource"], each.get("Condition")) for each in found}


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_may_do_exactly_this(template: Template, function: str) -> None:
    log = {"Fn::Sub": ARN % ("logs", f"log-group:/aws/lambda/${{AWS::StackName}}-{function}:*")}
    role = role_of(template, function)

    assert of_role(template, role) == {
        *STATEMENTS[function],
        statement(["logs:CreateLogStream", "logs:PutLogEvents"], log),
    }
    assert "ManagedPolicyArns" not in template.properties(role)


def test_jobs_may_be_submitted_on_every_resource_that_aws_asks_about(template: Template) -> None:
    """From the Service Authorization Reference, as cfn-lint has it; nothing here uses consumable resources."""
    reference = json.loads((Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json").read_text("utf-8"))
    asked = {*reference["batch"]["Actions"]["submitjob"]["Resources"]} - {"consumable-resource"}

    kinds = {
        text_of(place).rpartition("/")[0].rpartition(":")[2]
        for each in statements(template, role_of(template, "start_run"))
        if "batch:SubmitJob" in as_list(each["Action"])
        for place in as_list(each["Resource"])
    }
    assert kinds == {each.removesuffix("-revision") for each in asked} == {"job", "job-queue", "job-definition"}


def test_a_job_has_the_tags_that_its_submission_is_allowed_with() -> None:
    run = plan(document([make_node("a")]), {})

    assert submission(run, Mark(0)).request["tags"] == dict(zip(TAGS, (run.project, run.run_id), strict=True))


@pytest.mark.parametrize("variant", ["fargate", "ec2-spot"])
def test_what_ecs_does_for_a_job_is_to_pull_images_and_write_its_log(package: Packager, variant: str) -> None:
    template = package(variant)
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]

    assert of_role(template, "ExecutionRole") == {
        statement("ecr:GetAuthorizationToken", "*"),
        statement(pull, arns("ecr", "repository/*")),
        statement(["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::GetAtt": ["JobLogGroup", "Arn"]}),
    }
    for role in ("ExecutionRole", "JobRole"):
        (trust,) = template.properties(role)["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
        assert "ManagedPolicyArns" not in template.properties(role)


@pytest.mark.parametrize("variant", ["fargate", "ec2-spot"])
def test_a_job_may_read_and_write_data_and_no_more(package: Packager, variant: str) -> None:
    def places(*names: str) -> list[dict[str, str]]:
        return [{"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{name}"} for name in names]

    find = ["GetBucketLocation", "ListBucket", "ListBucketMultipartUploads", "ListBucketVersions"]
    use = [
        "AbortMultipartUpload",
        "DeleteObject",
        "GetObject",
        "GetObjectVersion",
        "ListMultipartUploadParts",
        "PutObject",
    ]
    assert of_role(package(variant), "JobRole") == {
        statement([f"s3:{action}" for action in find], places("flights", "shared")),
        statement([f"s3:{action}" for action in use], places("flights/*", "shared/raw/*")),
        statement("lambda:InvokeFunction", {"Fn::Sub": ARN % ("lambda", "function:${AWS::StackName}-next_group")}),
    }


def test_hosts_have_what_aws_says_that_their_agent_needs(package: Packager) -> None:
    role = package("ec2-spot").properties("InstanceRole")

    policy = "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
    assert (role["ManagedPolicyArns"], "Policies" in role) == ([{"Fn::Sub": policy}], False)
    assert "InstanceRole" not in package("fargate").resources


def test_alarms_of_this_account_alone_may_write_to_the_topic(template: Template) -> None:
    (policy,) = template.of_type("AWS::SNS::TopicPolicy").values()

    assert policy["PolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": {"Ref": "AlarmTopic"},
            "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        }
    ]
