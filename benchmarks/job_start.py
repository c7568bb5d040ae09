"""The start of one job: ours against `kedro run --nodes`, on the example, with compiled bytecode."""

from __future__ import annotations

import compileall
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.processes import cpu_seconds
from benchmarks.report import Report
from tests.examples.project import copy_spaceflights

_NODE, _PIPELINE = "clean_companies_node", "data_processing"
_TIMES = 3
#: The imports at the head of the modules of Kedro's own starter; the example has them within functions.
_AS_IN_THE_STARTER = {
    "data_science": "from sklearn import linear_model, metrics, model_selection\n",
    "reporting": "import matplotlib.pyplot\nimport plotly.express\n",
}
_QUIET = {"KEDRO_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}


def run() -> list[Report]:
    """Measure one node each way, in the example as it is and with the imports of Kedro's starter."""
    return [
        _measured("job_start", f"One job of the example ({_NODE}), start to end, ÷ kedro run --nodes", {}),
        _measured(
            "job_start_starter",
            "The same, where other pipelines import scikit-learn, Matplotlib and Plotly, as in Kedro's starter",
            _AS_IN_THE_STARTER,
        ),
    ]


def _measured(name: str, title: str, imports: Mapping[str, str]) -> Report:
    report = Report(
        name,
        title,
        ("command", "CPU ÷ kedro run", "wall ÷ kedro run", "CPU s", "wall s"),
        notes=("each in a fresh process, alternating, the least of several; the node itself takes a few ms",),
    )
    least = _least(imports)
    usual = least["kedro run --nodes"]
    for command, (cpu, wall) in least.items():
        ratios = (round(cpu / usual[0], 2), round(wall / usual[1], 2))
        report.rows.append((command, *ratios, round(cpu, 2), round(wall, 2)))
    return report


def _least(imports: Mapping[str, str]) -> dict[str, tuple[float, float]]:
    """Return the least CPU and wall seconds of each command."""
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
        for pipeline, lines in imports.items():
            nodes = project / "src/spaceflights/pipelines" / pipeline / "nodes.py"
            docstring, _, rest = nodes.read_text(encoding="utf-8").partition("\n\n")
            nodes.write_text(f"{docstring}\n\n{lines}{rest}", encoding="utf-8")
        compileall.compile_dir(project / "src", quiet=1)
        for _ in range(_TIMES):
            for name, (command, environment) in ways.items():
                used = cpu_seconds(command, project, environment)
                least[name] = min(used, least.get(name, used))
    return least
