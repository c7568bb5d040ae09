"""The template that osls makes, in each variant, beyond what linters check."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from runs.counting import Count

from .conftest import ROOT, Packager, Template

FUNCTIONS = {"start_run", "job_state_change", "reconcile", "next_group", "describe_run", "list_runs", "cancel_run"}

READ = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"}
WRITE = {"dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
SUBMIT = {"batch:SubmitJob", "batch:TagResource", "batch:TerminateJob"}
LOOK = {"batch:DescribeComputeEnvironments", "batch:DescribeJobDefinitions", "batch:DescribeJobQueues"}
TELL = {"events:PutEvents", "sqs:SendMessage"}
LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
#: All that each function may do.
ACTIONS = {
    "start_run": LOG | READ | WRITE | SUBMIT | TELL | LOOK,
    "job_state_change": LOG
    | READ
    | WRITE
    | SUBMIT
    | TELL
    | {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "batch:ListJobs"},
    "reconcile": LOG
    | READ
    | WRITE
    | SUBMIT
    | TELL
    | {"dynamodb:DeleteItem", "batch:DescribeJobQueues", "batch:DescribeJobs", "batch:ListJobs"},
    "next_group": LOG | READ | WRITE | SUBMIT | TELL | {"batch:DescribeJobs"},
    "describe_run": LOG | {"dynamodb:GetItem", "dynamodb:Query", "batch:DescribeJobs"},
    "list_runs": LOG | {"dynamodb:BatchGetItem", "dynamodb:Query"},
    "cancel_run": LOG
    | {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"}
    | {"batch:TerminateJob", "events:PutEvents", "sqs:SendMessage"},
}
#: For these AWS knows no resource but all.
WILD = {*LOOK, "batch:DescribeJobs", "batch:ListJobs", "ecr:GetAuthorizationToken"}


def functions(template: Template) -> dict[str, dict[str, Any]]:
    """Return the functions' properties by their keys in serverless.yml."""
    prefix = "kedro-aws-batch-dev-"
    made = template.of_type("AWS::Lambda::Function").values()
    return {each["FunctionName"].removeprefix(prefix): each for each in made}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(template: Template, role: str) -> Iterator[dict[str, Any]]:
    for policy in template.properties(role).get("Policies", []):
        yield from policy["PolicyDocument"]["Statement"]


def role_of(template: Template, function: str) -> str:
    reference = functions(template)[function]["Role"]["Fn::GetAtt"]
    assert reference[1] == "Arn"
    return str(reference[0])


def text_of(resource: Any) -> str:
    """Return a resource of a statement as one line."""
    return resource if isinstance(resource, str) else str(next(iter(resource.values())))


def test_each_function_has_a_role_of_its_own_with_exactly_its_actions(template: Template) -> None:
    roles = {function: role_of(template, function) for function in functions(template)}

    assert set(roles) == FUNCTIONS
    assert len(set(roles.values())) == len(FUNCTIONS)
    actions = {
        function: {action for each in statements(template, role) for action in as_list(each["Action"])}
        for function, role in roles.items()
    }
    assert actions == ACTIONS


def test_no_statement_is_open_but_where_aws_allows_only_that(template: Template) -> None:
    open_to_all = {
        action
        for role in template.of_type("AWS::IAM::Role")
        for each in statements(template, role)
        if "*" in map(text_of, as_list(each["Resource"]))
        for action in as_list(each["Action"])
    }
    all_actions = {
        action
        for role in template.of_type("AWS::IAM::Role")
        for each in statements(template, role)
        for action in as_list(each["Action"])
    }

    assert open_to_all <= WILD
    assert not [action for action in all_actions if "*" in action or action.startswith(("iam:", "sts:", "kms:"))]


def test_nothing_may_pass_a_role_and_only_aws_may_assume_one(template: Template) -> None:
    text = json.dumps(template.body)

    assert "PassRole" not in text
    trusted = {
        json.dumps(each["Principal"])
        for role in template.of_type("AWS::IAM::Role").values()
        for each in role["AssumeRolePolicyDocument"]["Statement"]
    }
    services = {"lambda.amazonaws.com", "scheduler.amazonaws.com", "ecs-tasks.amazonaws.com", "ec2.amazonaws.com"}
    assert trusted <= {json.dumps({"Service": service}) for service in services}


def test_only_our_rules_may_send_to_our_queues(template: Template) -> None:
    (policy,) = template.of_type("AWS::SQS::QueuePolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    rules = [name for name in template.of_type("AWS::Events::Rule") if "Schedule" not in name]

    assert policy["Queues"] == [{"Ref": "EventsQueue"}, {"Ref": "DeadLetterQueue"}]
    assert (statement["Principal"], statement["Action"]) == ({"Service": "events.amazonaws.com"}, "sqs:SendMessage")
    assert statement["Condition"] == {
        "ArnEquals": {"aws:SourceArn": [{"Fn::GetAtt": [rule, "Arn"]} for rule in sorted(rules, reverse=True)]}
    }
    senders = {name for name, role in template.of_type("AWS::IAM::Role").items() if "sqs:SendMessage" in str(role)}
    assert senders == {"StartRunRole", "JobStateChangeRole", "ReconcileRole", "NextGroupRole", "CancelRunRole"}


def test_what_can_not_be_handled_or_delivered_is_kept(template: Template) -> None:
    queue, dead = template.properties("EventsQueue"), template.properties("DeadLetterQueue")
    letters = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}

    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": letters, "maxReceiveCount": 5}
    assert dead["MessageRetentionPeriod"] == 14 * 86_400
    for name in ("JobStateChangeRule", "JobQueueBlockedRule"):
        (target,) = template.properties(name)["Targets"]
        assert target["DeadLetterConfig"] == {"Arn": letters}
        assert target["Arn"] == {"Fn::GetAtt": ["EventsQueue", "Arn"]}


def test_a_message_stays_hidden_for_as_long_as_lambda_advises(template: Template) -> None:
    (mapping,) = template.of_type("AWS::Lambda::EventSourceMapping").values()
    timeout = functions(template)["job_state_change"]["Timeout"]
    window = mapping.get("MaximumBatchingWindowInSeconds", 0)

    assert template.properties("EventsQueue")["VisibilityTimeout"] >= 6 * timeout + window
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 5}
    assert mapping["BatchSize"] <= 10 or window >= 1


def test_the_longest_invocation_is_the_longest_timeout(template: Template) -> None:
    longest = max(each["Timeout"] for each in functions(template).values())

    told = {each["Environment"]["Variables"]["LONGEST_INVOCATION_SECONDS"] for each in functions(template).values()}
    assert told == {str(longest)}


def test_rules_hear_of_our_queues_and_jobs_alone(template: Template) -> None:
    queue = {"Fn::Sub": "arn:${AWS::Partition}:batch:${AWS::Region}:${AWS::AccountId}:job-queue/flights_queue"}
    ours = {"jobQueue": [queue], "jobName": [{"prefix": "golden_flights--"}]}

    assert template.properties("JobStateChangeRule")["EventPattern"] == {
        "source": ["aws.batch"],
        "detail-type": ["Batch Job State Change"],
        "detail": {"status": ["SUCCEEDED", "FAILED"], **ours},
    }
    assert template.properties("JobQueueBlockedRule")["EventPattern"] == {
        "source": ["aws.batch"],
        "detail-type": ["Batch Job Queue Blocked"],
        "detail": ours,
    }


def test_all_functions_are_of_one_zip_on_the_python_that_made_it(template: Template) -> None:
    made = functions(template).values()

    assert len({json.dumps(each["Code"]) for each in made}) == 1
    assert {(each["Runtime"], tuple(each["Architectures"])) for each in made} == {(_running(), ("arm64",))}
    assert all(each["Environment"]["Variables"]["JOB_QUEUES"] == "flights_queue" for each in made)


def _running() -> str:
    import sys  # noqa: PLC0415

    return f"python3.{sys.version_info.minor}"


def test_every_log_is_kept_for_a_while_and_no_longer(template: Template) -> None:
    logs = template.of_type("AWS::Logs::LogGroup")

    assert len(logs) >= len(FUNCTIONS)
    assert {each["RetentionInDays"] for each in logs.values()} == {30}


@pytest.mark.parametrize(("stage", "protected", "policy"), [("dev", False, "Delete"), ("prod", True, "Retain")])
def test_the_table_outlives_the_stack_unless_the_stage_is_for_play(
    package: Packager, stage: str, protected: bool, policy: str
) -> None:
    table = package("own", stage).resources["RunTable"]

    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == (policy, policy)
    assert table["Properties"]["DeletionProtectionEnabled"] is protected


def test_the_table_is_encrypted_recoverable_and_forgets(template: Template) -> None:
    table = template.properties("RunTable")

    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert (table["SSESpecification"]["SSEEnabled"], table["SSESpecification"]["SSEType"]) == (True, "KMS")
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_runs_start_by_the_clock_with_the_events_id_as_key(template: Template) -> None:
    rules = {
        each["ScheduleExpression"]: each["Targets"][0]
        for each in template.of_type("AWS::Events::Rule").values()
        if "ScheduleExpression" in each
    }

    assert set(rules) == {"rate(1 minute)", "cron(0 3 * * ? *)", "rate(12 hours)"}
    transformer = rules["cron(0 3 * * ? *)"]["InputTransformer"]
    mark = template.schedule_mark
    assert re.fullmatch("[0-9a-f]{32}", mark)
    assert transformer["InputPathsMap"] == {"id": "$.id"}
    assert json.loads(transformer["InputTemplate"]) == {
        "pipeline": "__default__",
        "params": {"rate": 0.5},
        "idempotency_key": f"schedule:{mark}:<id>",
    }
    permitted = template.of_type("AWS::Lambda::Permission").values()
    assert {each["Principal"] for each in permitted} == {"events.amazonaws.com"}
    assert all("SourceArn" in each for each in permitted)


def test_runs_start_by_the_clock_of_a_time_zone_in_a_role_that_may_do_nothing_else(template: Template) -> None:
    (schedule,) = template.of_type("AWS::Scheduler::Schedule").values()
    target = schedule["Target"]
    sent = json.loads(target.pop("Input"))
    key = sent.pop("idempotency_key")
    start_run = target.pop("Arn")

    assert schedule["ScheduleExpression"] == "cron(0 6 ? * MON-FRI *)"
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert sent == {"pipeline": "__default__"}
    mark = template.properties("StartUnderscorerunLambdaFunction")["Environment"]["Variables"]["SCHEDULE_MARK"]
    assert re.fullmatch(rf"schedule:{mark}:[0-9a-f]{{16}}:<aws\.scheduler\.scheduled-time>", key)
    assert target == {"RoleArn": {"Fn::GetAtt": ["SchedulerRole", "Arn"]}}
    role = template.properties("SchedulerRole")
    (may,) = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert (may["Action"], may["Resource"]) == ("lambda:InvokeFunction", start_run)
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_each_alarm_reaches_the_topic_and_has_a_place_in_the_runbook(template: Template) -> None:
    runbook = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    alarms = template.of_type("AWS::CloudWatch::Alarm")

    assert set(alarms) == {
        "DeadLettersAlarm",
        "OldestMessageAlarm",
        "FunctionErrorsAlarm",
        "FailedRunsAlarm",
        "StalledRunsAlarm",
        "ReconcileStoppedAlarm",
        "LostEventsAlarm",
    }
    assert all(each["AlarmActions"] == [{"Ref": "AlarmTopic"}] for each in alarms.values())
    assert [name for name in alarms if f"## {name}" not in runbook] == []
    hidden = template.properties("EventsQueue")["VisibilityTimeout"]
    assert (alarms["OldestMessageAlarm"]["Threshold"], f"more than {2 * hidden // 60} minutes" in runbook) == (
        720,
        True,
    )
    assert (alarms["StalledRunsAlarm"]["EvaluationPeriods"], "for six hours (`stalled_hours`)" in runbook) == (6, True)
    watched = {
        each["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
        for each in alarms["FunctionErrorsAlarm"]["Metrics"]
        if "MetricStat" in each
    }
    assert watched == FUNCTIONS


def test_the_dashboard_shows_what_the_functions_measure(template: Template) -> None:
    (dashboard,) = template.of_type("AWS::CloudWatch::Dashboard").values()
    body = json.loads(re.sub(r"\$\{[^}]+\}", "x", dashboard["DashboardBody"]["Fn::Sub"]))
    shown = {
        line[1] for widget in body["widgets"] for line in widget["properties"]["metrics"] if line[0] == "KedroAwsBatch"
    }

    assert shown == {one.value for one in Count}


def test_what_the_functions_measure_is_in_the_runbook() -> None:
    runbook = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    measured = runbook.partition("## What the service measures")[2]
    assert set(re.findall(r"^\| `(\w+)` ", measured, re.MULTILINE)) == {one.value for one in Count}


def test_an_alarm_that_waits_for_a_sign_of_life_takes_silence_for_none(template: Template) -> None:
    alarms = template.of_type("AWS::CloudWatch::Alarm")
    below = {name: each for name, each in alarms.items() if each["ComparisonOperator"].startswith("Less")}
    assert {name: each["TreatMissingData"] for name, each in below.items()} == {"ReconcileStoppedAlarm": "breaching"}


def test_a_large_run_may_be_handed_over_more_often_than_lambda_lets_a_loop_go_on(template: Template) -> None:
    """Lambda drops a function's messages to its own queue after 16 rounds, unless the function allows such loops."""
    assert {name: each["RecursiveLoop"] for name, each in functions(template).items() if "RecursiveLoop" in each} == {
        "job_state_change": "Allow"
    }


def test_every_setting_is_a_param_of_its_name_and_is_used() -> None:
    settings = ROOT / "resources/settings.yml"
    declared = yaml.safe_load(settings.read_text(encoding="utf-8"))
    del declared["by_stage"]
    files = {ROOT / "serverless.yml", *(ROOT / "resources").rglob("*.yml")} - {settings}
    text = "".join(path.read_text(encoding="utf-8") for path in files)

    assert [name for name, value in declared.items() if not value.startswith(f"${{param:{name}, ")] == []
    assert set(re.findall(r"file\(resources/settings\.yml\):(\w+)\}", text)) == set(declared)
    assert "${param:" not in text


KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"


@pytest.mark.parametrize("variant", ["own", "fargate", "ec2-spot"])
def test_every_role_is_bound_and_lies_below_the_path(package: Packager, variant: str) -> None:
    template = package(variant, permissions_boundary=BOUNDARY, role_path="/teams/ml/", kms_key=KEY)
    given = ("PermissionsBoundary", "RolePath", "KmsKey")
    defaults = {name: template.body["Parameters"][name]["Default"] for name in given}
    bound = {"Fn::If": ["BoundRoles", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]}

    assert defaults == {"PermissionsBoundary": BOUNDARY, "RolePath": "/teams/ml/", "KmsKey": KEY}
    roles = template.of_type("AWS::IAM::Role")
    assert {name for name, each in roles.items() if each.get("PermissionsBoundary") != bound} == set()
    profiles = template.of_type("AWS::IAM::InstanceProfile")
    assert {name for name, each in {**roles, **profiles}.items() if each["Path"] != {"Ref": "RolePath"}} == set()


def test_the_stack_says_what_it_is_and_where_its_parts_are(template: Template) -> None:
    assert template.body["Description"].startswith(
        "Runs the pipelines of the Kedro project golden_flights on AWS Batch"
    )
    outputs = template.body["Outputs"]
    assert outputs["StartRunArn"]["Value"] == {"Fn::GetAtt": ["StartUnderscorerunLambdaFunction", "Arn"]}
    for name in ("RunTable", "EventsQueue", "DeadLetterQueue"):
        assert outputs[name]["Value"] == {"Ref": name}


def test_tags_of_ones_own_are_the_stack_s(template: Template) -> None:
    state = json.loads((template.path.parent / "serverless-state.json").read_text(encoding="utf-8"))
    assert state["service"]["provider"]["stackTags"] == {"team": "ml"}
