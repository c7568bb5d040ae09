"""What a stack has of Batch, if it is not one's own: on Fargate and on EC2."""

from __future__ import annotations

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from dag.blocked import REMEDIES
from dag.submission import retry_strategy
from kedro_aws_batch.local.compute import USUAL_MEMORY

from .conftest import VARIANTS, Packager
from .test_template import FUNCTIONS, role_of


def test_nothing_of_batch_is_made_for_ones_own_queue(package: Packager) -> None:
    kinds = {each["Type"] for each in package("own").resources.values()}

    assert not [kind for kind in kinds if kind.startswith(("AWS::Batch::", "AWS::EC2::", "AWS::ECS::"))]
    ours = {role_of(package("own"), each) for each in FUNCTIONS}
    assert set(package("own").of_type("AWS::IAM::Role")) == {*ours, "SchedulerRole"}


@pytest.mark.parametrize(
    ("variant", "kinds", "memory", "platform"),
    [("fargate", ["FARGATE_SPOT", "FARGATE"], "2048", "FARGATE"), ("ec2-spot", ["SPOT", "EC2"], "2000", "EC2")],
)
def test_batch_is_made_by_the_names_that_the_graph_has(
    package: Packager, variant: str, kinds: list[str], memory: str, platform: str
) -> None:
    template = package(variant)
    environment = template.properties("ComputeEnvironment")["ComputeResources"]
    definition = template.properties("JobDefinition")

    assert template.properties("JobQueue")["JobQueueName"] == "flights_queue"
    limited = template.properties("JobQueue")["JobStateTimeLimitActions"]["Fn::If"][1]
    assert [each["Reason"] for each in limited] == list(REMEDIES)[:3]  # Batch acts on these alone
    assert environment["Type"] == {"Fn::If": ["UseSpot", *kinds]}
    assert template.body["Parameters"]["Spot"]["Default"] == VARIANTS[variant].get("spot", "false")
    assert (definition["JobDefinitionName"], definition["PlatformCapabilities"]) == ("kedro_run", [{"Ref": "Platform"}])
    # If the project was compiled for the other one, CloudFormation refuses before it makes anything.
    declared = template.body["Parameters"]["Platform"]
    assert (declared["Default"], declared["AllowedValues"]) == (platform, [platform])
    assert "Timeout" not in definition, "it would hold for every job that asks for none"
    assert definition["ResourceRetentionPolicy"] == {"SkipDeregisterOnUpdate": True}
    assert {"Type": "MEMORY", "Value": memory} in definition["ContainerProperties"]["ResourceRequirements"]
    assert USUAL_MEMORY[platform] == int(memory), "the embedded AWS's definitions are as those that are deployed"
    retries = retry_strategy(1)
    assert definition["RetryStrategy"] == {
        "Attempts": retries["attempts"],
        "EvaluateOnExit": [{key[0].upper() + key[1:]: rule[key] for key in rule} for rule in retries["evaluateOnExit"]],
    }


def test_what_fargate_replaces_has_no_name_and_what_ec2_changes_in_place_may(package: Packager) -> None:
    fargate, ec2 = (package(variant).properties("ComputeEnvironment") for variant in ("fargate", "ec2-spot"))

    assert "ComputeEnvironmentName" not in fargate
    assert "ComputeEnvironmentName" not in package("fargate").body["Parameters"]
    assert (ec2["ComputeEnvironmentName"]["Fn::If"][0], ec2["ReplaceComputeEnvironment"]) == (
        "NameComputeEnvironment",
        False,
    )
    # CloudFormation replaces what its schema calls create-only, and on Fargate also what is so conditionally.
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Batch::ComputeEnvironment").schema
    replaced = {path.rpartition("/")[2] for path in schema["conditionalCreateOnlyProperties"]}
    assert {"Subnets", "SecurityGroupIds", "Type"} == replaced & {*fargate["ComputeResources"]}


def test_batch_chooses_the_image_of_hosts_so_that_those_with_gpus_have_drivers(package: Packager) -> None:
    resources = package("ec2-spot").properties("ComputeEnvironment")["ComputeResources"]

    assert not {"Ec2Configuration", "ImageId"} & {*resources}


def test_hosts_tell_of_themselves_in_a_session_only_and_no_further_than_a_hop(package: Packager) -> None:
    template = package("ec2-spot")
    launch = template.properties("ComputeEnvironment")["ComputeResources"]["LaunchTemplate"]

    assert launch == {
        "LaunchTemplateId": {"Ref": "HostTemplate"},
        "Version": {"Fn::GetAtt": ["HostTemplate", "LatestVersionNumber"]},
    }
    assert template.properties("HostTemplate")["LaunchTemplateData"] == {
        "MetadataOptions": {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    }


def test_jobs_on_hosts_are_told_their_region(package: Packager) -> None:
    definition = package("ec2-spot").properties("JobDefinition")

    assert definition["ContainerProperties"]["Environment"] == [
        {"Name": "AWS_DEFAULT_REGION", "Value": {"Ref": "AWS::Region"}}
    ]


def test_the_names_of_kedros_guide_can_be_had(package: Packager) -> None:
    template = package("ec2-spot", compute_environment_name="spaceflights_env", job_role_name="batchJobRole")
    defaults = {name: each["Default"] for name, each in template.body["Parameters"].items()}

    assert (defaults["ComputeEnvironmentName"], defaults["JobRoleName"]) == ("spaceflights_env", "batchJobRole")
    assert template.properties("JobRole")["RoleName"]["Fn::If"][:2] == ["NameJobRole", {"Ref": "JobRoleName"}]
