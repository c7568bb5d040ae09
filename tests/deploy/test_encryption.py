"""A key of one's own in the template that osls makes, in each variant."""

from __future__ import annotations

from .conftest import Template
from .test_template import FUNCTIONS, functions, role_of


def test_a_key_of_ones_own_encrypts_the_table_the_queues_and_all_logs(template: Template) -> None:
    ours = {"Fn::If": ["OwnKey", {"Ref": "KmsKey"}, {"Ref": "AWS::NoValue"}]}
    queues, logs = template.of_type("AWS::SQS::Queue"), template.of_type("AWS::Logs::LogGroup")

    assert template.body["Conditions"]["OwnKey"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "KmsKey"}, ""]}]}
    assert template.properties("RunTable")["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": ours,
    }
    aws_own = {"Fn::If": ["OwnKey", {"Ref": "AWS::NoValue"}, True]}
    assert [(each["KmsMasterKeyId"], each["SqsManagedSseEnabled"]) for each in queues.values()] == [(ours, aws_own)] * 2
    assert len(logs) >= len(FUNCTIONS)
    assert {name for name, each in logs.items() if each["KmsKeyId"] != ours} == set()


def test_functions_use_that_key_through_the_table_and_the_queues_alone(template: Template) -> None:
    policy = template.resources["KeyPolicy"]
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]

    assert policy["Condition"] == "OwnKey"
    assert {role["Ref"] for role in policy["Properties"]["Roles"]} == {
        role_of(template, function) for function in functions(template)
    }
    assert statement["Resource"] == {"Ref": "KmsKey"}
    assert statement["Condition"] == {
        "StringEquals": {
            "kms:ViaService": [
                {"Fn::Sub": f"{name}.${{AWS::Region}}.${{AWS::URLSuffix}}"} for name in ("dynamodb", "sqs")
            ]
        }
    }
    assert {action.partition(":")[0] for action in statement["Action"]} == {"kms"}
    assert "kms:CreateGrant" not in statement["Action"]
