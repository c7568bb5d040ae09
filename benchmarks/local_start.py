"""What a link of a chain waits on this machine: from the end of a job to the start of the next, on the embedded AWS."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.report import Report
from tests.acceptance.support import finished, layers, make_project, service

_LINKS = 200


def run() -> list[Report]:
    """Run a chain of jobs that do nothing, after a first one that wakes the functions."""
    report = Report(
        "local_start",
        f"The embedded AWS: its start, and what each of {_LINKS} links of a chain waits",
        ("what", "ms"),
        notes=(
            (
                "a link: from the last line of a job's program to the first of the next one's, so with the end of a "
                "process, the event, the queue, the function, SubmitJob, and the start of a process and of Python"
            ),
        ),
    )
    with tempfile.TemporaryDirectory() as directory:
        project = make_project(Path(directory), {"__default__": layers(*[1] * _LINKS)})
        began = time.monotonic()
        with project.aws() as aws:
            ready = time.monotonic()
            service(aws).list_runs()
            answered = time.monotonic()
            finished(aws, service(aws).start_run({}), seconds=120)
            started = service(aws).start_run({})
            time.sleep(2)  # a look at the run costs as much as a link, so the first only comes when most of it is done
            finished(aws, started, seconds=120)
        begun = [line["at"] for line in project.traces(started.run_id)]
        done = [line["at"] for line in project.traces(started.run_id, "done")]
    waits = sorted(1000 * (after - before) for before, after in zip(done, begun[1:], strict=False))
    report.rows += [
        ("the embedded AWS is there", round(1000 * (ready - began))),
        ("and its first function has answered", round(1000 * (answered - began))),
        ("a link waits, median", round(statistics.median(waits), 1)),
        ("a link waits, nine in ten at most", round(waits[len(waits) * 9 // 10], 1)),
    ]
    return [report]
