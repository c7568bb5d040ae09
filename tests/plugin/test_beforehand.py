"""What containers that carry on import before they fork."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import gc, json, os, sys, threading
from kedro_aws_batch.container.beforehand import import_what_all_need
import_what_all_need()
tasks = "/proc/self/task"
threads = len(os.listdir(tasks)) if os.path.isdir(tasks) else threading.active_count()
print(json.dumps([threads, sorted(sys.modules), gc.get_freeze_count() > 10_000]))
"""


@pytest.fixture(scope="module")
def imported() -> tuple[int, set[str], bool]:
    """Return the threads of the operating system, the modules, and whether they are left to no garbage collection."""
    printed = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
    threads, modules, frozen = json.loads(printed.splitlines()[-1])  # Kedro has told its logging
    return threads, set(modules), frozen


def test_no_thread_is_started(imported: tuple[int, set[str], bool]) -> None:
    assert imported[0] == 1


def test_kedro_s_late_imports_are_there_and_none_that_start_threads(imported: tuple[int, set[str], bool]) -> None:
    late = {"kedro.framework.context.context", "kedro.runner", "kedro_aws_batch.graph.project", "pydantic.main"}
    assert imported[1] >= late
    assert imported[1].isdisjoint({"numpy", "pandas", "pyarrow", "s3fs", "aiobotocore"})


def test_garbage_collections_leave_out_what_all_share(imported: tuple[int, set[str], bool]) -> None:
    assert imported[2]
