"""Runs the drivers in turn and counts each one's calls."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.report import Cell, Report
from benchmarks.side_by_side.drivers import DRIVERS, REDUN, Spec, redun_command
from benchmarks.side_by_side.shapes import SHAPES
from tests.acceptance.support import Node, Shape, graph_document

#: How often the floor and ours run, by the kind of jobs. The others run once: their pauses hide the noise.
TIMES = {"nothing": 5, "five": 2}
#: Name → seconds that each job sleeps; each has a job definition.
JOBS = {"nothing": 0, "five": 5}
COLUMNS = ("shape", "jobs, s", "driver", "wall, s", "÷ floor", "Batch calls", "other AWS calls", "driver CPU, s")


@dataclass(frozen=True)
class Measured:
    """One run by one driver."""

    wall: float
    cpu: float  #: of the driver and, for ours, of the functions
    calls: Mapping[str, int]

    @property
    def batch(self) -> int:
        """Return the calls of Batch."""
        return self.calls.get("batch", 0)

    @property
    def others(self) -> int:
        """Return all other calls."""
        return sum(self.calls.values()) - self.batch


def run() -> list[Report]:
    """Compare the drivers in both shapes, with jobs of no length and of 5 s."""
    drivers = [*DRIVERS, *(["redun"] if REDUN.exists() else [])]
    report = Report(
        "side_by_side",
        "One emulated Batch, in real time",
        COLUMNS,
        notes=(
            f"floor and ours: median of {TIMES['nothing']} and {TIMES['five']} runs, in turn; the others run once",
            "jobs are `sleep`, whoever submits them",
            "wall: from the driver's first call until it knows that all nodes have succeeded",
            "ours: the functions warm; ours, first: the first run after a deployment, each function starting cold",
            "driver CPU: its process from start to end; for ours also the processes of the functions",
            "floor: everything submitted up front, ordered by dependsOn; no retry, no abort, no resume",
        ),
    )
    for definition in TIMES:
        for shape in SHAPES:
            report.rows += _rows(shape, definition, drivers)
    return [report]


def _rows(shape: str, definition: str, drivers: Sequence[str]) -> list[Sequence[Cell]]:
    """Return the figures of all drivers, each on a new AWS, the fastest first."""
    taken: dict[str, list[Measured]] = {name: [] for name in ("ours, first", *drivers)}
    with tempfile.TemporaryDirectory() as directory:
        _write_graph(Path(directory), definition)
        with Host(Path(directory)) as host:
            spec = host.spec(shape, definition)
            taken["ours, first"].append(host.measure("ours", spec))
            for turn in range(TIMES[definition]):
                for name in drivers:
                    if turn == 0 or name in ("floor", "ours"):
                        taken[name].append(host.measure(name, spec))
    floor = statistics.median(each.wall for each in taken["floor"])
    return [_row(spec, name, measured, floor) for name, measured in sorted(taken.items(), key=_walls)]


def _walls(item: tuple[str, list[Measured]]) -> float:
    return statistics.median(each.wall for each in item[1])


def _row(spec: Spec, name: str, taken: Sequence[Measured], floor: float) -> Sequence[Cell]:
    wall = statistics.median(each.wall for each in taken)
    return (
        spec.shape,
        JOBS[spec.definition],
        name,
        round(wall, 2),
        round(wall / floor, 3),
        round(statistics.median(each.batch for each in taken)),
        round(statistics.median(each.others for each in taken)),
        round(statistics.median(each.cpu for each in taken), 2),
    )


def _write_graph(directory: Path, definition: str) -> None:
    pipelines: dict[str, Shape] = {}
    for number, (name, shape) in enumerate(SHAPES.items()):
        nodes = enumerate(shape())
        pipelines[name] = {
            f"p{number}n{node}": Node(after=[f"p{number}n{parent}" for parent in above], resources=_RESOURCES)
            for node, above in nodes
        }
    document = graph_document(pipelines, array_jobs=True, job_definition=definition)
    (directory / "graph.json").write_text(json.dumps(document), encoding="utf-8")


#: The same for all, so that arrays are possible.
_RESOURCES = {"vcpus": 1, "memory": 1000, "environment": {}}


class Host:
    """The process of the emulated AWS."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._child: subprocess.Popen[str] | None = None
        self._told: dict[str, Any] = {}

    def __enter__(self) -> Host:
        """Start it and wait until it serves."""
        seconds = {name: str(lasts) for name, lasts in JOBS.items()}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.side_by_side.host", str(self._directory), json.dumps(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._told = self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        assert self._child is not None
        self._child.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._child is not None
        assert self._child.stdout is not None
        answer: dict[str, Any] = json.loads(self._child.stdout.readline())
        return answer

    def _meter(self) -> dict[str, Any]:
        assert self._child is not None
        stdin: IO[str] = self._child.stdin  # type: ignore[assignment]
        print("meter", file=stdin, flush=True)
        return self._answer()

    def spec(self, shape: str, definition: str) -> Spec:
        """Return the drivers' task."""
        look_every = 0.5 if JOBS[definition] else 0.1
        return Spec(shape, definition, self._told["queue"], self._told["prefix"], shape, look_every)

    def measure(self, name: str, spec: Spec) -> Measured:
        """Run one driver."""
        self._meter()
        command = [sys.executable, "-m", "benchmarks.side_by_side.drivers", name, json.dumps(asdict(spec))]
        environment = {**os.environ, **self._told["environment"]}
        if name == "redun":
            scratch = self._directory / "redun"
            shutil.rmtree(scratch, ignore_errors=True)
            parents = spec.parents()
            names = [f"n{number}" for number in range(len(parents))]
            command = redun_command("sleeping", spec, str(scratch), names, parents)
        wall, cpu = run_driver(command, environment)
        meter = self._meter()
        ours = meter["cpu"] if name == "ours" else 0
        return Measured(wall, cpu + ours, meter["calls"])


def run_driver(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Return the wall seconds that a driver reports, and the CPU seconds of its process."""
    with subprocess.Popen(command, env=dict(environment), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}")
    return float(said.split()[-1]), usage.ru_utime + usage.ru_stime
