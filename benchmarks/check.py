"""`kedro aws-batch check` of a large project, against what Kedro alone takes to open it."""

from __future__ import annotations

import compileall
import sys
import tempfile
from pathlib import Path

from benchmarks.large_project import ENTRIES, NODES, write_large_project
from benchmarks.processes import cpu_seconds
from benchmarks.report import Report

_TIMES = 5
_QUIET = {"KEDRO_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
#: What `kedro run` does before it runs the first node.
_OPENS = """
from pathlib import Path
from kedro.framework.cli import main
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

bootstrap_project(Path.cwd())
with KedroSession.create(env="aws_batch", save_on_close=False) as session:
    context = session.load_context()
    dict(pipelines)
    context.catalog
"""
#: A project → how it is written, and the code that `check` exits with.
_PROJECTS = {
    "data on S3, nodes that read the clock": ({}, 0),
    "the same, data on this machine": ({"on_s3": False}, 1),
    "with a resolver that reads the clock: opened twice": ({"clock": True}, 0),
}


def run() -> list[Report]:
    """Measure the three projects."""
    report = Report(
        "check",
        f"`kedro aws-batch check` of {NODES} nodes and {ENTRIES} catalog entries, ÷ opening by Kedro alone",
        ("project", "CPU ÷ Kedro", "wall ÷ Kedro", "CPU s", "wall s"),
        notes=("each in a fresh process, in turn, the least of several",),
    )
    check = [str(Path(sys.executable).with_name("kedro")), "aws-batch", "check"]
    with tempfile.TemporaryDirectory() as directory:
        for number, (name, (ways, code)) in enumerate(_PROJECTS.items()):
            project = write_large_project(Path(directory) / str(number), **ways)
            compileall.compile_dir(project / "src", quiet=1)
            alone, checked = [], []
            for _ in range(_TIMES):
                alone.append(cpu_seconds([sys.executable, "-c", _OPENS], project, _QUIET))
                checked.append(cpu_seconds(check, project, _QUIET, code=code))
            (floor_cpu, floor_wall), (cpu, wall) = _least(alone), _least(checked)
            row = (round(cpu / floor_cpu, 2), round(wall / floor_wall, 2), round(cpu, 2), round(wall, 2))
            report.rows.append((name, *row))
    return [report]


def _least(used: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the least CPU and wall seconds."""
    return min(cpu for cpu, _ in used), min(wall for _, wall in used)
