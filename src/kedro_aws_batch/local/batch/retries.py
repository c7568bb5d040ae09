"""Whether another attempt follows a failed one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kedro_aws_batch.local.batch.jobs import Attempt, JobSpec
    from kedro_aws_batch.local.jsons import Json


def tries_again(spec: JobSpec, attempt: Attempt) -> bool:
    """Return whether Batch would start another attempt after this failed one.

    The first rule whose conditions all match decides; if none matches, it is retried.
    """
    if attempt.number >= spec.attempts:
        return False
    for rule in spec.evaluate_on_exit:
        if _matches(rule, attempt):
            return str(rule["action"]).upper() == "RETRY"
    return True


def _matches(rule: Json, attempt: Attempt) -> bool:
    seen = {
        "onStatusReason": attempt.status_reason or "",
        "onReason": attempt.reason or "",
        "onExitCode": "" if attempt.exit_code is None else str(attempt.exit_code),
    }
    return all(_globs(rule[condition], value) for condition, value in seen.items() if rule.get(condition))


def _globs(pattern: str, value: str) -> bool:
    """Match as Batch does: exactly, or up to a `*`, which may only be at the end."""
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern
