"""Messages about job roles that may not ask for payloads."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from kedro_aws_batch.deploy.check_roles import check_roles

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:flights-dev-next_group"
ROLE = "arn:aws:iam::123456789012:role/batchJobRole"


class Iam:
    """An IAM with given decisions, which records its requests."""

    def __init__(self, decision: str | None) -> None:
        self.decision = decision
        self.asked: list[dict[str, Any]] = []

    def simulate_principal_policy(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        if self.decision is None:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SimulatePrincipalPolicy")
        return {"EvaluationResults": [{"EvalDecision": self.decision}]}


def told(iam: Iam, role: str | None = ROLE) -> list[str]:
    arn = "arn:aws:batch:eu-west-1:123456789012:job-definition/kedro_run:3"
    properties = {} if role is None else {"jobRoleArn": role}
    definition = {"jobDefinitionName": "kedro_run", "jobDefinitionArn": arn, "containerProperties": properties}
    problems = list(check_roles([definition], "flights-dev", iam))
    assert all(problem.warning for problem in problems)
    return [str(problem) for problem in problems]


def test_a_role_that_may_ask_is_no_problem() -> None:
    iam = Iam("allowed")
    assert told(iam) == []
    assert iam.asked == [
        {"PolicySourceArn": ROLE, "ActionNames": ["lambda:InvokeFunction"], "ResourceArns": [FUNCTION]}
    ]


def test_a_role_that_may_not_ask_is_told_with_the_statement_that_it_lacks() -> None:
    (problem,) = told(Iam("implicitDeny"))
    assert f"its role {ROLE} may not invoke {FUNCTION}" in problem
    assert f'{{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "{FUNCTION}"}}' in problem


def test_a_definition_without_a_role_is_told() -> None:
    (problem,) = told(Iam("allowed"), role=None)
    assert "has no job role" in problem


def test_what_the_person_may_not_ask_iam_is_said() -> None:
    (problem,) = told(Iam(None))
    assert "can't tell whether its role may invoke" in problem
    assert "iam:SimulatePrincipalPolicy" in problem
