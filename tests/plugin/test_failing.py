"""Why a job failed, in one line that a container writes and every view of a run reads."""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kedro_aws_batch.container.failing import Failure, at_the_project_s_own, failure_of, read_failure

PROJECT = Path("/srv/project")


class StrangeError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def code(file: str, text: str) -> CodeType:
    return compile(text, file, "exec")


def raised_through(*files: str) -> BaseException:
    """Return a KeyError that came through code in these files; the last one raised it, in its third line."""
    text = "\n\nraise KeyError('mnth')"
    for file in reversed(files[1:]):
        text = f"exec(compile({text!r}, {file!r}, 'exec'))"
    try:
        exec(code(files[0], text), {})  # noqa: S102  (code whose file is elsewhere)
    except KeyError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("files", "place"),
    [
        (["/kedro/runner.py", "/srv/project/src/shop/pipelines/report/nodes.py"], " (pipelines/report/nodes.py:3)"),
        (["/srv/project/src/shop/nodes.py", "/usr/lib/python3/site-packages/pandas/core.py"], " (nodes.py:1)"),
        (["/srv/project/scripts/nodes.py"], " (scripts/nodes.py:3)"),
        (["/srv/project/.venv/lib/site-packages/pandas/core.py"], ""),
    ],
)
def test_the_place_is_the_innermost_line_of_the_project_s_own_code(files: list[str], place: str) -> None:
    assert failure_of(raised_through(*files), "n", PROJECT) == Failure(f"KeyError: 'mnth'{place}", "n")


def test_a_traceback_begins_where_the_project_s_code_does() -> None:
    error = raised_through("/kedro/runner.py", "/srv/project/src/shop/nodes.py", "/lib/pandas.py")
    trace = at_the_project_s_own(error.__traceback__, PROJECT)
    assert trace is not None
    assert trace.tb_frame.f_code.co_filename == "/srv/project/src/shop/nodes.py"
    assert at_the_project_s_own(error.__traceback__, Path("/elsewhere")) is error.__traceback__


def test_what_an_exception_says_stays_one_short_line_without_control_characters() -> None:
    long = failure_of(ValueError("first\n" + "x" * 100_000 + "\x1b[31m\x00 last"), "n", PROJECT)
    assert len(long.error) < 420
    assert long.error.startswith("ValueError: first xxx")
    assert long.error.endswith("xxx last")
    assert failure_of(ValueError(), None, PROJECT).error == "ValueError"
    assert failure_of(StrangeError(), None, PROJECT).error == "StrangeError: (what it says can't be told)"


@settings(max_examples=30)
@given(st.text(), st.text(min_size=1) | st.none())
def test_whatever_it_says_the_line_is_read_back_as_one(text: str, node: str | None) -> None:
    failure = failure_of(RuntimeError(text), node, PROJECT)
    read = read_failure(["Traceback (most recent call last):", *str(failure).split("\n"), "a farewell"])
    assert read is not None
    assert read.error.split() == failure.error.split()
    assert (read.node is None) == (node is None)


KILLED = "The process that ran the nodes was ended by SIGKILL."
MERGE = "pandas.errors.MergeError: no"


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ([], None),
        (["Failed to fetch the table", "done"], None),
        ([f"Error: {KILLED}"], Failure(KILLED)),
        (['Failed in "a \\"b\\"": KeyError: 1'], Failure("KeyError: 1", 'a "b"')),
        (['Failed in "\\q": KeyError: 1'], Failure("KeyError: 1")),
        (["Traceback …", "    raise it", f"{MERGE}\x1b[2J keys", "WARNING No nodes ran."], Failure(f"{MERGE} keys")),
    ],
)
def test_the_end_of_a_log_is_read_for_it(log: list[str], told: Failure | None) -> None:
    assert read_failure(log) == told


def test_a_log_that_never_ends_is_cut() -> None:
    told = read_failure(["Failed: " + "y" * 1_000_000])
    assert told is not None
    assert len(told.error) < 900
    assert sys.getsizeof(told.error) < 4000
