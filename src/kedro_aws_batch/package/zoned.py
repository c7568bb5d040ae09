"""Schedules in local time: EventBridge Scheduler's, since a rule of an event bus knows UTC alone."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import available_timezones

from kedro_aws_batch._service.dag.errors import did_you_mean

Json = dict[str, Any]

#: What the resources are called in the template; of schedules the number follows.
ROLE, SCHEDULE = "SchedulerRole", "ZonedSchedule"
#: What Scheduler puts there: the same however often it tries to invoke the function for one point of time.
POINT_OF_TIME = "<aws.scheduler.scheduled-time>"
_FORM = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_START_RUN = {
    "Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-start_run"
}


def wrong_zone(zone: Any, expression: str) -> str | None:
    """Return why an expression can't be kept in a time zone, as `has …`, or None.

    Slim images have no list of time zones. There only the form is looked at, and CloudFormation says the rest.
    """
    known = available_timezones()
    if not isinstance(zone, str) or not _FORM.fullmatch(zone) or (known and zone not in known):
        return f"has {zone!r} as 'timezone', which is none, as Europe/Berlin is.{did_you_mean(str(zone), known)}"
    if expression.startswith("rate("):
        return "has a 'timezone', which rate(…) doesn't know: only cron(…) means a time of day."
    return None


def zoned_schedule(zone: str, expression: str, description: str, request: str) -> Json:
    """Return the resource that starts a run by the clock of a time zone."""
    return {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "Description": description,
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": zone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": _START_RUN, "RoleArn": {"Fn::GetAtt": [ROLE, "Arn"]}, "Input": request},
        },
    }


def zoned_template(schedules: list[Json]) -> Json:
    """Return the part of the stack that schedules in local time need: none without any."""
    if not schedules:
        return {"Resources": {}}
    named = {f"{SCHEDULE}{number}": each for number, each in enumerate(schedules, start=1)}
    return {"Resources": {ROLE: _role(), **named}}


def _role() -> Json:
    """Return the role in which Scheduler invokes start_run: it may do that, and nothing else."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "scheduler.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
    may = {"Sid": "StartRuns", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": _START_RUN}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Description": "What EventBridge Scheduler may do",
            "Path": {"Ref": "RolePath"},
            "PermissionsBoundary": {"Fn::If": ["BoundRoles", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]},
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [{"PolicyName": "start_run", "PolicyDocument": {"Version": "2012-10-17", "Statement": [may]}}],
        },
    }
