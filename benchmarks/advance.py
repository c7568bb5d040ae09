"""CPU time of one event, warm, by the size of the run: the handler's body on a table that answers at once."""

from __future__ import annotations

import gc
import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

from adapters.run_table import DynamoRunTable
from benchmarks.aws.dynamodb import MeteredDynamoDB
from benchmarks.report import Report
from runs.messages import take
from tests.runs.stage import Stage
from tests.simulation.graphs import chain, document, fan, layers

_SIZES = (10, 100, 1_000, 10_000)
_EVENTS = 60
_SHAPES: dict[str, Callable[[int], list[list[int]]]] = {
    "chain": chain,
    "layers of √n": lambda size: layers(random.Random(1), max(2, round(size**0.5)), max(2, round(size**0.5))),
    "1→n→1": lambda size: fan(size - 2),
}


def run() -> list[Report]:
    """Measure events in the middle of runs of each shape and size."""
    report = Report(
        "advance",
        "CPU µs of one event, median of some in the middle of a run",
        ("groups", *_SHAPES),
        notes=(
            "the real handler's body on real events and items; a DynamoDB and a Batch that answer at once are included",
            "a chain's event submits the next job; 1→n→1: the end of one of the n, for which the last node waits",
        ),
    )
    for size in _SIZES:
        report.rows.append((size, *(round(microseconds(shape(size))) for shape in _SHAPES.values())))
    client = Report("client", "CPU µs of boto3 for one request", ("request", "µs"), [("GetItem", round(client_cost()))])
    return [report, client]


def microseconds(parents: list[list[int]]) -> float:
    """Return the median CPU µs of single events."""
    stage = Stage(document(parents))
    client: Any = MeteredDynamoDB()
    stage.table = DynamoRunTable(client, "runs")  # type: ignore[assignment]
    stage.start()
    half = len(parents) // 2
    done = 0
    while done < min(half, 1000):  # in large batches to the middle
        alive = [job for job in stage.batch.work if not job.over][: min(100, half - done)]
        for job in alive:
            stage.batch.end(job)
        stage.deliver(*alive)
        done += len(alive)
    used = []
    gc.collect()
    gc.disable()
    for _ in range(min(_EVENTS, len(parents) - half - 2)):
        job = next(job for job in stage.batch.work if not job.over)
        stage.batch.end(job)
        records = [{"messageId": "m", "body": json.dumps({"detail": job.detail()})}]
        dispatcher = stage.dispatcher
        begin = time.thread_time()
        take(dispatcher, records)
        used.append(time.thread_time() - begin)
    gc.enable()
    return statistics.median(used) * 1e6


def client_cost() -> float:
    """Return the CPU µs of boto3 for a request, without the network."""
    client = boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")  # noqa: S106

    class Raw:
        def stream(self) -> list[bytes]:
            return [b'{"Item":{"pk":{"S":"run"},"sk":{"S":"status"}}}']

    def answer(request: Any, **_: Any) -> AWSResponse:
        headers: Any = {"x-amzn-requestid": "x"}
        return AWSResponse(request.url, 200, headers, Raw())

    client.meta.events.register("before-send.dynamodb.*", answer)  # type: ignore[arg-type]
    used = []
    for _ in range(300):
        begin = time.thread_time()
        client.get_item(TableName="runs", Key={"pk": {"S": "run"}, "sk": {"S": "status"}}, ConsistentRead=True)
        used.append(time.thread_time() - begin)
    return statistics.median(used[50:]) * 1e6
