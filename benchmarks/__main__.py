"""Runs benchmarks: all, or the named ones. Each prints tables and writes JSON to benchmarks/results/."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from rich.console import Console

from benchmarks import page

RESULTS = Path(__file__).parent / "results"
#: Name → what it measures; each is a module of this package with `run() -> list[Report]`.
BENCHMARKS = {
    "starts": "wait and price on Fargate, where containers start slowly, and our part of both",
    "scale": "wait, calls and dollars of whole runs on a simulated AWS, in virtual time",
    "mapping": "batch size, window and concurrency of the event source mapping, on the same AWS",
    "reuse": "jobs, makespan and price of runs that reuse an earlier one, on the same AWS",
    "split": "makespan of a node on many machines beside its largest slice, on the same AWS",
    "priority": "critical path first against first come, with few places",
    "advance": "CPU time of one event by the size of the run",
    "cold_start": "import time of each function against the floor",
    "warm": "makespan, containers and price where containers carry on, on the same AWS",
    "warm_group": "a further group in a container that carries on against its first",
    "job_start": "start of one job against `kedro run --nodes`",
    "cli_start": "start of commands that need no pipelines against `kedro --version`",
    "check": "`kedro aws-batch check` of a large project against Kedro's own opening of it",
    "local_start": "start of the embedded AWS, and of the next job after the end of one",
    "side_by_side": "ours, the floor and other tools on one embedded Batch, in real time",
    "example": "the example with containers that take 10 s to start, by several ways to run it, in real time",
}
#: Benchmarks whose `run` is in a module of its own.
MODULES = {
    "side_by_side": "benchmarks.side_by_side.comparison",
    "example": "benchmarks.side_by_side.example",
}


def main() -> int:
    """Run the benchmarks on the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="; ".join(f"{n}: {t}" for n, t in BENCHMARKS.items()))
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    parser.add_argument("--page", action="store_true", help="only fill docs/performance.md from the results")
    given = parser.parse_args()
    console = Console()
    if given.page:
        page.fill_in()
        return 0
    if given.list:
        for name, text in BENCHMARKS.items():
            console.print(f"  {name:<13} {text}")
        return 0
    if unknown := sorted(set(given.names) - BENCHMARKS.keys()):
        parser.error(f"there is no benchmark {', '.join(map(repr, unknown))}; there are {', '.join(BENCHMARKS)}")
    os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "CRITICAL")  # before anything imports the handlers
    RESULTS.mkdir(exist_ok=True)
    for name in given.names or BENCHMARKS:
        console.rule(f"{name}: {BENCHMARKS[name]}")
        for report in importlib.import_module(MODULES.get(name, f"benchmarks.{name}")).run():
            report.show(console)
            report.write(RESULTS)
    page.fill_in()
    return 0


if __name__ == "__main__":
    sys.exit(main())
