"""Connects the adapters, once for each process, by the function's environment."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast

import boto3
from aws_lambda_powertools import Logger, Metrics
from botocore.config import Config

from adapters.announcements import EventBusAnnouncements, SqsMessages
from adapters.job_queue import BatchJobQueue
from adapters.ports import Log, Ports
from adapters.run_table import DynamoRunTable
from adapters.storage import S3Storage
from dag import variables
from dag.document import DOCUMENT_FILE, read_document
from dag.plan import Home
from dag.request import Allowed
from dag.stored import AT_ONCE
from runs.advance import Dispatcher
from runs.creation import RunSource
from runs.plans import Plans
from runs.storage import Listable

logger = Logger()

_DAY = 86_400
#: Seconds to wait for an answer to a call; the whole invocation has 60.
_TIMEOUTS: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 10}


class Context(Protocol):
    """The parts of Lambda's context object that we use."""

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


class EmbeddedMetrics:
    """Metrics in lines of the log, written as soon as something is counted, in case the invocation is killed."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def add(self, counts: Mapping[str, int], /) -> None:
        for name, value in counts.items():
            self._metrics.add_metric(name=name, unit="Count", value=value)
        self._metrics.flush_metrics()


counts = EmbeddedMetrics(Metrics())

_making = threading.Lock()  # two threads must not use boto3's default session


@cache
def _made(name: str, retries: bool) -> Any:
    attempts: Any = {"mode": "standard", "total_max_attempts": 5 if retries else 1}
    make: Callable[..., Any] = boto3.client  # for any name: the overloads take literals
    return make(name, config=Config(retries=attempts, max_pool_connections=AT_ONCE, **_TIMEOUTS))


class _Client:
    """A client that is made on first use, by any thread: each costs a cold start some ten ms.

    Few invocations announce, hand over, look jobs up or terminate them, and those that only read submit none.
    """

    def __init__(self, name: str, retries: bool) -> None:
        self._name, self._retries = name, retries

    def __getattr__(self, operation: str) -> Any:
        with _making:
            client = _made(self._name, self._retries)
        return getattr(client, operation)


def _client(name: str, *, retries: bool = True) -> Any:
    return _Client(name, retries)


_plans = Plans()


def dispatcher(context: Context) -> Dispatcher:
    """Return the dispatcher of an invocation."""
    clock = LambdaClock(context)
    return Dispatcher(
        Ports(
            table=DynamoRunTable(_client("dynamodb"), os.environ["RUN_TABLE"]),
            queue=BatchJobQueue((_client("batch", retries=False), _client("batch")), clock, time.sleep),
            announcements=EventBusAnnouncements(_client("events"), os.environ["EVENT_BUS"]),
            messages=SqsMessages(_client("sqs"), os.environ["EVENTS_QUEUE_URL"]),
            clock=clock,
            retention=int(os.environ["RUN_RETENTION_DAYS"]) * _DAY,
            log=cast("Log", logger),
            counts=counts,
        ),
        _plans,
    )


def lifetime() -> int:
    """Return the ms that the longest-lived invocation can live, with a margin for requests still under way."""
    return int(os.environ[variables.LONGEST_INVOCATION]) * 2000


@cache
def source() -> RunSource:
    """Return the deployed graph and its settings. Raises InvalidGraphError."""
    path = Path(os.environ.get(variables.GRAPH_DOCUMENT) or Path(__file__).parent.parent / DOCUMENT_FILE)
    allowed = Allowed(_names("JOB_QUEUES"), _names("JOB_DEFINITIONS"))
    home = Home(region=os.environ[variables.REGION], next_group=os.environ["NEXT_GROUP"])
    buckets = _names("REUSE_BUCKETS")
    listable = Listable(S3Storage(_client("s3")), buckets) if buckets else None
    return RunSource(read_document(path.read_bytes()), allowed, home, listable)


def _names(variable: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in os.environ[variable].split(",") if name.strip())
