"""Puts the adapters together, once for each process, from the function's environment."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from aws_lambda_powertools import Logger, Metrics
from botocore.config import Config

from adapters.announcements import EventBusAnnouncements, SqsMessages
from adapters.job_queue import BatchJobQueue
from adapters.ports import Ports
from adapters.run_table import DynamoRunTable
from dag.document import read_document
from dag.request import Allowed
from handlers.advance import Dispatcher, Plans
from handlers.creation import Source

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient

logger = Logger()
metrics = Metrics()

_DAY = 86_400
#: Without an answer for so long a call is given up; the whole invocation has 60 s.
_TIMEOUTS: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 10}


class Context(Protocol):
    """What we use of Lambda's context object."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the ms that the invocation may still run."""


@dataclass(frozen=True)
class LambdaClock:
    """The time of an invocation."""

    context: Context

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def left(self) -> float:
        return self.context.get_remaining_time_in_millis() / 1000


@cache
def _client(name: str, *, retries: bool = True) -> Any:
    attempts: Any = {"mode": "standard", "total_max_attempts": 5 if retries else 1}
    return boto3.client(name, config=Config(retries=attempts, **_TIMEOUTS))  # type: ignore[call-overload]


class _Late:
    """A client that is made when it is first used: few invocations announce, hand over, look jobs up or terminate them.

    Each client costs a cold start some ten ms. Not for threads to use first: boto3's default session is made once.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, operation: str) -> Any:
        return getattr(_client(self._name), operation)


def _late(name: str) -> Any:
    return _Late(name)


_plans = Plans()


def dispatcher(context: Context) -> Dispatcher:
    """Return the dispatcher of an invocation."""
    clock = LambdaClock(context)
    submitter: BatchClient = _client("batch", retries=False)
    batch, events, sqs = _late("batch"), _late("events"), _late("sqs")
    return Dispatcher(
        Ports(
            DynamoRunTable(_client("dynamodb"), os.environ["RUN_TABLE"]),
            BatchJobQueue((submitter, batch), clock, time.sleep),
            EventBusAnnouncements(events, os.environ["EVENT_BUS"]),
            SqsMessages(sqs, os.environ["EVENTS_QUEUE_URL"]),
            clock,
            int(os.environ["RUN_RETENTION_DAYS"]) * _DAY,
            logger.info,
        ),
        _plans,
    )


def lifetime() -> int:
    """Return the ms that the longest-lived invocation can live, with a margin for requests still under way."""
    return int(os.environ["LONGEST_INVOCATION_SECONDS"]) * 2000


@cache
def source() -> Source:
    """Return what runs are made of. Raises InvalidGraphError."""
    path = Path(os.environ.get("GRAPH_DOCUMENT") or Path(__file__).parent.parent / "graph.json")
    return Source(read_document(path.read_bytes()), Allowed(_names("JOB_QUEUES"), _names("JOB_DEFINITIONS")))


def _names(variable: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in os.environ[variable].split(",") if name.strip())
