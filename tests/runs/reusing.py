"""A stage with storage, for runs that reuse what earlier ones have made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from dag.document import Node
from dag.records import Run
from dag.request import Allowed
from runs.reading import read_outcomes
from tests.runs.stage import Stage
from tests.simulation.graphs import DEFINITION, QUEUE, document

HOUR = 3_600_000


ALLOWED = Allowed([QUEUE], [DEFINITION])


class World(Stage):
    """A stage with storage that shows what its runs have written."""

    def __init__(self, parents: Sequence[Sequence[int]], *, versioned: bool = False, raw: bool = False) -> None:
        base = document(parents)
        datasets = {name: replace(one, versioned=versioned) for name, one in base.datasets.items()}
        nodes = base.nodes
        if raw:
            nodes = (replace(nodes[0], inputs=("raw",)), *nodes[1:])
            datasets["raw"] = replace(datasets["d0"], versioned=False)
        super().__init__(replace(base, nodes=nodes, datasets=datasets, run={**base.run, "reuse": True}))
        self.sign(*(f"code {index}" for index in range(len(parents))))
        self.shown: dict[str, dict[str, Any]] = {"raw": {"at": self.now - HOUR, "digest": "r"}} if raw else {}
        self.keys = 0

    def sign(self, *codes: str, **more: Any) -> None:
        """Deploy the graph with this code of each node."""
        signatures = {"nodes": [[code, 0] for code in codes], "parts": {}, "made_of": [[]], "entries": {}, **more}
        self.document = replace(self.document, signatures=signatures)

    def go(self, **request: Any) -> Run:
        """Start another run."""
        self.keys += 1
        return self.start(key=f"given:{self.keys}", stored=dict(self.shown), **request)

    def write(self, group: int, exit_code: int = 0) -> None:
        """Let a job of the run write its outputs, and end."""
        self.now += 500
        for name in self.dispatcher.plan(self.run_id).groups[group].nodes:
            for output in self.node(name).outputs:
                at = self.now - self.now % 1000
                self.shown[output] = {"at": at, "digest": f"{self.now}", "version": self.run_id}
        self.now += 500
        self.finish(group, exit_code)

    def node(self, name: str) -> Node:
        """Return a node of the document."""
        return next(node for node in self.document.nodes if node.name == name)

    def write_all(self) -> None:
        """Let all jobs write, as they come."""
        while alive := [job for job in self.batch.work if not job.over and self._own(job)]:
            self.write(self.group(alive[0]))

    def settle(self) -> None:
        """Let an hour go by, with reconcile."""
        self.reconcile(HOUR)
        self.reconcile(1000)

    def started_and_ended(self) -> tuple[int, int]:
        """Return when the first job of the run was at work."""
        (end,) = read_outcomes(self.table, self.run_id, 0, 0)
        assert end.started_at is not None
        assert end.ended_at is not None
        return end.started_at, end.ended_at

    def again(self) -> Mapping[str, str]:
        """Return what the run does again, and why."""
        resumed = self.run.resumed
        assert resumed is not None
        again: Mapping[str, str] = resumed["again"]
        return again


def once(world: World) -> Run:
    """Make one whole run, and let it settle."""
    run = world.go()
    world.write_all()
    world.settle()
    return run


BOTH = pytest.mark.parametrize("versioned", [False, True], ids=["plain", "versioned"])


def failed(world: World, **request: Any) -> str:
    """Run until the second node fails, and return the run."""
    run_id = world.go(reuse=False, **request).run_id
    world.write(0)
    world.finish(1, exit_code=1)
    world.settle()
    return run_id
