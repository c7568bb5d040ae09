"""Asks the service for a job's payload, if that didn't fit into its request, and for a container's next group."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from enum import Enum
from functools import cache
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, TypeVar

from kedro_aws_batch.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .door import Door

#: How often a container asks for the next group if answers are lost, and the seconds in between.
_TRIES, _PAUSE = 4, 2.0
#: Seconds after which a container that waits looks whether it was stopped.
_GLANCE = 0.2
#: Seconds to wait for an answer: longer than the function can live, so that no answer can come after the last.
_PATIENT = 45
#: Seconds for which a job repeats its request. All 10,000 children of an array may ask at once, and a new account runs
#: ten functions at a time. Asking changes nothing, so it may be repeated.
PATIENCE = 600.0
#: Refusals that will not pass.
_REFUSED = frozenset({"AccessDeniedException", "ResourceNotFoundException"})
#: Errors raised before a request was sent.
_NOT_SENT = frozenset(
    {"ConnectTimeoutError", "EndpointConnectionError", "NoCredentialsError", "PartialCredentialsError", "SSLError"}
)
_T = TypeVar("_T")


def ask(run_id: str, whom: Mapping[str, str], index: int | None) -> dict[str, Any]:
    """Return the payload of this job or array child. Raises PayloadError with what to do about it."""
    function = whom["function"]
    request = {"run_id": run_id, "job": whom["job"], "token": whom["token"], "index": index}
    until = time.monotonic() + PATIENCE
    pause = 0.5
    while True:
        answer = _invoke(function, request)
        if isinstance(answer, dict):
            return answer
        if time.monotonic() > until:
            raise PayloadError(f"{function} gave no payload for {PATIENCE:g} s: {answer}")
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter  # nosec B311
        pause = min(20.0, pause * 2)


def _invoke(function: str, request: Mapping[str, Any]) -> dict[str, Any] | str:
    """Return the payload, or why there was no answer. Raises PayloadError if asking again won't help."""
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
        raise PayloadError(f"{function} refused to say what to run: {told['error']['message']}")
    return dict(told["payload"])


class Said(Enum):
    """Answers to a container that gets no other group."""

    NOTHING = "nothing"  #: there is none for it, or the question was never received: its own work stands
    OVER = "over"  #: the run has ended meanwhile
    UNSURE = "unsure"  #: it may have been given a group without learning of it


@dataclass(frozen=True)
class _Wait:
    """Ask again in so many ms: a group may be ready then."""

    milliseconds: int


@dataclass(frozen=True)
class Next:
    """The group to carry on with."""

    place: int
    payload: Mapping[str, Any]


def ask_next(
    run_id: str,
    door: Door,
    done: int | None,
    took: tuple[int, int] | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Next | Said:
    """Return the next group after its group number `done` (from 0), or, with None, the container's own group.

    `took` are the ms when that group began and ended. Asking may be repeated. Only if no try was lost is it certain
    that no answer was given that this container doesn't know. A container that is told to wait does so, unless it is
    stopped meanwhile.
    """
    request: dict[str, Any] = {
        "run_id": run_id,
        "job": door.job,
        "token": door.token,
        "index": door.index,
        "job_id": door.job_id,
        "epoch": door.epoch,
        "done": done,
    }
    if took is not None:
        request |= {"began": took[0], "ended": took[1], "waited": 0}
    tries, is_lost = 0, False
    while tries < _TRIES:
        if tries:
            time.sleep(_PAUSE * 2 ** (tries - 1) * random.uniform(0.5, 1.0))  # noqa: S311 - jitter  # nosec B311
        told = _try(door.function, request)
        if told is _Try.REFUSED or (isinstance(told, _Wait) and not _wait(told, is_stopped)):
            return Said.NOTHING if done is not None and not is_lost else Said.UNSURE
        if isinstance(told, _Wait):
            request["waited"] += told.milliseconds
            tries = 0
        elif told is _Try.LOST:
            tries, is_lost = tries + 1, True
        else:
            return told
    return Said.UNSURE


def _wait(told: _Wait, is_stopped: Callable[[], bool]) -> bool:
    """Wait; return False if the container was stopped meanwhile."""
    until = time.monotonic() + told.milliseconds / 1000
    while (left := until - time.monotonic()) > 0 and not is_stopped():
        time.sleep(min(left, _GLANCE))
    return not is_stopped()


class _Try(Enum):
    REFUSED = "refused"  #: certainly not received
    LOST = "lost"  #: perhaps received


def _try(function: str, request: Mapping[str, Any]) -> Next | Said | _Wait | _Try:
    """Return the function's answer to one try, or what may have happened to the try."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - few jobs have to ask

    try:
        answer = _client(function, connect=2, read=_PATIENT).invoke(
            FunctionName=function, Payload=json.dumps(request).encode()
        )
        told = json.loads(answer["Payload"].read())
    except ClientError as error:
        return _note(error, _Try.REFUSED if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500 else _Try.LOST)
    except BotoCoreError as error:
        return _note(error, _Try.REFUSED if type(error).__name__ in _NOT_SENT else _Try.LOST)
    except HTTPException as error:  # raised while reading the answer
        return _note(error, _Try.LOST)
    return _note(told.get("errorMessage"), _Try.LOST) if answer.get("FunctionError") else _told(told)


def _told(told: Mapping[str, Any]) -> Next | Said | _Wait | _Try:
    """Return the meaning of the function's answer."""
    if "error" in told:
        return _note(told["error"]["message"], Said.UNSURE if told["error"]["type"] == "Superseded" else _Try.REFUSED)
    if "wait" in told:
        return _Wait(told["wait"])
    if "payload" in told:
        return Next(told["place"], told["payload"])
    return Said.OVER if told.get("over") else Said.NOTHING


def _note(why: object, what: _T) -> _T:
    print(f"No answer about the next group: {why}", flush=True)
    return what


@cache
def _client(function: str, connect: int = 5, read: int = 40) -> Any:
    import boto3  # noqa: PLC0415 - few jobs have to ask
    from botocore.config import Config  # noqa: PLC0415

    config = Config(connect_timeout=connect, read_timeout=read, retries={"total_max_attempts": 1})
    # ECS doesn't tell containers on EC2 their Region; the function's ARN has it.
    return boto3.client("lambda", region_name=function.split(":")[3], config=config)


def _denied(function: str, error: Exception) -> str:
    return (
        "This job's payload is too long for its request, since ECS takes 8,192 characters, and the job can't "
        f"ask {function} for it: {error}. Allow the job's role lambda:InvokeFunction on that function; "
        "`kedro aws-batch check --aws` prints the statement. With `array_jobs: false` most payloads fit."
    )
