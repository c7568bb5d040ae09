"""What containers that carry on import before they fork."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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


LOGGING = """
import json, logging, os
from kedro_aws_batch.container.beforehand import configure_logging, import_what_all_need

def look():
    return [os.path.exists("own.log"), logging.getLogger("kedro.io").isEnabledFor(logging.INFO)]

logging.getLogger("mine")
import_what_all_need()
import_what_all_need()
before = look()
configure_logging()
after = look()
os.remove("own.log")
configure_logging()
print(json.dumps([before, after, look()]))
"""
#: It disables the loggers that exist, as logging does by default: those are others where Kedro is imported beforehand.
CONFIGURATION = """
version: 1
handlers: {file: {class: logging.FileHandler, filename: own.log}}
loggers: {kedro: {level: INFO, handlers: [file]}}
"""


def test_each_group_configures_logging_once_and_what_is_imported_beforehand_logs_nothing(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "logging.yml").write_text(CONFIGURATION, encoding="utf-8")

    printed = subprocess.run([sys.executable, "-c", LOGGING], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert json.loads(printed.stdout) == [[False, False], [True, True], [False, True]]
