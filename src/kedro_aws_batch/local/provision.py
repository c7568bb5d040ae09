"""Creates what serverless.yml declares, with the API calls that CloudFormation would make.

Unknown resources are errors and not left out, so that a local run
tests what is deployed.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.local.errors import TemplateError
from kedro_aws_batch.local.jsons import Json
from kedro_aws_batch.local.roles import role_arn
from kedro_aws_batch.local.template import FunctionDeclaration, Made, Resolver, ServiceTemplate

if TYPE_CHECKING:
    from kedro_aws_batch.local.place import Place

#: Resource types that the embedded AWS needn't make, and why.
IGNORED = {
    "AWS::CloudWatch::Alarm": "there are no metrics here",
    "AWS::CloudWatch::Dashboard": "there are no metrics here",
    "AWS::IAM::ManagedPolicy": "permissions are not enforced here",
    "AWS::IAM::Policy": "permissions are not enforced here",
    "AWS::IAM::Role": "permissions are not enforced here",
    "AWS::IAM::RolePolicy": "permissions are not enforced here",
    "AWS::Lambda::EventInvokeConfig": "asynchronous invocations are retried as Lambda's defaults say",
    "AWS::Lambda::Permission": "permissions are not enforced here",
    "AWS::Logs::MetricFilter": "there are no metrics here",
    "AWS::SNS::Subscription": "nothing here raises an alarm",
    "AWS::SNS::Topic": "nothing here raises an alarm",
    "AWS::SNS::TopicPolicy": "permissions are not enforced here",
    "AWS::SQS::QueuePolicy": "permissions are not enforced here",
}


@dataclass(frozen=True)
class Deployment:
    """The settings of a service's deployment here."""

    prefix: str
    parameters: Mapping[str, Any]
    #: Added to every function's environment.
    environment: Mapping[str, str]


class Provisioner:
    """Creates one service's resources and functions."""

    def __init__(
        self, service: ServiceTemplate, deployment: Deployment, place: Place, client: Callable[[str], Any]
    ) -> None:
        self._service = service
        self._deployment = deployment
        self._place = place
        self._client = client
        self._made: dict[str, Made] = {}
        self._resolver = Resolver(
            parameters=self._parameters(), make=self._make, variables=service.variables, conditions=service.conditions
        )
        self._makers: dict[str, Callable[[str, Json], Made]] = {
            "AWS::DynamoDB::Table": self._table,
            "AWS::Events::Rule": self._rule,
            "AWS::Logs::LogGroup": self._log_group,
            "AWS::S3::Bucket": self._bucket,
            "AWS::SQS::Queue": self._queue,
        }

    def provision(self) -> list[str]:
        """Create everything, and return the functions' names."""
        for name, declared in self._service.resources.items():
            if "Condition" not in declared or self._resolver.holds(declared["Condition"]):
                self._make(name)
        return [self._function(each) for each in self._service.functions]

    def _parameters(self) -> Json:
        given, declared = dict(self._deployment.parameters), self._service.parameters
        missing = [name for name, each in declared.items() if name not in given and "Default" not in each]
        if missing:
            raise TemplateError(f"These parameters have no value: {', '.join(missing)}. Pass them as 'parameters'.")
        values: Json = {
            "AWS::AccountId": self._place.account,
            "AWS::Partition": "aws",
            "AWS::Region": self._place.region,
            "AWS::StackName": self._deployment.prefix,
            "AWS::URLSuffix": "amazonaws.com",
        }
        for name, each in declared.items():
            value = given.get(name, each.get("Default"))
            value = self._service.variables.fill(value) if isinstance(value, str) else value
            if "List" in each["Type"] and isinstance(value, str):
                value = [part.strip() for part in value.split(",")]
            values[name] = value
        return values

    def _make(self, name: str) -> Made:
        if name not in self._made:
            declared = self._service.resources.get(name)
            if declared is None:
                raise TemplateError(f"{name} is referred to, but is neither a parameter nor a resource.")
            self._made[name] = self._make_resource(name, declared)
        return self._made[name]

    def _make_resource(self, name: str, declared: Json) -> Made:
        kind = declared["Type"]
        if "Condition" in declared and not self._resolver.holds(declared["Condition"]):
            raise TemplateError(f"{name} is referred to, but its condition {declared['Condition']} does not hold.")
        if kind in IGNORED:
            return Made(name, {"Arn": self._place.arn("ignored", name)})
        if kind not in self._makers:
            known = ", ".join(sorted([*self._makers, *IGNORED]))
            raise TemplateError(f"{name} is a {kind}, which the embedded AWS does not know. It knows: {known}.")
        properties = declared.get("Properties") or {}
        return self._makers[kind](name, {key: self._resolver.resolve(each) for key, each in properties.items()})

    def _name(self, logical: str, given: str | None) -> str:
        return given or f"{self._deployment.prefix}-{logical}"

    def _table(self, logical: str, properties: Json) -> Made:
        known = {"AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema", "StreamSpecification"}
        name = self._name(logical, properties.get("TableName"))
        client = self._client("dynamodb")
        kept = {key: each for key, each in properties.items() if key in known}
        arn = client.create_table(TableName=name, **kept)["TableDescription"]["TableArn"]
        if ttl := properties.get("TimeToLiveSpecification"):
            client.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)
        return Made(name, {"Arn": arn})

    def _queue(self, logical: str, properties: Json) -> Made:
        name = self._name(logical, properties.pop("QueueName", None))
        properties.pop("Tags", None)
        attributes = {key: _attribute(each) for key, each in properties.items()}
        url = self._client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return Made(url, {"Arn": self._place.arn("sqs", name), "QueueName": name, "QueueUrl": url})

    def _rule(self, logical: str, properties: Json) -> Made:
        name = self._name(logical, properties.pop("Name", None))
        targets = properties.pop("Targets", [])
        if "EventPattern" in properties:
            properties["EventPattern"] = json.dumps(properties["EventPattern"])
        client = self._client("events")
        arn = client.put_rule(Name=name, **properties)["RuleArn"]
        if targets:
            client.put_targets(Rule=name, Targets=targets)
        return Made(name, {"Arn": arn})

    def _log_group(self, logical: str, properties: Json) -> Made:
        name = self._name(logical, properties.get("LogGroupName"))
        self._client("logs").create_log_group(logGroupName=name)
        return Made(name, {"Arn": self._place.arn("logs", f"log-group:{name}:*")})

    def _bucket(self, logical: str, properties: Json) -> Made:
        name = self._name(logical, properties.get("BucketName")).lower()
        self._client("s3").create_bucket(Bucket=name)
        return Made(name, {"Arn": f"arn:aws:s3:::{name}"})

    def _function(self, declared: FunctionDeclaration) -> str:
        name = f"{self._deployment.prefix}-{declared.key}"
        environment = {key: str(self._resolver.resolve(each)) for key, each in declared.environment.items()}
        created = self._client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role_arn(self._place),
            Handler=declared.handler,
            Code={"ZipFile": _empty_zip()},
            Description=declared.description,
            Timeout=declared.timeout,
            MemorySize=declared.memory,
            Environment={"Variables": {**environment, **self._deployment.environment}},
        )
        self._client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
        for number, event in enumerate(declared.events):
            self._event(declared.key, name, created["FunctionArn"], {**event, "number": number})
        return name

    def _event(self, key: str, name: str, arn: str, event: Json) -> None:
        if "sqs" in event:
            self._mapping(name, event["sqs"])
        elif "schedule" in event:
            self._schedule(f"{name}-schedule-{event['number']}", arn, event["schedule"])
        else:
            kinds = ", ".join(each for each in event if each != "number")
            raise TemplateError(f"Function '{key}' has an event of kind {kinds}; known here are sqs and schedule.")

    def _mapping(self, name: str, declared: Json | str) -> None:
        settings: Json = {"arn": declared} if isinstance(declared, str) or "Fn::GetAtt" in declared else dict(declared)
        arn = self._resolver.resolve(settings.pop("arn"))
        options: Json = {"BatchSize": int(settings.pop("batchSize", 10)), "Enabled": settings.pop("enabled", True)}
        if window := settings.pop("maximumBatchingWindow", 0):
            options["MaximumBatchingWindowInSeconds"] = int(window)
        if concurrency := settings.pop("maximumConcurrency", None):
            options["ScalingConfig"] = {"MaximumConcurrency": int(concurrency)}
        if response := settings.pop("functionResponseType", None):
            options["FunctionResponseTypes"] = [response]
        if settings:
            raise TemplateError(f"{name} reads its queue with options that are not known here: {', '.join(settings)}.")
        self._client("lambda").create_event_source_mapping(FunctionName=name, EventSourceArn=arn, **options)

    def _schedule(self, rule: str, arn: str, declared: Json | str) -> None:
        settings: Json = {"rate": declared} if isinstance(declared, str) else dict(declared)
        rates, description = settings.pop("rate"), settings.pop("description", "")
        state = "ENABLED" if settings.pop("enabled", True) else "DISABLED"
        target: Json = {"Id": "function", "Arn": arn, **_target_input(settings)}
        if settings:
            raise TemplateError(f"The schedule of {arn} has options that are not known here: {', '.join(settings)}.")
        client = self._client("events")
        for number, rate in enumerate([rates] if isinstance(rates, str) else rates):
            name = f"{rule}-{number}"
            client.put_rule(Name=name, ScheduleExpression=rate, State=state, Description=description)
            client.put_targets(Rule=name, Targets=[target])


def _target_input(settings: Json) -> Json:
    """Remove a schedule's input from its settings, and return it in EventBridge's form."""
    target: Json = {}
    if (payload := settings.pop("input", None)) is not None:
        target["Input"] = json.dumps(payload)
    if path := settings.pop("inputPath", None):
        target["InputPath"] = path
    if transformer := settings.pop("inputTransformer", None):
        paths, template = transformer.get("inputPathsMap", {}), transformer["inputTemplate"]
        target["InputTransformer"] = {"InputPathsMap": paths, "InputTemplate": template}
    return target


def _attribute(value: Any) -> str:
    """Return an attribute of a queue in its API's form."""
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _empty_zip() -> bytes:
    """Return an empty zip: the code runs from its directory."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w"):
        pass
    return content.getvalue()
