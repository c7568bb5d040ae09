"""Rules for configured values: a rule returns what is wrong with a value, in words that follow its name, or None."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import inf
from typing import Any

from . import limits, variables
from .errors import did_you_mean
from .limits import Limit

Rule = Callable[[Any], "str | None"]

#: An example of `split`.
_SPLIT = "{into: 50, over: raw_images}"


def sentence(wrong: str) -> str:
    """Return a rule's words as a sentence."""
    return wrong if wrong.endswith("?") else f"{wrong}."


def is_number(value: object) -> bool:
    """Return whether a value is a finite number; True and False are not."""
    return type(value) in (int, float) and -inf < value < inf  # type: ignore[operator]


def whole(low: int, high: int = limits.INTEGER, unit: str = "") -> Rule:
    """Return the rule for whole numbers from low to high, by default the largest of AWS's APIs."""
    some = high < limits.INTEGER
    wanted = f"a whole number{unit} from {low} to {high}" if some else f"a whole number{unit}, at least {low}"

    def rule(value: Any) -> str | None:
        if not some and is_number(value) and value > high:
            return f"must be at most {high}, not {value!r}"
        return None if type(value) is int and low <= value <= high else f"must be {wanted}, not {value!r}"

    return rule


def within(limit: Limit, unit: str = "") -> Rule:
    """Return the rule for whole numbers that AWS allows."""
    return whole(limit.least, limit.most, unit)


def one_of(*choices: str) -> Rule:
    """Return the rule for one of a few words."""

    def rule(value: Any) -> str | None:
        if value in choices:
            return None
        return f"must be one of {', '.join(choices)}, not {value!r}.{did_you_mean(str(value), choices)}".rstrip(".")

    return rule


def positive(value: Any) -> str | None:
    """Refuse values that are not a number above zero, or too large for AWS's APIs."""
    if is_number(value) and value > limits.INTEGER:
        return f"must be at most {limits.INTEGER}, not {value!r}"
    return None if is_number(value) and value > 0 else f"must be a number above 0, not {value!r}"


def flag(value: Any) -> str | None:
    """Refuse values other than true and false."""
    return None if isinstance(value, bool) else f"must be true or false, not {value!r}"


def batch_name(value: Any) -> str | None:
    """Refuse names that Batch refuses for a queue or a definition: jobs are submitted by name, not by ARN."""
    if isinstance(value, str) and limits.JOB_NAME.allows(value):
        return None
    hint = " (give the name, not the ARN)" if str(value).startswith("arn:") else ""
    return f"must be 1 to 128 letters, digits, '-' and '_', a letter or digit first, not {value!r}{hint}"


def function_prefix(value: Any) -> str | None:
    """Refuse prefixes that a Lambda function's name can't have (at most 64 characters with the function's own)."""
    fits = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,47}", value)
    return None if fits else f"must be 1 to 47 letters, digits, '-' and '_', not {value!r}"


def share_identifier(value: Any) -> str | None:
    """Refuse fair-share identifiers that Batch refuses."""
    fits = isinstance(value, str) and limits.SHARE_IDENTIFIER.allows(value)
    return None if fits else f"must be letters and digits, not {value!r}"


def environment(value: Any) -> str | None:
    """Refuse environments that Batch refuses, and values other than texts, numbers, true and false; null is allowed."""
    if not isinstance(value, dict):
        return f"must map names to values, not be {value!r}"
    for name, content in value.items():
        if wrong := _variable_name(name):
            return wrong
        if not (content is None or isinstance(content, (str, bool)) or is_number(content)):
            return f"has '{name}', whose value must be a text or a number"
    return None


def variable_names(value: Any) -> str | None:
    """Refuse anything but a list of variables that jobs may get; conf_sources is for their configuration instead."""
    if wrong := texts(value):
        return wrong.replace("texts", "names of variables")
    if variables.CONF_SOURCE in value:
        return f"has '{variables.CONF_SOURCE}': list such places in conf_sources"
    return next(filter(None, map(_variable_name, value)), None)


def _variable_name(name: Any) -> str | None:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        return f"has {name!r}, which can't name an environment variable"
    if not limits.VARIABLE_NAME.allows(name):
        return f"has '{name}': AWS Batch keeps names that begin with AWS_BATCH to itself"
    return f"has '{name}', which holds a job's payload" if name == variables.JOB else None


def conf_sources(value: Any) -> str | None:
    """Refuse anything but a list of folders within the project, as one types them there, and of URLs."""
    if wrong := texts(value):
        return wrong.replace("texts", "folders within the project and URLs")
    for place in value:
        parts = place.split("/")
        if "://" not in place and (not set(parts).isdisjoint(("", ".", "..")) or "\\" in place):
            return f"has {place!r}, which is neither a folder within the project, like 'settings/eu', nor a URL"
    return None


def memory_retry(value: Any) -> str | None:
    """Refuse anything but a factor by which a retry's memory grows, and its limit in MiB."""
    fits = (
        isinstance(value, dict)
        and value.keys() == {"factor", "max"}
        and is_number(value["factor"])
        and value["factor"] > 1
        and whole(4)(value["max"]) is None
    )
    wanted = "must be like {factor: 2, max: 32000}: a factor above 1, and the most MiB"
    return None if fits else f"{wanted}, not {value!r}"


def texts(value: Any) -> str | None:
    """Refuse anything but a list of texts."""
    fits = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return None if fits else f"must be a list of texts, not {value!r}"


def group_by(value: Any) -> str | None:
    """Refuse anything but a list of ways to group nodes."""
    if wrong := texts(value):
        return wrong.replace("texts", "'memory', 'namespace' and 'tag:<name>'")
    for way in value:
        if way not in ("memory", "namespace") and not re.fullmatch(r"tag:.+", way):
            near = did_you_mean(way, ("memory", "namespace", "tag:"))
            return f"knows 'memory', 'namespace' and 'tag:<name>', not {way!r}.{near}".rstrip(".")
    return None


def split(value: Any) -> str | None:
    """Refuse anything but the number of jobs for a node, which one array must hold, and the input to split."""
    most = limits.ARRAY_SIZE.most
    wrong = whole(1, most)
    if not isinstance(value, dict):
        return wrong(value) and f"must be a number of jobs from 1 to {most:,}, or like {_SPLIT}, not {value!r}"
    if "partitions" in value:
        return (
            "can't say how many partitions a job gets: the number of jobs might then be known only during the run, "
            f"but a run's jobs are planned before it. Say how many jobs: {{into: 50}}, up to {most:,}"
        )
    for key in value:
        if key not in ("into", "over", "ids"):
            return f"has {key!r}, but takes into, over and ids.{did_you_mean(str(key), ('into', 'over', 'ids'))}"
    if told := wrong(value.get("into")):
        return f"must be like {_SPLIT}: into {told}"
    if not isinstance(value.get("over", ""), str):
        return f"must be like {_SPLIT}: over must name a dataset, not {value['over']!r}"
    return None if value.get("ids", "same") in ("same", "new") else f"takes ids: same or new, not {value['ids']!r}"
