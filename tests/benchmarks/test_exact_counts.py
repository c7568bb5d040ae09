"""The exact cost of whole runs of given shapes: a change of these figures changes the user's bill or wait.

No invocation here overlaps another, and every job ends by itself, so the figures hold on any machine.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from adapters.run_table import DynamoRunTable
from benchmarks.aws.dynamodb import MeteredDynamoDB
from dag.status import RunStatus
from tests.runs.stage import Stage
from tests.simulation.graphs import chain, document, fan, layers

#: Write units that every run costs once, plan and durations left out.
ONCE = {"key": 1, "active": 1, "runs": 1, "status": 4}


@dataclass(frozen=True)
class Counts:
    """What a run cost."""

    submits: int
    invocations: int
    reads: int  #: requests that read
    writes: int  #: requests that write
    written: dict[str, int]  #: write units by kind of item, without compressed ones, which depend on zlib


def counts(parents: Sequence[Sequence[int]], batch: int, *, waiting: int = 0, **run: Any) -> Counts:
    """Run a pipeline whose jobs end in the order of their submission, with events in full batches.

    `waiting` is how many more jobs have ended by then; their events wait in the queue.
    """
    stage = Stage(document(parents, **run))
    dynamodb: Any = MeteredDynamoDB()
    stage.table = DynamoRunTable(dynamodb, "runs")  # type: ignore[assignment]
    stage.answers_from = DynamoRunTable(dynamodb.unmetered(), "runs")
    started = stage.start()
    invocations = 1
    while alive := [job for job in stage.batch.work if not job.over]:
        ended_jobs = alive[: batch + waiting]
        for job in ended_jobs:
            stage.batch.end(job)
        (stage.deliver_ten if waiting else stage.deliver)(*ended_jobs)
        invocations += 1
    ended = stage.table.get_run(started.run_id)
    assert ended is not None
    assert ended.status is RunStatus.SUCCEEDED
    requests = dynamodb.meter.requests
    requests["GetItem"] -= 1  # the look at its end, just now
    reading = sum(requests[name] for name in ("GetItem", "BatchGetItem", "Query"))
    return Counts(
        stage.batch.counts["SubmitJob"],
        invocations,
        reading,
        sum(requests.values()) - reading,
        {kind: units for kind, units in dynamodb.meter.written.items() if kind not in ("plan", "durations")},
    )


def test_a_chain_of_10() -> None:
    assert counts(chain(10), 10) == Counts(10, 11, 42, 59, ONCE | {"shard": 30, "job": 10, "end": 10})


def test_1_to_300_to_1_in_single_jobs() -> None:
    assert counts(fan(300), 10) == Counts(302, 33, 91, 106, ONCE | {"shard": 84, "job": 302, "end": 302})


def test_1_to_300_to_1_in_arrays() -> None:
    assert counts(fan(300), 10, array_jobs=True) == Counts(
        3, 33, 57, 86, ONCE | {"shard": 70, "job": 2, "array": 6, "end": 302}
    )


def test_1_to_300_to_1_in_arrays_whose_events_come_together() -> None:
    assert counts(fan(300), 300, array_jobs=True) == Counts(
        3, 4, 24, 39, ONCE | {"shard": 15, "job": 2, "array": 6, "end": 302}
    )


def test_1_to_300_to_1_in_arrays_whose_events_wait_in_the_queue() -> None:
    assert counts(fan(300), 10, waiting=90, array_jobs=True) == Counts(
        3, 6, 26, 41, ONCE | {"shard": 19, "job": 2, "array": 6, "end": 302}
    )


def test_5_layers_of_100() -> None:
    assert counts(layers(random.Random(1), 5, 100), 100, array_jobs=True) == Counts(
        5, 6, 31, 57, ONCE | {"shard": 28, "array": 10, "end": 500}
    )


def test_1_to_1000_to_1_is_three_requests_however_long_the_names() -> None:
    """ECS takes 8,192 characters of a job's overrides, so a thousand children ask for their payloads."""
    found = counts(fan(1000), 10, waiting=90, array_jobs=True)
    assert (found.submits, found.written["array"], found.written["end"]) == (3, 16, 1002)


@pytest.mark.long
def test_10_layers_of_1000_are_ten_requests() -> None:
    found = counts(layers(random.Random(1), 10, 1000), 1000, array_jobs=True)
    assert found.submits == 10
