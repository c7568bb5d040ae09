"""What a group costs in a container that carries on, beside its first group: each has a process of its own."""

from __future__ import annotations

import compileall
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from benchmarks.processes import cpu_seconds
from benchmarks.report import Report
from tests.examples.project import copy_spaceflights

_NODE, _PIPELINE = "clean_companies_node", "data_processing"
_TIMES, _FURTHER = 3, 6
_RUN = "2026-11-22T13.11.00.123Z"
_GROUP = {"nodes": [_NODE], "load_versions": {}, "pipelines": [_PIPELINE]}
_PAYLOAD = {"format": 1, "run_id": _RUN, "environment": "base", "pipelines": ["__default__"], "params": {}}
_FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:service-next_group"


def run() -> list[Report]:
    """Measure a container of one group, and one of several."""
    report = Report(
        "warm_group",
        f"A group of the example ({_NODE}), start to end, in its container",
        ("group", "CPU ÷ first", "wall ÷ first", "CPU s", "wall s"),
        notes=("the node itself takes a few ms; the question to a next_group that answers at once is included",),
    )
    first, two, all_ = _least(0), _least(1), _least(1 + _FURTHER)
    second = tuple(both - one for both, one in zip(two, first, strict=True))
    further = tuple((whole - both) / _FURTHER for whole, both in zip(all_, two, strict=True))
    rows = {
        "first, in a fresh container": first,
        "second, with the imports for all that follow": second,
        "each further one": further,
    }
    for name, (cpu, wall) in rows.items():
        report.rows.append((name, round(cpu / first[0], 2), round(wall / first[1], 2), round(cpu, 2), round(wall, 2)))
    return [report]


def _least(further: int) -> tuple[float, float]:
    """Return the least CPU and wall seconds of a container with so many groups after its first."""
    command = [sys.executable, "-m", "kedro_aws_batch.job"]
    next_ = {"function": _FUNCTION, "job": "0-0", "token": "token", "seconds": 3600}
    environment = {
        "KEDRO_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_BATCH_JOB_ID": "job",
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "KEDRO_AWS_BATCH_JOB": json.dumps({**_PAYLOAD, "groups": [_GROUP], "next": next_}),
    }
    found = []
    with tempfile.TemporaryDirectory() as directory:
        project = copy_spaceflights(Path(directory))
        compileall.compile_dir(project / "src", quiet=1)
        for _ in range(_TIMES):
            with _next_group(further) as url:
                found.append(cpu_seconds(command, project, {**environment, "AWS_ENDPOINT_URL": url}))
    return min(cpu for cpu, _ in found), min(wall for _, wall in found)


@contextmanager
def _next_group(times: int) -> Iterator[str]:
    """Serve a next_group that has so many groups, and yield its URL."""
    left = [times]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            told: dict[str, Any] = {"nothing": True}
            if left[0]:
                told = {"place": times - left[0] + 1, "payload": {**_PAYLOAD, "groups": [_GROUP]}}
                left[0] -= 1
            sent = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
