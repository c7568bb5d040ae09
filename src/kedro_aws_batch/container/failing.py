"""Why a job failed: the last line of its log, in a form that is read again wherever a run is shown.

`Failed in "report.tabulate": KeyError: 'mnth' (pipelines/report/nodes.py:31)`. So whoever may read the log learns it,
and needs no other permission. The line is always one short line, whatever the exception says.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kedro_aws_batch.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

#: Characters of an exception's text. A longer text loses its middle: datasets name themselves first, and say what went
#: wrong last.
LONGEST = 400
_OURS = re.compile(r'(?:Failed in ("(?:[^"\\]|\\.)*")|Failed|Error): (\S.*)')
#: The end of Python's traceback, for images with `kedro run` as the job's command.
_PYTHON_S = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt)(?:: .*)?")
#: Folders of installed packages, which are not the project's code.
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Failure:
    """Why a job failed."""

    #: The exception, its text, and the place in the project that it came from.
    error: str
    #: The node that failed; None if there was none, or it isn't known.
    node: str | None = None

    def __str__(self) -> str:
        where = "" if self.node is None else f" in {json.dumps(self.node, ensure_ascii=False)}"
        return f"Failed{where}: {self.error}"


@dataclass
class Whereabouts:
    """The node that a session is running; None before the first and after the last."""

    node: str | None = None


def failure_of(error: BaseException, node: str | None, project: Path) -> Failure:
    """Return why a project's job failed, from the exception that ended it."""
    said = _bounded(_text(error))
    name = type(error).__qualname__
    place = _place(error.__traceback__, project)
    return Failure(f"{name}{f': {said}' if said else ''}{f' ({place})' if place else ''}", node)


def explain_failure(error: BaseException, node: str | None, project: Path) -> None:
    """Print the traceback of an exception in a project, then one line that says why its job failed."""
    traceback.print_exception(type(error), error, at_the_project_s_own(error.__traceback__, project))
    print(failure_of(error, node, project), file=sys.stderr, flush=True)


def read_failure(lines: Iterable[str]) -> Failure | None:
    """Return the reason at the end of a failed job's log, or None; made harmless, since others wrote the text."""
    told = [one_line(line) for line in lines]
    for line in reversed(told):
        if match := _OURS.fullmatch(line):
            return Failure(_bounded(match[2], LONGEST * 2), _name(match[1]))
    for line in reversed(told):
        if _PYTHON_S.fullmatch(line):
            return Failure(_bounded(line))
    return None


def at_the_project_s_own(trace: TracebackType | None, project: Path) -> TracebackType | None:
    """Return a traceback from the first frame of the project's code on, without Kedro's frames before it.

    One without such a frame is returned whole.
    """
    return next((each for each in _frames(trace) if _own_path(each, project)), trace)


def _name(quoted: str | None) -> str | None:
    try:
        return None if quoted is None else one_line(str(json.loads(quoted)))
    except ValueError:  # another program's line that looks like ours
        return None


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  (an exception of the project's may do anything)
        return "(what it says can't be told)"


def _bounded(text: str, most: int = LONGEST) -> str:
    """Return text as one line of at most this length."""
    ends = text if len(text) <= 20 * most else f"{text[: 10 * most]} {text[-10 * most :]}"
    line = " ".join(one_line(ends).split())
    return line if len(line) <= most else f"{line[: most * 2 // 3]} … {line[3 - most // 3 :]}"


def _place(trace: TracebackType | None, project: Path) -> str | None:
    """Return where in the project an exception came from: the innermost frame of the project's code."""
    own = [(path, each.tb_lineno) for each in _frames(trace) if (path := _own_path(each, project))]
    return f"{own[-1][0]}:{own[-1][1]}" if own else None


def _frames(trace: TracebackType | None) -> Iterable[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _own_path(trace: TracebackType, project: Path) -> str | None:
    """Return the path of a frame's file within the project's package, or within the project; None if outside."""
    file = Path(trace.tb_frame.f_code.co_filename)
    try:
        parts = file.relative_to(project).parts
    except ValueError:
        return None
    if any(part in _INSTALLED for part in parts):
        return None
    return "/".join(parts[2:] if parts[0] == "src" and len(parts) > 2 else parts)
