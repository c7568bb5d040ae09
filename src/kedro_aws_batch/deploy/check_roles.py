"""Whether jobs may ask the service for a payload that doesn't fit into their requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from kedro_aws_batch._service.dag.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PERMISSION = "lambda:InvokeFunction"


def check_roles(definitions: Iterable[Mapping[str, Any]], service: str, iam: Any) -> Iterator[Problem]:
    """Yield a warning for each job definition whose role may not invoke the function next_group.

    Small runs don't need that; wide arrays and large parameters do. `service` is the prefix of the functions' names.
    """
    for definition in definitions:
        where = f"job definition '{definition['jobDefinitionName']}'"
        role = (definition.get("containerProperties") or {}).get("jobRoleArn")
        function = _function(definition["jobDefinitionArn"], service)
        if role is None:
            yield Problem(
                where, "has no job role, so its jobs can't ask for payloads.", _remedy(function), warning=True
            )
            continue
        try:
            allowed = _allowed(iam, role, function)
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            what = f"can't tell whether its role may invoke {function}: {error}"
            yield Problem(where, what, "To check it, you need iam:SimulatePrincipalPolicy on the role.", warning=True)
            continue
        if not allowed:
            what = f"its role {role} may not invoke {function}, from which jobs get payloads that don't fit."
            yield Problem(where, what, _remedy(function), warning=True)


def _function(definition: str, service: str) -> str:
    _, partition, _, region, account, _ = definition.split(":")[:6]
    return f"arn:{partition}:lambda:{region}:{account}:function:{service}-next_group"


def _allowed(iam: Any, role: str, function: str) -> bool:
    answer = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=[PERMISSION], ResourceArns=[function])
    return all(result["EvalDecision"] == "allowed" for result in answer["EvaluationResults"])


def _remedy(function: str) -> str:
    statement = json.dumps({"Effect": "Allow", "Action": PERMISSION, "Resource": function})
    return f"Give the role this statement: {statement}"
