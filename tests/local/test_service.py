"""Which service is provisioned, and which parts of it are understood."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch.local import EmbeddedAws, TemplateError, service_root
from kedro_aws_batch.local.template import Made, Resolver, read_service
from kedro_aws_batch.local.variables import Variables

from .support import write_service

if TYPE_CHECKING:
    from pathlib import Path

HANDLER = {"look": "import os\n\ndef handler(event, context):\n    return dict(os.environ)\n"}


def resolver() -> Resolver:
    resources = {"Queue": Made("https://queue", {"Arn": "arn:queue"})}
    return Resolver({"Names": ["a", "b"], "AWS::Region": "us-east-1"}, lambda name: resources[name])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Queue"}, "https://queue"),
        ({"Ref": "Names"}, ["a", "b"]),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:queue"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:queue"),
        ({"Fn::Join": [",", {"Ref": "Names"}]}, "a,b"),
        ({"Fn::Sub": "${Queue.Arn}/${AWS::Region}/${!kept}"}, "arn:queue/us-east-1/${kept}"),
        ({"Fn::Sub": ["${x}-${Queue}", {"x": {"Ref": "AWS::Region"}}]}, "us-east-1-https://queue"),
        ({"Fn::Select": [1, {"Ref": "Names"}]}, "b"),
        ({"Fn::Split": ["-", "x-y"]}, ["x", "y"]),
        ({"a": [{"Ref": "Queue"}, 1, True, None]}, {"a": ["https://queue", 1, True, None]}),
    ],
)
def test_an_intrinsic_function_is_evaluated(value: Any, expected: Any) -> None:
    assert resolver().resolve(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${param:size}", 3),
        ("${param:size, 4}", 3),
        ("${param:absent, 4}", 4),
        ("${param:absent, 'none'}", "none"),
        ("a ${param:size} b ${param:name}", "a 3 b dev"),
        ("${file(packaged.json):arns}", ["arn:us-east-1"]),
        ({"prefix": "${file(packaged.json):project}--"}, {"prefix": "flights--"}),
        ("${param:absent, file(packaged.json):absent, file(packaged.json):project, 4}", "flights"),
        ("${file(settings.yml):size}", 3),
        ("${file(settings.yml):of.${opt:stage, 'dev'}.kept, true}", False),
        ("${file(settings.yml):of.${opt:stage, 'prod'}.kept, true}", True),
        ("${file(${file(settings.yml):file}.yml):size}", 3),
    ],
)
def test_a_variable_of_osls_is_filled_in(value: Any, expected: Any, tmp_path: Path) -> None:
    packaged = {"arns": [{"Fn::Sub": "arn:${AWS::Region}"}], "project": "flights"}
    (tmp_path / "settings.yml").write_text("size: '${param:size, 4}'\nof: {dev: {kept: false}}\nfile: settings\n")
    variables = Variables({"size": 3, "name": "dev"}, packaged, tmp_path)

    assert Resolver({"AWS::Region": "us-east-1"}, lambda _: Made("", {}), variables).resolve(value) == expected


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"Fn::Equals": [{"Ref": "Stage"}, "dev"]}, True),
        ({"Fn::Not": [{"Fn::Equals": [{"Ref": "Stage"}, "dev"]}]}, False),
        ({"Fn::And": [{"Condition": "IsDev"}, {"Fn::Equals": ["a", "b"]}]}, False),
        ({"Fn::Or": [{"Condition": "IsDev"}, {"Fn::Equals": ["a", "b"]}]}, True),
    ],
)
def test_a_condition_chooses_and_leaves_out(condition: Any, holds: bool) -> None:
    conditions = {"IsDev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]}, "Chosen": condition}
    conditional = Resolver({"Stage": "dev"}, lambda _: Made("", {}), conditions=conditions)
    value = {
        "a": {"Fn::If": ["Chosen", 1, {"Ref": "AWS::NoValue"}]},
        "b": [{"Fn::If": ["Chosen", {"Ref": "AWS::NoValue"}, 2]}],
    }

    assert conditional.resolve(value) == ({"a": 1, "b": []} if holds else {"b": [2]})


@pytest.mark.parametrize("value", [{"Fn::If": ["a", 1, 2]}, "${self:service}", {"Fn::GetAtt": ["Queue", "Color"]}])
def test_what_is_not_understood_is_an_error(value: Any) -> None:
    with pytest.raises(TemplateError):
        resolver().resolve(value)


def test_resources_that_refer_to_each_other_are_an_error_with_the_cycle() -> None:
    resources = {"A": {"Ref": "B"}, "B": {"Ref": "A"}}

    def make(name: str) -> Made:
        return Made(str(circular.resolve(resources[name])), {})

    circular = Resolver({}, make)

    with pytest.raises(TemplateError, match="A → B → A"):
        circular.resolve({"Ref": "A"})


def test_includes_and_defaults_are_followed(tmp_path: Path) -> None:
    root = write_service(
        tmp_path / "service",
        HANDLER,
        provider={"name": "aws", "environment": {"LEVEL": "INFO", "OWN": "no"}},
        functions={"look": {"handler": "handlers/look.handler", "environment": {"OWN": "yes"}}},
        resources=["${file(resources/queue.yml)}"],
    )
    (root / "resources").mkdir()
    (root / "resources/queue.yml").write_text("Resources:\n  Queue: {Type: 'AWS::SQS::Queue'}\n")

    service = read_service(root)

    assert list(service.resources) == ["Queue"]
    (function,) = service.functions
    assert (function.timeout, function.memory) == (6, 1024)
    assert function.environment == {"LEVEL": "INFO", "OWN": "yes"}


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ({"Type": "AWS::StepFunctions::StateMachine"}, "StateMachine, which the embedded AWS does not know"),
        ({"Type": "AWS::SQS::Queue", "Condition": "IsProduction"}, "There is no condition IsProduction"),
        ({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "${param:queue}"}}, "no value for this parameter"),
        ({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "${file(packaged.json):q}"}}, "holds no such thing"),
    ],
)
def test_a_resource_that_is_not_known_is_an_error(tmp_path: Path, resource: Any, message: str) -> None:
    root = write_service(tmp_path / "service", HANDLER, resources={"Resources": {"Odd": resource}})

    with pytest.raises(TemplateError, match=message), EmbeddedAws(service=root):
        pass


def test_a_parameter_without_a_value_is_an_error(tmp_path: Path) -> None:
    parameters = {"Parameters": {"Topic": {"Type": "String"}, "Level": {"Type": "String", "Default": "INFO"}}}
    root = write_service(tmp_path / "service", HANDLER, resources=parameters)

    with pytest.raises(TemplateError, match="no value: Topic"), EmbeddedAws(service=root):
        pass


def test_parameters_follow_from_queues_and_definitions_and_can_be_given(tmp_path: Path) -> None:
    names = ("JobQueues", "JobQueueArns", "JobDefinitions", "Mine")
    root = write_service(
        tmp_path / "service",
        HANDLER,
        provider={"name": "aws", "environment": {name: {"Fn::Join": [",", {"Ref": name}]} for name in names}},
        resources={"Parameters": {name: {"Type": "CommaDelimitedList"} for name in names}},
    )

    with EmbeddedAws(
        service=root, job_queue="q", job_definition="d", job_queues={"big": 64}, parameters={"Mine": "x, y"}
    ) as aws:
        answer = aws.client("lambda").invoke(FunctionName=aws.function_name("look"))
        seen = json.loads(answer["Payload"].read())

    queue_arn = "arn:aws:batch:us-east-1:123456789012:job-queue/"
    assert {name: seen[name] for name in names} == {
        "JobQueues": "q,big",
        "JobQueueArns": f"{queue_arn}q,{queue_arn}big",
        "JobDefinitions": "d",
        "Mine": "x,y",
    }


def test_the_service_of_this_checkout_is_found_and_provisioned() -> None:
    root = service_root()

    with EmbeddedAws(service=root) as aws:
        functions = {each["FunctionName"] for each in aws.client("lambda").list_functions()["Functions"]}
        mappings = aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        rules = aws.client("events").list_rules()["Rules"]
        tables = aws.client("dynamodb").list_tables()["TableNames"]

    assert {aws.function_name(each) for each in ("start_run", "job_state_change", "reconcile")} <= functions
    assert [mapping["FunctionResponseTypes"] for mapping in mappings] == [["ReportBatchItemFailures"]]
    assert tables == ["kedro-aws-batch-local-RunTable"]
    patterns = [json.loads(rule["EventPattern"]) for rule in rules if "EventPattern" in rule]
    queue_arn = f"arn:aws:batch:us-east-1:123456789012:job-queue/{aws.job_queue}"
    assert [pattern["detail"]["jobQueue"] for pattern in patterns] == [[queue_arn]] * 2
    assert {pattern["detail-type"][0] for pattern in patterns} == {"Batch Job State Change", "Batch Job Queue Blocked"}
    assert [rule["ScheduleExpression"] for rule in rules if "ScheduleExpression" in rule] == ["rate(1 minute)"]


def test_a_resource_is_made_if_its_condition_holds(tmp_path: Path) -> None:
    template = {
        "Parameters": {"Queues": {"Type": "String", "Default": "${param:queues}"}},
        "Conditions": {"Both": {"Fn::Equals": [{"Ref": "Queues"}, "both"]}},
        "Resources": {
            "First": {"Type": "AWS::SQS::Queue"},
            "Second": {"Type": "AWS::SQS::Queue", "Condition": "Both"},
        },
    }
    made = {}

    for number, queues in enumerate(("one", "both")):
        params = {"default": {"queues": "none"}, "dev": {"queues": queues}}
        root = write_service(tmp_path / str(number), HANDLER, resources=template, params=params)
        with EmbeddedAws(service=root) as aws:
            made[queues] = [url.rpartition("-")[2] for url in aws.client("sqs").list_queues()["QueueUrls"]]

    assert made == {"one": ["First"], "both": ["First", "Second"]}


def test_a_file_is_included_by_a_parameter_and_events_come_from_what_was_packaged(tmp_path: Path) -> None:
    root = write_service(
        tmp_path / "service",
        HANDLER,
        functions={"look": {"handler": "handlers/look.handler", "events": "${file(packaged.json):schedules}"}},
        params={"default": {"batch": "${file(packaged.json):launchType}"}},
        resources=["${file(resources/${param:batch}.yml)}"],
    )
    (root / "resources").mkdir()
    (root / "resources/own.yml").write_text("Resources:\n  Queue: {Type: 'AWS::SQS::Queue'}\n")

    service = read_service(root, {"batch": "own"}, {"schedules": [{"schedule": "rate(1 day)"}]})

    assert list(service.resources) == ["Queue"]
    assert service.functions[0].events == [{"schedule": "rate(1 day)"}]


def test_only_jobs_of_the_graphs_project_are_heard_of(tmp_path: Path) -> None:
    graph = tmp_path / "graph.json"
    graph.write_text('{"project": "flights"}')

    with EmbeddedAws(service=service_root(), graph_document=graph) as aws:
        rules = aws.client("events").list_rules()["Rules"]

    patterns = [json.loads(rule["EventPattern"]) for rule in rules if "EventPattern" in rule]
    assert [pattern["detail"]["jobName"] for pattern in patterns] == [[{"prefix": "flights--"}]] * 2
