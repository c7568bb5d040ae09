"""What each configuration value may be: AWS Batch's limits, and ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.prices import wrong_prices
from kedro_aws_batch.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    #: Says what is wrong with a value, or None.
    Rule = Callable[[Any], "str | None"]


def is_number(value: object) -> bool:
    """Whether a value is a number, which True and False are not here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def whole(low: int, high: int | None = None, unit: str = "") -> Rule:
    """Return the rule for whole numbers from low to high."""
    wanted = f"a whole number{unit}, at least {low}" if high is None else f"a whole number{unit} from {low} to {high}"

    def rule(value: Any) -> str | None:
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= low
        return None if fits and (high is None or value <= high) else f"must be {wanted}, not {value!r}"

    return rule


def one_of(*choices: str) -> Rule:
    """Return the rule for one of a few words."""

    def rule(value: Any) -> str | None:
        if value in choices:
            return None
        return f"must be one of {', '.join(choices)}, not {value!r}.{did_you_mean(str(value), choices)}".rstrip(".")

    return rule


def positive(value: Any) -> str | None:
    """Refuse what is not a number above zero."""
    return None if is_number(value) and value > 0 else f"must be a number above 0, not {value!r}"


def flag(value: Any) -> str | None:
    """Refuse what is neither true nor false."""
    return None if isinstance(value, bool) else f"must be true or false, not {value!r}"


def batch_name(value: Any) -> str | None:
    """Refuse what Batch refuses as the name of a queue or a definition: the service submits by name, not by ARN."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,128}", value):
        return None
    hint = " (give the name, not the ARN)" if str(value).startswith("arn:") else ""
    return f"must be 1 to 128 letters, digits, '-' and '_', not {value!r}{hint}"


def function_prefix(value: Any) -> str | None:
    """Refuse what can't begin a Lambda function's name (64 characters at most, the function's own name included)."""
    fits = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,47}", value)
    return None if fits else f"must be 1 to 47 letters, digits, '-' and '_', not {value!r}"


def share_identifier(value: Any) -> str | None:
    """Refuse what Batch refuses as a fair-share identifier."""
    fits = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9]{1,255}", value)
    return None if fits else f"must be letters and digits, not {value!r}"


def memory_retry(value: Any) -> str | None:
    """Refuse what does not say by which factor the memory of a retry grows, and up to how many MiB."""
    wanted = "must be like {factor: 2, max: 30000}: a factor above 1, and the most MiB"
    if not isinstance(value, dict) or set(value) != {"factor", "max"}:
        return f"{wanted}, not {value!r}"
    fits = is_number(value["factor"]) and value["factor"] > 1 and whole(4)(value["max"]) is None
    return None if fits else f"{wanted}, not {value!r}"


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


def environment(value: Any) -> str | None:
    """Refuse what Batch refuses as a job's environment: names that begin with AWS_BATCH, values that are no scalars."""
    if not isinstance(value, dict):
        return f"must map names to values, not be {value!r}"
    for name, content in value.items():
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            return f"has {name!r}, which can't name an environment variable"
        if name.startswith("AWS_BATCH"):
            return f"has '{name}': AWS Batch keeps names that begin with AWS_BATCH to itself"
        if not (isinstance(content, str) or is_number(content) or isinstance(content, bool)):
            return f"has '{name}', whose value must be a text or a number"
    return None


#: `aws_batch.resources.<layer>`: what a node's job may ask for.
RESOURCE_RULES: dict[str, Rule] = {
    "vcpus": positive,
    "memory": whole(4, unit=" of MiB"),
    "gpus": whole(1),
    "timeout": whole(60, unit=" of seconds"),  # SubmitJob: attemptDurationSeconds >= 60
    "attempts": whole(1, 10),
    "job_definition": batch_name,
    "job_queue": batch_name,
    "environment": environment,
    "share_identifier": share_identifier,
    "priority": whole(0, 9999),
}

#: `aws_batch.<key>`: what becomes the `run` part of the graph document.
RUN_RULES: dict[str, Rule] = {
    "job_queue": batch_name,
    "job_definition": batch_name,
    "job_command": one_of("job", "kedro-run"),
    "max_workers": whole(1),
    "group_by": group_by,
    "array_jobs": flag,
    "on_failure": one_of("abort", "drain", "continue"),
    "memory_retry": memory_retry,
    "launch_type": one_of("EC2", "FARGATE"),
}

#: `aws_batch.<key>`: what concerns the plugin alone.
PLUGIN_RULES: dict[str, Rule] = {"service": function_prefix, "shared_paths": texts, "prices": wrong_prices}

LAYERS: Sequence[str] = ("default", "tags", "namespaces", "nodes")
