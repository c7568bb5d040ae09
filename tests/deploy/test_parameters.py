"""The table of a deployment's settings, against the templates that read it and AWS's limits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from kedro_aws_batch.deploy.deployment import DeploymentError, Target
from kedro_aws_batch.deploy.parameters import EC2, FARGATE, OWN, PARAMETERS, wrong_params
from kedro_aws_batch.local.variables import Variables

from .conftest import ROOT, VARIANTS, Packager

SETTINGS = yaml.safe_load((ROOT / "resources/settings.yml").read_text(encoding="utf-8"))
#: Wrong or missing settings that used to go through to CloudFormation, or to a service that was down.
WRONG: dict[str, list[Any]] = {
    "batch": ["fargat", "EC2", ""],
    "region": ["europe", "us-east", "us-east-1a"],
    "image": ["", "x y", "https://registry/x"],
    "subnets": ["", "none", "sg-0123456789abcdef0", "subnet-01234567, subnet-01234568", ["subnet-01234567"]],
    "security_groups": ["", "default", ",".join(f"sg-0123456{number}" for number in range(6))],
    "spot": ["yes", "True", 1],
    "max_vcpus": ["abc", 0, -1, 1.5, "1e3", ""],
    "assign_public_ip": ["enabled", True],
    "instance_types": ["", "m5, c5", "m5;c5", "M5"],
    "fair_share": ["on"],
    "runnable_limit_seconds": [599, 86_401, -1, "1h"],
    "compute_environment_name": ["an environment", "x" * 129],
    "job_role_name": ["a role", "x" * 65],
    "permissions_boundary": ["boundary", "arn:aws:iam::12:policy/x", "arn:aws:iam::123456789012:role/x"],
    "role_path": ["", "teams/ml", "/teams/ml", "//", "/a b/"],
    "kms_key": ["alias/mine", "1234abcd", "arn:aws:kms:us-east-1:123456789012:alias/mine"],
    "alarm_email": ["me", "me@here", "me@example.com, you@example.com"],
    "stalled_hours": [0, 169, "six"],
    "log_retention_days": [0, 10, 31, "forever"],
    "run_retention_days": [0, "abc", 4_000],
    "table_protected": ["yes"],
    "table_deletion_policy": ["Keep", "Snapshot"],
}
RIGHT: dict[str, list[Any]] = {
    "batch": [EC2],
    "region": ["us-east-1", "us-gov-west-1", "ap-southeast-5"],
    "image": ["flights:1", "123456789012.dkr.ecr.us-east-1.amazonaws.com/a/b@sha256:" + "0" * 64],
    "subnets": ["subnet-01234567,subnet-0123456789abcdef0"],
    "security_groups": ["sg-01234567"],
    "spot": ["true", True, False],
    "max_vcpus": [1, "256"],
    "assign_public_ip": ["ENABLED"],
    "instance_types": ["optimal", "g5,m6i.4xlarge,u-6tb1.metal"],
    "fair_share": [True],
    "runnable_limit_seconds": [0, 600, "86400"],
    "compute_environment_name": ["", "spaceflights_env"],
    "job_role_name": ["", "batchJobRole", "a.b@c"],
    "permissions_boundary": ["", "arn:aws:iam::123456789012:policy/a/b", "arn:aws-cn:iam::aws:policy/PowerUserAccess"],
    "role_path": ["/", "/teams/ml/"],
    "kms_key": ["", "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab"],
    "alarm_email": ["", "me@example.com"],
    "stalled_hours": [1, 168],
    "log_retention_days": [1, 3653],
    "run_retention_days": [1, 3650],
    "table_protected": [False],
    "table_deletion_policy": ["Retain", "Delete"],
}
COMPLETE = {"image": "x:1", "subnets": "subnet-01234567", "security_groups": "sg-01234567"}


def settings(**params: Any) -> dict[str, Any]:
    """Return the resulting settings of a stage other than dev."""
    by_stage = {
        name: value.replace("${opt:stage, 'dev'}", "prod") for name, value in SETTINGS.items() if name != "by_stage"
    }
    filled = Variables(params, {"launchType": "ec2"}, ROOT)
    return {name: filled.fill(value) for name, value in by_stage.items()}


def test_every_setting_is_in_the_table_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    found = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in settings().items()}
    follow = {name for name, each in PARAMETERS.items() if each.default is None}

    assert {name: value for name, value in found.items() if name not in follow} == {
        name: each.default for name, each in PARAMETERS.items() if each.default is not None
    }
    assert follow == {"batch", "region"} == set(found) - {name for name in found if name not in follow}


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_a_param_may_be_what_aws_takes_and_nothing_else(name: str) -> None:
    for value in WRONG[name]:
        problems = wrong_params({**COMPLETE, name: value}, EC2)
        assert [problem.where for problem in problems] == [f"param '{name}'"], value
        assert PARAMETERS[name].wanted in problems[0].to_do or "is missing" in problems[0].what
    for value in RIGHT[name]:
        assert wrong_params({**COMPLETE, name: value}, EC2) == [], value


def test_a_default_is_a_value_that_may_be() -> None:
    assert [
        name
        for name, each in PARAMETERS.items()
        if each.default is not None and not each.required and not each.allows(each.default)
    ] == []


def test_the_variants_of_these_tests_pass_and_own_needs_nothing() -> None:
    for params in VARIANTS.values():
        assert wrong_params(params, params["batch"]) == []
    assert wrong_params({}, OWN) == []


def test_a_fargate_environment_has_no_name_which_it_could_not_keep() -> None:
    (problem,) = wrong_params({**COMPLETE, "compute_environment_name": "flights_env"}, FARGATE)
    assert str(problem) == (
        "param 'compute_environment_name': can't be set on Fargate, where a change replaces the environment. Remove it."
    )


@pytest.mark.parametrize("variant", ["fargate", "ec2-spot"])
def test_the_templates_own_parameters_refuse_what_the_table_does(package: Packager, variant: str) -> None:
    """osls alone may deploy a directory: there CloudFormation refuses before it changes anything."""
    declared = package(variant).body["Parameters"]
    by_name = {
        re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower().replace("maxv_cpus", "max_vcpus"): each
        for name, each in declared.items()
    }
    by_name["runnable_limit_seconds"] = by_name.pop("runnable_limit")
    del by_name["platform"]  # which follows from the graph

    for name, each in by_name.items():
        table = PARAMETERS[name]
        assert each.get("AllowedValues", []) == list(table.choices), name
        if each["Type"] == "Number":
            least = table.lowest if table.also is None else table.also
            assert (each["MinValue"], each["MaxValue"]) == (least, table.highest), name


def test_logs_are_kept_for_as_long_as_cloudwatch_knows() -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Logs::LogGroup").schema
    assert [int(each) for each in PARAMETERS["log_retention_days"].choices] == schema["properties"]["RetentionInDays"][
        "enum"
    ]


def test_the_docs_have_the_table() -> None:
    docs = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    rows = [f"| `{name}` | {each.default or ''} | {each.help} | {each.wanted} |" for name, each in PARAMETERS.items()]
    assert "\n".join(rows) in docs


@pytest.mark.parametrize(
    ("said", "tags"),
    [
        (None, {}),
        ("team=ml, cost-center=42,note=a=b", {"team": "ml", "cost-center": "42", "note": "a=b"}),
        ("team", "has 'team', which is not a tag: write name=value"),
        ("aws:team=ml", "Names that begin with aws: belong to AWS"),
        ("kedro-project=other", "those with kedro- to us"),
        ({"team": "ml"}, "must be a text: write name=value"),
    ],
)
def test_tags_are_names_and_values(tmp_path: Path, said: Any, tags: Any) -> None:
    (tmp_path / "serverless.yml").write_text(yaml.safe_dump({"params": {"default": {"tags": said}}}))
    target = Target(tmp_path, "dev", {})
    if isinstance(tags, dict):
        assert target.tags() == tags
        return
    with pytest.raises(DeploymentError) as refused:
        target.tags()
    assert tags in str(refused.value)
