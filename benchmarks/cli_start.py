"""The start of commands that need no pipelines, against `kedro --version`, in the example."""

from __future__ import annotations

import compileall
import sys
import tempfile
from pathlib import Path

from benchmarks.processes import cpu_seconds
from benchmarks.report import Report
from tests.examples.project import copy_spaceflights

_TIMES = 5
_QUIET = {"KEDRO_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
_COMMANDS = ("--version", "aws-batch --help", "aws-batch run --help", "aws-batch list --local")


def run() -> list[Report]:
    """Measure each command."""
    report = Report(
        "cli_start",
        "Start of commands that need no pipelines, ÷ `kedro --version`",
        ("command", "CPU ÷ kedro --version", "wall ÷ kedro --version", "CPU s", "wall s more"),
        notes=("each in a fresh process, in turn, the least of several",),
    )
    kedro = str(Path(sys.executable).with_name("kedro"))
    least: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as directory:
        project = copy_spaceflights(Path(directory))
        compileall.compile_dir(project / "src", quiet=1)
        for _ in range(_TIMES):
            for command in _COMMANDS:
                used = cpu_seconds([kedro, *command.split()], project, _QUIET)
                before = least.get(command, used)
                least[command] = (min(used[0], before[0]), min(used[1], before[1]))
    floor = least["--version"]
    for command, (cpu, wall) in least.items():
        row = (round(cpu / floor[0], 2), round(wall / floor[1], 2), round(cpu, 2), round(wall - floor[1], 2))
        report.rows.append((f"kedro {command}", *row))
    return [report]
