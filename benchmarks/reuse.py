"""Runs that reuse an earlier one, beside runs that don't: what they submit, how long they take, and what they cost."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adapters.run_table import DynamoRunTable
from benchmarks.aws.deployment import Deployment
from benchmarks.aws.hosts import Hosts
from benchmarks.aws.service import Service
from benchmarks.report import Cell, Report
from benchmarks.shapes import Parents, few_nodes, large_kedro
from benchmarks.starts import fargate_dollars, reads
from dag.document import GraphDocument
from dag.plan import load_plan
from tests.simulation.graphs import document

COLUMNS = (
    "shape",
    "since the run before",
    "nodes that run",
    "jobs",
    "your run, s",
    "Fargate, $",
    "ours, $",
    "our reads",
)
START, LASTS = 45.0, 60.0
_HOUR = 3_600_000
#: What a run of no earlier one is called.
FRESH = "no reuse"


@dataclass(frozen=True)
class Change:
    """What somebody has edited."""

    name: str
    node: int | None


def run() -> list[Report]:
    """Measure both shapes after each kind of change."""
    deployment = Deployment.deployed()
    report = Report(
        "reuse",
        f"Runs on Fargate in virtual time, nodes of {LASTS:g} s, containers that start in {START:g} s",
        COLUMNS,
        notes=(
            "not in these seconds: the command asks storage before, once for each output, 32 at a time",
            "our reads: requests of the run table that read",
        ),
    )
    for name, parents in (("12 nodes", few_nodes()), ("800 nodes", large_kedro())):
        for change in (None, Change("nothing", None), Change("a leaf", leaf(parents)), Change("a root", 0)):
            report.rows.append((name, change.name if change else FRESH, *row(parents, change, deployment)))
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return [report]


def leaf(parents: Parents) -> int:
    """Return the last node that nobody reads."""
    return max(set(range(len(parents))) - {one for above in parents for one in above})


def row(parents: Parents, change: Change | None, deployment: Deployment) -> tuple[Cell, ...]:
    """Return the figures of a run after a change; without one, of a run that reuses nothing."""
    first = played(parents, deployment)
    if change is None:
        return told(first)
    now = [f"code {index}{' edited' if index == change.node else ''}" for index in range(len(parents))]
    return told(played(parents, deployment, now, first))


def played(
    parents: Parents, deployment: Deployment, code: Sequence[str] = (), before: Service | None = None
) -> Service:
    """Play a run; after another one, an hour later, and reusing it."""
    signed = _signed(document(parents, array_jobs=True, reuse=True), code or [f"code {i}" for i in range(len(parents))])
    service = Service(signed, lambda _: LASTS * 1000, deployment)
    service.batch.hosts = Hosts(START * 1000, fargate=True)
    if before is not None:
        service.follow(before, _HOUR)
        service.request = {"stored": stored(before)}
    service.go()
    return service


def told(service: Service) -> tuple[Cell, ...]:
    """Return a run's figures."""
    assert service.ended is not None
    assert isinstance(service.batch.hosts, Hosts)
    ran = DynamoRunTable(service.dynamodb.unmetered(), "runs").get_run(service.run_id or "")  # type: ignore[arg-type]
    assert ran is not None
    return (
        ran.nodes_total,
        ran.groups_total,
        round((service.ended - service.began) / 1000, 1),
        round(fargate_dollars(service.batch.hosts), 3),
        round(service.dollars(), 6),
        reads(service),
    )


def stored(before: Service) -> dict[str, Mapping[str, Any]]:
    """Return what storage shows after a run: each output was put as its job ended."""
    table = DynamoRunTable(before.dynamodb.unmetered(), "runs")  # type: ignore[arg-type]
    ran = table.get_run(before.run_id or "")
    assert ran is not None
    groups = load_plan(b"".join(table.get_plan(ran.run_id, ran.plan_digest))).groups
    shown: dict[str, Mapping[str, Any]] = {}
    after = None
    while True:
        outcomes, after = table.outcomes(before.run_id or "", 0, len(before.document.nodes), after)
        for outcome in outcomes:
            assert outcome.ended_at is not None
            at = outcome.ended_at - outcome.ended_at % 1000
            (node,) = groups[outcome.mark.group].nodes
            shown[node.replace("n", "d")] = {"at": at, "digest": str(at)}
        if after is None:
            return shown


def _signed(graph: GraphDocument, code: Sequence[str]) -> GraphDocument:
    signatures = {"nodes": [[one, 0] for one in code], "parts": {}, "made_of": [[]], "entries": {}}
    return replace(graph, signatures=signatures)
