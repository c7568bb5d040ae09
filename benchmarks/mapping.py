"""The effect of the event source mapping's batch size, window and concurrency on wait and price."""

from __future__ import annotations

import sys

from benchmarks.aws.deployment import Deployment
from benchmarks.measure import measure, seconds
from benchmarks.report import Cell, Report
from benchmarks.shapes import SHAPES

#: Messages of a batch, ms of the window, functions at a time.
MAPPINGS = (
    (10, 0, 2),
    (10, 0, 3),
    (10, 0, 5),
    (10, 0, 10),
    (100, 1000, 5),
    (1000, 1000, 2),
    (1000, 1000, 10),
)
CASES = (
    ("chain 100", 60, 60),
    ("1→1,000→1", 60, 60),
    ("1→10,000→1", 60, 60),
    ("10 layers of 100", 60, 80),
    ("10 layers of 1,000", 60, 60),
    ("10 layers of 1,000", 60, 80),
)


def run() -> list[Report]:
    """Measure every mapping, with arrays."""
    columns = ["batch · window · concurrency"]
    for name, shortest, longest in CASES:
        kind = name if shortest == longest else f"{name}, {shortest}–{longest} s"
        columns += [f"{kind} ÷", f"{kind} $"]
    report = Report("mapping", "Makespan ÷ critical path and dollars per 1,000 nodes, arrays on", columns)
    memory = Deployment.deployed().memory_mb
    for mapping in MAPPINGS:
        deployment = Deployment(*mapping, memory)
        cells: list[Cell] = [str(deployment)]
        for name, *lasts in CASES:
            parents = SHAPES[name]()
            measured = measure(parents, seconds(len(parents), *lasts), deployment, array_jobs=True)
            cells += [round(measured.ratio, 4), round(measured.per_thousand, 5)]
        report.rows.append(cells)
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return [report]
