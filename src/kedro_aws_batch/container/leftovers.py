"""Processes that a group leaves behind in a container that carries on: workers of a pool, servers, daemons.

Where each group has a job of its own they end with its container. Here they would go on beside the next groups, take
their memory, and perhaps write after the group was reported as done. So they end before the container asks.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

#: Of prctl(2): orphans among our descendants become our children.
_SET_CHILD_SUBREAPER = 36
#: Seconds to end by themselves, as multiprocessing's resource tracker does, and seconds until we give up.
_GRACE, _LONGEST = 0.5, 10.0
_PAUSE = 0.02


def adopt_orphans() -> None:
    """Let orphans of later children become this process's own, as they are anyway if it is a container's first.

    Only Linux can do so.
    """
    if sys.platform == "linux" and os.getpid() != 1:
        import ctypes  # noqa: PLC0415  (only where an init process comes first, or on the embedded AWS)

        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_leftovers() -> bool:
    """End all children of this process, and theirs; return whether none is left."""
    begun = time.monotonic()
    while _has_children():
        waited = time.monotonic() - begun
        if waited > _LONGEST:
            return False
        if waited > _GRACE:
            _kill_children()
        time.sleep(_PAUSE)
    return True


def _has_children() -> bool:
    """Return whether a child is alive, after taking leave of those that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _kill_children() -> None:
    """Kill the children; their own children are ours after that."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended, and then there is nothing to kill
            if _parent((folder / "stat").read_text(encoding="utf-8", errors="replace")) == os.getpid():
                os.kill(int(folder.name), signal.SIGKILL)


def _parent(stat: str) -> int:
    """Return the parent in a line of proc(5); a name in parentheses, which may have any character, comes before."""
    return int(stat.rpartition(")")[2].split()[1])
