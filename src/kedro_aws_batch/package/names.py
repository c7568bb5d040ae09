"""The names of Batch's queues and job definitions for the templates, which can't make a list out of a list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def names(project: str, queues: Iterable[str], definitions: Iterable[str]) -> dict[str, Any]:
    """Return a project and the queues and definitions that its runs may use, default ones first, for the templates."""
    queues, definitions = list(queues), list(definitions)
    return {
        "project": project,
        "jobNamePrefix": f"{project}--",
        "jobQueue": queues[0],
        "jobQueues": ",".join(queues),
        "jobQueueArns": [_arn(f"job-queue/{name}") for name in queues],
        "jobDefinition": definitions[0],
        "jobDefinitions": ",".join(definitions),
        # SubmitJob is authorised for the name alone if no revision is asked for, else for name and revision.
        "jobDefinitionArns": [_arn(f"job-definition/{name}{end}") for name in definitions for end in ("", ":*")],
    }


def _arn(resource: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:batch:${{AWS::Region}}:${{AWS::AccountId}}:{resource}"}
