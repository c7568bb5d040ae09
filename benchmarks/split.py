"""The time of a node on many machines: the makespan of its slices beside the largest of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

from benchmarks.aws.deployment import Deployment
from benchmarks.aws.service import Service
from benchmarks.report import Report
from dag.document import Dataset, GraphDocument
from dag.slices import read_unit, slice_of
from tests.simulation.graphs import document

#: Slices and partitions; each partition takes a job about two seconds.
SIZES = ((20, 3_000), (50, 3_000), (500, 30_000))
_PARTS = Dataset("partitions.PartitionedDataset", "remote", versioned=False, partitions="kept")
_AROUND = 60.0  #: seconds of the nodes before and after


def run() -> list[Report]:
    """Measure each size, of one split node and of a chain of two that goes slice by slice."""
    report = Report(
        "split",
        "One node on many machines, in virtual time",
        ("slices", "partitions", "split nodes", "largest ÷ mean slice", "makespan ÷ floor", "SubmitJob", "invocations"),
        notes=(
            "a node of a minute, the split ones, a node of a minute; Batch starts jobs at once",
            "floor: the two minutes and the largest slice; of a chain, what the slowest slice takes in both",
        ),
    )
    for slices, partitions in SIZES:
        for nodes in (1, 2):
            report.rows.append(measure(slices, partitions, nodes))
    return [report]


def measure(slices: int, partitions: int, nodes: int) -> tuple[int, int, int, float, float, int, int]:
    """Return the figures of a run: see `run`."""
    rng = random.Random(slices)
    takes = dict.fromkeys(range(1, slices + 1), 0.0)
    for number in range(partitions):
        takes[slice_of(f"part_{number:06}", slices)] += rng.uniform(1.5, 2.5)
    service = Service(split_document(slices, nodes), lambda name: 1000 * _seconds(name, takes), Deployment.deployed())
    service.go()
    assert service.ended is not None
    floor = 2 * _AROUND + nodes * max(takes.values())
    makespan = (service.ended - service.began) / 1000
    unevenness = max(takes.values()) / (sum(takes.values()) / slices)
    calls, invocations = service.usage.calls["SubmitJob"], sum(service.usage.invocations.values())
    return slices, partitions, nodes, round(unevenness, 2), round(makespan / floor, 4), calls, invocations


def _seconds(name: str, takes: Mapping[int, float]) -> float:
    """Return how long a node, or a slice of one (`n1[7/50]`), takes."""
    part = read_unit(name)
    return _AROUND if part is None else takes[part[1]]


def split_document(slices: int, nodes: int) -> GraphDocument:
    """Return a document of a node, some split ones, and a node."""
    of = document([[index - 1] if index else [] for index in range(nodes + 2)], array_jobs=True)
    split = range(1, nodes + 1)
    found = tuple(
        replace(node, resources={**node.resources, "split": slices}) if index in split else node
        for index, node in enumerate(of.nodes)
    )
    parts = {f"d{index}": _PARTS for index in range(nodes + 1)}
    return replace(of, nodes=found, datasets={**of.datasets, **parts})
