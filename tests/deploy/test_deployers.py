"""The deployer's policy of docs/deploy.md, against AWS's own account of what the stack's resources need."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from .conftest import ROOT, Packager

#: Calls of handlers for features that the templates don't use, by the handlers' names.
UNUSED = re.compile(
    r"(eks|elasticfilesystem|firehose|kinesis|kms|s3tables|s3files|codeguru-profiler|codedeploy|secretsmanager):.*"
    r"|lambda:(GetLayerVersion|.*CodeSigningConfig|PassCapacityProvider)"
    r"|logs:(.*ResourcePolic.*|CreateLogDelivery)"  # those of Lambda's and EC2's own deliveries
    r"|iam:.*(User|Group)Policy"  # of policies for users and groups
    r"|s3:REST.PUT.OBJECT"  # no action of IAM's
    r"|batch:SetCapacityTags",  # likewise
    re.IGNORECASE,
)


def allowed() -> list[str]:
    """Return the patterns of actions that a deployer may, in lower case."""
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8").split("## Who may deploy")[1]
    policy = json.loads(page.split("```json\n")[1].split("```")[0])
    actions = [statement["Action"] for statement in policy["Statement"]]
    return [one.lower() for each in actions for one in ([each] if isinstance(each, str) else each)]


def may(action: str) -> bool:
    """Return whether the policy lets a deployer call an action; IAM ignores case."""
    return any(fnmatchcase(action.lower(), pattern) for pattern in allowed())


def of_handlers(kind: str) -> set[str]:
    """Return the calls that CloudFormation makes, according to AWS, in the deployer's name for a type of resources."""
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema.get("handlers", {})
    return {action for each in handlers.values() for action in each.get("permissions", ())}


@pytest.mark.parametrize("variant", ["own", "fargate", "ec2-spot"])
def test_a_deployer_may_make_change_and_delete_all_of_the_stack(package: Packager, variant: str) -> None:
    kinds = {each["Type"] for each in package(variant).resources.values()}
    needed = {action for kind in kinds for action in of_handlers(kind) if not UNUSED.fullmatch(action)}
    assert len(needed) > 100
    assert sorted(action for action in needed if not may(action)) == []


def test_a_deployer_may_nothing_of_others() -> None:
    others = ("iam:CreateUser", "iam:CreatePolicy", "ecr:PutImage", "batch:SubmitJob", "ec2:RunInstances")
    assert not any(map(may, others))
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8").split("## Who may deploy")[1]
    policy = json.loads(page.split("```json\n")[1].split("```")[0])
    open_ones = {one["Sid"] for one in policy["Statement"] if one["Resource"] == "*"}
    assert open_ones == {"Look", "ServiceLinkedRole"}
