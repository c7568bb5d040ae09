"""What each configuration value may be: AWS Batch's limits, and ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.errors import did_you_mean
from kedro_aws_batch._service.dag.resources import KEYS
from kedro_aws_batch._service.dag.rules import batch_name, flag, memory_retry, one_of, whole
from kedro_aws_batch._service.dag.status import OnFailure
from kedro_aws_batch.prices import wrong_prices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kedro_aws_batch._service.dag.rules import Rule


def function_prefix(value: Any) -> str | None:
    """Refuse what can't begin a Lambda function's name (64 characters at most, the function's own name included)."""
    fits = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,47}", value)
    return None if fits else f"must be 1 to 47 letters, digits, '-' and '_', not {value!r}"


def texts(value: Any) -> str | None:
    """Refuse what is not a list of texts."""
    fits = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return None if fits else f"must be a list of texts, not {value!r}"


def group_by(value: Any) -> str | None:
    """Refuse what is not a list of ways to group nodes."""
    wrong = texts(value)
    if wrong:
        return wrong.replace("texts", "'memory', 'namespace' and 'tag:<name>'")
    for way in value:
        if way not in ("memory", "namespace") and not re.fullmatch(r"tag:.+", way):
            near = did_you_mean(way, ("memory", "namespace", "tag:"))
            return f"knows 'memory', 'namespace' and 'tag:<name>', not {way!r}.{near}".rstrip(".")
    return None


#: `aws_batch.resources.<layer>`: what a node's job may ask for.
RESOURCE_RULES: dict[str, Rule] = {name: key.rule for name, key in KEYS.items()}

#: `aws_batch.<key>`: what becomes the `run` part of the graph document.
RUN_RULES: dict[str, Rule] = {
    "job_queue": batch_name,
    "job_definition": batch_name,
    "job_command": one_of("job", "kedro-run"),
    "max_workers": whole(1),
    "group_by": group_by,
    "array_jobs": flag,
    "on_failure": one_of(*(policy.value for policy in OnFailure)),
    "memory_retry": memory_retry,
    "launch_type": one_of("EC2", "FARGATE"),
}

#: `aws_batch.<key>`: what concerns the plugin alone.
PLUGIN_RULES: dict[str, Rule] = {"service": function_prefix, "shared_paths": texts, "prices": wrong_prices}

LAYERS: Sequence[str] = ("default", "tags", "namespaces", "nodes")
