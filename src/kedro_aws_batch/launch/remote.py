"""A run on AWS, by the deployed service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError

from kedro_aws_batch.client import Service
from kedro_aws_batch.errors import ServiceError

from .execution import Execution, start, watch
from .outcome import LOG_GROUP, Ending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kedro_aws_batch.client import RunState

    from .progress import View

INTERVAL = 2.0


def run_on_aws(prefix: str, request: Mapping[str, Any], resume: str, view: View, wait: bool) -> int:
    """Start a run and, if wanted, show it until it has ended; return the exit code."""

    def ending(state: RunState) -> Ending:
        place = f"CloudWatch Logs, group {LOG_GROUP}"
        return Ending(client("logs"), place, resume.format(run_id=state.run_id))

    execution = Execution(Service(prefix, client("lambda")), view, INTERVAL, ending)
    started = start(execution, request)
    return watch(execution, started) if wait else 0


def client(name: str) -> Any:
    """Return a boto3 client; a Region that is not set is a sentence."""
    import boto3  # noqa: PLC0415

    try:
        return boto3.client(name)  # type: ignore[call-overload]  # any of them
    except BotoCoreError as error:
        raise ServiceError(f"AWS can't be called: {error} Set AWS_PROFILE, or AWS_REGION and credentials.") from error
