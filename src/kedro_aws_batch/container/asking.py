"""Asks the service what this job is to run, where that did not fit into the job's request."""

from __future__ import annotations

import json
import random
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds for which a job asks again. Of an array of 10,000 all children may ask at once, and a new account runs ten
#: functions at a time; asking changes nothing, so it may be repeated.
PATIENCE = 600.0
#: Refusals that no repetition mends.
_REFUSED = frozenset({"AccessDeniedException", "ResourceNotFoundException"})


def ask(run_id: str, whom: Mapping[str, str], index: int | None) -> dict[str, Any]:
    """Return the payload of this job, or of this child of an array. Raises PayloadError with what to do about it."""
    function = whom["function"]
    request = {"run_id": run_id, "job": whom["job"], "token": whom["token"], "index": index}
    until = time.monotonic() + PATIENCE
    pause = 0.5
    while True:
        answer = _invoke(function, request)
        if isinstance(answer, dict):
            return answer
        if time.monotonic() > until:
            raise PayloadError(f"{function} did not say what to run, for {PATIENCE:g} s: {answer}")
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter  # nosec B311
        pause = min(20.0, pause * 2)


def _invoke(function: str, request: Mapping[str, Any]) -> dict[str, Any] | str:
    """Return the payload, or why there was no answer. Raises PayloadError where asking again would change nothing."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - few jobs have to ask

    try:
        answer = _client(function).invoke(FunctionName=function, Payload=json.dumps(request).encode())
        told = json.loads(answer["Payload"].read())
    except ClientError as error:
        if error.response["Error"].get("Code") in _REFUSED:
            raise PayloadError(_denied(function, error)) from error
        return str(error)
    except BotoCoreError as error:
        return str(error)
    if answer.get("FunctionError"):
        return str(told.get("errorMessage"))
    if "error" in told:
        raise PayloadError(f"{function} does not say what to run: {told['error']['message']}")
    return dict(told["payload"])


@cache
def _client(function: str) -> Any:
    import boto3  # noqa: PLC0415 - few jobs have to ask
    from botocore.config import Config  # noqa: PLC0415

    config = Config(connect_timeout=5, read_timeout=40, retries={"total_max_attempts": 1})
    # ECS tells containers on EC2 no Region; the function's ARN does.
    return boto3.client("lambda", region_name=function.split(":")[3], config=config)


def _denied(function: str, error: Exception) -> str:
    return (
        "What this job is to run is too long for its request, of which ECS takes 8,192 characters, and the job can't "
        f"ask {function} for it: {error}. Allow the job's role lambda:InvokeFunction on that function; "
        "`kedro aws-batch check --aws` prints the statement. With `array_jobs: false` most payloads fit."
    )
