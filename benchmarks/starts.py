"""The user's view: whole runs on hosts that start slowly, and our part of their time and cost."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.aws.deployment import Deployment
from benchmarks.aws.hosts import Hosts
from benchmarks.aws.service import Service
from benchmarks.measure import measure, seconds
from benchmarks.report import Cell, Report
from benchmarks.shapes import SHAPES, Parents, critical_path, depth
from kedro_aws_batch.prices import HOUR, TABLE
from tests.simulation.graphs import chain

COLUMNS = (
    "shape",
    "start, s",
    "nodes",
    "your run, s",
    "nodes' own, s",
    "starts, s",
    "launch rate, s",
    "ours, s",
    "Fargate, $/1,000",
    "ours, $/1,000",
    "reads",
)
#: Seconds from a job's launch to its container's start: none, Fargate with a small image, and with a large one.
STARTS = (0, 45, 90)
NAMES = ("chain 100", "10 layers of 10", "10 layers of 100", "1→1,000→1")
LASTS = 60.0
_RATES = TABLE["fargate-x86"]
_VCPUS, _GIB = 1, 2


def run() -> list[Report]:
    """Measure some shapes with each start."""
    deployment = Deployment.deployed()
    report = Report(
        "starts",
        "Runs on Fargate in virtual time, nodes of 60 s each, array jobs on",
        COLUMNS,
        notes=(
            "your run: from the invocation of start_run to the run's end; nodes' own: the longest path of nodes",
            "starts: of the containers on that path; launch rate: what 100 at once, then 20 a second, adds",
            f"Fargate: {_VCPUS} vCPU and {_GIB} GiB a job, from its launch on, a minute at least; {_RATES.source}",
            "reads: requests of the run table that read",
        ),
    )
    shapes = {"chain 10": chain(10), **{name: SHAPES[name]() for name in NAMES}}
    for name, parents in shapes.items():
        for start in STARTS:
            report.rows.append((name, start, len(parents), *row(parents, start, deployment)))
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return [report]


def row(parents: Parents, start: float, deployment: Deployment) -> tuple[Cell, ...]:
    """Return the figures of a shape, with containers that take so many seconds to start."""
    lasts = seconds(len(parents), LASTS, LASTS)
    hosts = Hosts(start * 1000, fargate=True)
    measured = measure(parents, lasts, deployment, hosts, array_jobs=True)
    unhurried = measure(parents, lasts, deployment, Hosts(start * 1000), array_jobs=True)
    path = critical_path(parents, lasts)
    starts = start * depth(parents)
    return (
        round(measured.makespan),
        round(path),
        round(starts),
        round(measured.makespan - unhurried.makespan),
        round(unhurried.makespan - path - starts, 1),
        round(fargate_dollars(hosts) / len(parents) * 1000, 3),
        round(measured.per_thousand, 4),
        reads(measured.service),
    )


def fargate_dollars(hosts: Hosts) -> float:
    """Return Fargate's bill for all jobs."""
    return hosts.billed_seconds / HOUR * (_VCPUS * _RATES.vcpu_hour + _GIB * _RATES.gb_hour)


READS: Sequence[str] = ("GetItem", "Query", "BatchGetItem")


def reads(service: Service) -> int:
    """Return how many of a run's requests read its table."""
    return sum(service.usage.calls[name] for name in READS)
