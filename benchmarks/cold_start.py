"""The cold start of each function, against the floor: importing boto3 and making two clients.

It uses the deployed zip, unpacked, with a fresh process each time, alternating, and takes the least of several.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import boto3

from benchmarks.processes import cpu_seconds
from benchmarks.report import Report
from kedro_aws_batch.package.archive import build_zip
from tests.acceptance.support import graph_document, layers

FUNCTIONS = ("start_run", "job_state_change", "reconcile", "describe_run", "list_runs", "cancel_run")
_TABLE, _SUBMIT = "ports.table._client.get_item", "ports.queue._submitter.submit_job"
#: The clients that every function needs; submitting has another.
_FIRST = dict.fromkeys(FUNCTIONS, _TABLE) | dict.fromkeys(FUNCTIONS[:2], f"{_TABLE}; {_SUBMIT}")
_TIMES = 5
_FLOOR = "import boto3; boto3.client('dynamodb'); boto3.client('batch')"
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "RUN_TABLE": "runs",
    "EVENTS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/1/q",
    "EVENT_BUS": "default",
    "JOB_QUEUES": "q",
    "JOB_DEFINITIONS": "d",
    "REUSE_BUCKETS": "",
    "RUN_RETENTION_DAYS": "90",
    "LONGEST_INVOCATION_SECONDS": "60",
    "POWERTOOLS_SERVICE_NAME": "service",
    "POWERTOOLS_METRICS_NAMESPACE": "KedroAwsBatch",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def run() -> list[Report]:
    """Measure each function."""
    report = Report(
        "cold_start",
        "CPU of a fresh process that imports a function, ÷ the floor",
        ("function", "imported", "ready to act", "without bytecode", "CPU ms"),
        notes=(
            "floor: importing boto3 and making two clients; its own CPU ms in the first row",
            "ready to act: with the clients that the function always needs: those of the two that submit have one more",
            "without bytecode: as imported, from a zip that holds sources only",
        ),
    )
    with tempfile.TemporaryDirectory() as directory:
        tree, bare = _unpack(Path(directory))
        codes: dict[tuple[str, str], tuple[str, Path]] = {("floor", "imported"): (_FLOOR, tree)}
        for name in FUNCTIONS:
            imported = f"import handlers.{name}"
            ready = (
                f"{imported}; from handlers.service import dispatcher; ports = dispatcher(None).ports; {_FIRST[name]}"
            )
            codes[name, "imported"] = (imported, tree)
            codes[name, "ready"] = (ready, tree)
            codes[name, "bare"] = (imported, bare)
        least = _least(codes)
    floor = least["floor", "imported"]
    report.rows.append(("floor", 1.0, 1.0, None, round(floor * 1000)))
    for name in FUNCTIONS:
        kinds = [least[name, kind] for kind in ("imported", "ready", "bare")]
        report.rows.append((name, *(round(each / floor, 2) for each in kinds), round(kinds[0] * 1000)))
    return [report]


def _unpack(directory: Path) -> tuple[Path, Path]:
    """Return the packaged tree, and the same without bytecode."""
    graph = directory / "graph.json"
    graph.write_text(json.dumps(graph_document({"__default__": layers(10, 10)})), encoding="utf-8")
    build_zip(graph, directory / "service.zip")
    tree, bare = directory / "tree", directory / "bare"
    with zipfile.ZipFile(directory / "service.zip") as archive:
        archive.extractall(tree)
    shutil.copytree(tree, bare, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    return tree, bare


def _least(codes: Mapping[tuple[str, str], tuple[str, Path]]) -> dict[tuple[str, str], float]:
    runtime = str(Path(boto3.__file__).parents[1])  # as Lambda's: boto3, its bytecode there
    least: dict[tuple[str, str], float] = {}
    empty, _ = cpu_seconds([sys.executable, "-S", "-c", ""], Path.cwd(), {})
    for _ in range(_TIMES):
        for which, (code, tree) in codes.items():
            # -S: without it `site` imports what editable installs ask for; the function's own directory comes first.
            begin = f"import sys; sys.path[:0] = [{str(tree)!r}]; sys.path.append({runtime!r}); "
            used, _ = cpu_seconds([sys.executable, "-S", "-c", begin + code], tree, _ENVIRONMENT)
            least[which] = min(used - empty, least.get(which, 1e9))
    return least
