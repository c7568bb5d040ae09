"""Whole runs of the real code on the simulated AWS: their time, calls and dollars."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from benchmarks.aws import figures
from benchmarks.aws.deployment import Deployment
from benchmarks.measure import Measured, measure, seconds
from benchmarks.report import Cell, Report
from benchmarks.shapes import SHAPES, Parents, transitions

COLUMNS = (
    "shape",
    "jobs, s",
    "arrays",
    "nodes",
    "÷ critical path",
    "wait, s",
    "SubmitJob",
    "invocations",
    "requests/node",
    "writes/node",
    "reads/node",
    "$/1,000 nodes",
    "of it reconcile",
    "Step Functions",
    "largest item, KB",
    "start_run, MB",
)
_MOST_WITHOUT_ARRAYS = 20_000  # SubmitJob's quota alone would take more than half an hour for more


def run() -> list[Report]:
    """Measure every shape."""
    deployment = Deployment.deployed()
    report = Report(
        "scale",
        f"Runs in virtual time (batch · window · concurrency: {deployment})",
        COLUMNS,
        notes=(
            "÷ critical path: makespan, from the invocation of start_run to the run's end; Batch starts jobs at once",
            "requests, writes, reads: DynamoDB requests and units; $: DynamoDB, Lambda, SQS and EventBridge, not Batch",
            "Step Functions: the least number of state transitions by its price list",
            "start_run, MB: peak resident memory of the function that needs most, in a process of its own",
        ),
    )
    for name, shape in SHAPES.items():
        parents = shape()
        memory = peak_memory(name)
        for lasts in ((60, 60), (60, 80)):
            for arrays in (True, False):
                if not arrays and len(parents) > _MOST_WITHOUT_ARRAYS:
                    continue
                measured = measure(parents, seconds(len(parents), *lasts), deployment, array_jobs=arrays)
                kind = "60" if lasts == (60, 60) else "60–80"
                report.rows.append((name, kind, "on" if arrays else "off", *row(measured, parents), memory))
                print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return [report, Report("figures", "What the simulated AWS is made of", _FIGURES, list(_figures()))]


def row(measured: Measured, parents: Parents) -> tuple[Cell, ...]:
    """Return the figures of a run."""
    service, nodes = measured.service, measured.nodes
    meter, usage = service.dynamodb.meter, service.usage
    return (
        nodes,
        round(measured.ratio, 4),
        round(measured.wait, 1),
        usage.calls["SubmitJob"],
        sum(usage.invocations.values()),
        round(meter.total / nodes, 2),
        round(meter.units["write"] / nodes, 2),
        round(meter.units["read"] / nodes, 2),
        round(measured.per_thousand, 5),
        round(service.dollars("reconcile") / nodes * 1000, 5),
        round(transitions(parents) * figures.TRANSITION.value / nodes * 1000, 4),
        round(meter.largest / 1024, 1),
    )


def peak_memory(shape: str) -> int:
    """Return the most MB that start_run needs for a shape."""
    command = [sys.executable, "-m", "benchmarks.memory", shape]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


_FIGURES = ("figure", "value", "source")


def _figures() -> Iterator[tuple[Cell, ...]]:
    for figure in figures.ALL.values():
        yield figure.what, figure.value, figure.source
