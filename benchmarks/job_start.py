"""What the start of one job costs: ours against `kedro run --nodes`, on the example, bytecode compiled."""

from __future__ import annotations

import compileall
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.processes import cpu_seconds
from benchmarks.report import Report
from tests.examples.project import copy_spaceflights

_NODE, _PIPELINE = "clean_companies_node", "data_processing"
_TIMES = 3
_QUIET = {"KEDRO_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}


def run() -> list[Report]:
    """Measure one node each way."""
    report = Report(
        "job_start",
        f"One job of the example ({_NODE}), start to end, ÷ ours",
        ("command", "CPU ÷ ours", "wall ÷ ours", "CPU s", "wall s"),
        notes=("each in a fresh process, alternating, the least of several; the node itself takes a few ms",),
    )
    group = {"nodes": [_NODE], "load_versions": {}, "pipelines": [_PIPELINE]}
    payload = {"format": 1, "run_id": "2026-11-22T13.11.00.123Z", "environment": "base", "pipelines": ["__default__"]}
    ours = {**_QUIET, "KEDRO_AWS_BATCH_JOB": json.dumps({**payload, "params": {}, "groups": [group]})}
    kedro = str(Path(sys.executable).with_name("kedro"))
    ways: dict[str, tuple[Sequence[str], dict[str, str]]] = {
        "python -m kedro_aws_batch.job": ([sys.executable, "-m", "kedro_aws_batch.job"], ours),
        "kedro run --nodes": ([kedro, "run", f"--nodes={_NODE}", "--env=base"], _QUIET),
        "kedro run --nodes --pipelines": (
            [kedro, "run", f"--nodes={_NODE}", "--env=base", f"--pipelines={_PIPELINE}"],
            _QUIET,
        ),
    }
    least: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as directory:
        project = copy_spaceflights(Path(directory))
        compileall.compile_dir(project / "src", quiet=1)
        for _ in range(_TIMES):
            for name, (command, environment) in ways.items():
                used = cpu_seconds(command, project, environment)
                least[name] = min(used, least.get(name, used))
    first = next(iter(least.values()))
    for name, (cpu, wall) in least.items():
        report.rows.append((name, *(round(a / b, 2) for a, b in zip((cpu, wall), first, strict=True)), cpu, wall))
    return [report]
