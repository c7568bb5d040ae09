"""The wait at a link of a chain on this machine: from a job's end to the next one's start, on the embedded AWS."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
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
                "a link: from a job's end to the start of the next one, by Batch's own times; in it are "
                "the event, the queue, the function and SubmitJob"
            ),
            (
                "between their programs: from the last line of the one to the first line of the other, so with the end "
                "of one Python and the start of another, while the function still writes the job down"
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
            groups = finished(aws, started, seconds=120).groups
        begun = [line["at"] for line in project.traces(started.run_id)]
        done = [line["at"] for line in project.traces(started.run_id, "done")]
    links = [(group.started_at, group.ended_at) for group in groups]
    by_batch = [after - before for (_, before), (after, _) in pairwise(links) if before and after]
    by_program = [1000 * (after - before) for before, after in zip(done, begun[1:], strict=False)]
    assert len(by_batch) == len(by_program) == _LINKS - 1
    report.rows += [
        ("the embedded AWS is there", round(1000 * (ready - began))),
        ("and its first function has answered", round(1000 * (answered - began))),
        ("a link waits, median", _share(by_batch, 0.5)),
        ("a link waits, nine in ten at most", _share(by_batch, 0.9)),
        ("between their programs, median", _share(by_program, 0.5)),
        ("between their programs, nine in ten at most", _share(by_program, 0.9)),
    ]
    return [report]


def _share(waits: Sequence[float], share: float) -> float:
    """Return the number of ms that this share of the waits doesn't exceed."""
    return round(sorted(waits)[int(len(waits) * share)], 1)
