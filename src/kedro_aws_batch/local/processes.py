"""Child processes, each the leader of its own group. None of them outlives the embedded AWS."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Launch:
    """What to start: a command, its whole environment, and a directory."""

    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path


class Child:
    """A started process, with its output (standard error included) in one pipe."""

    def __init__(self, process: subprocess.Popen[bytes], processes: Processes) -> None:
        self._process = process
        self._processes = processes
        self._lock = threading.Lock()
        self._reaped = False
        assert process.stdout is not None  # noqa: S101 - Processes.start always pipes it  # nosec B101
        self.output = process.stdout

    @property
    def group(self) -> int:
        """The process group, which is also the leader's pid."""
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send a signal to the whole group; nothing happens once it has ended."""
        with self._lock:
            if not self._reaped:
                _signal_group(self.group, number)

    def wait(self) -> int:
        """Wait for the leader, kill the rest of its group, and return the exit code, 128 + n for signal n."""
        if hasattr(os, "waitid"):
            # Leaves a zombie, so that the group's number can't be another's when the rest of it is killed.
            os.waitid(os.P_PID, self.group, os.WEXITED | os.WNOWAIT)
        else:  # macOS before Python 3.13
            self._process.wait()
        with self._lock:
            _signal_group(self.group, signal.SIGKILL)
            code = self._process.wait()
            self._reaped = True
        self._processes.forget(self)
        return code if code >= 0 else 128 - code


class Processes:
    """Starts children, and tells the reaper of them; the reaper removes `folder` when all have ended."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._children: set[Child] = set()
        self._stopping = False
        self._reaper = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("reaper.py")), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            start_new_session=True,
        )

    def start(self, launch: Launch) -> Child:
        """Start a child; OSError says why it can't start."""
        with self._lock:
            if self._stopping:
                raise OSError("the embedded AWS is stopping")
        process = subprocess.Popen(
            list(launch.command),
            env=dict(launch.environment),
            cwd=launch.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )
        child = Child(process, self)
        with self._lock:
            self._children.add(child)
            self._tell(f"+{child.group}\n")
            too_late = self._stopping
        if too_late:
            child.signal(signal.SIGKILL)
        return child

    def forget(self, child: Child) -> None:
        """Remove an ended child from the reaper's list."""
        with self._lock:
            self._children.discard(child)
            self._tell(f"-{child.group}\n")

    def stop(self, grace: float) -> None:
        """End every child, by SIGKILL after `grace` seconds, and the reaper."""
        with self._lock:
            self._stopping = True
        self._signal_all(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while self._children and time.monotonic() < deadline:
            time.sleep(0.01)
        self._signal_all(signal.SIGKILL)
        with self._lock:
            if self._reaper.stdin is not None:
                self._reaper.stdin.close()
        self._reaper.wait()

    def _signal_all(self, number: int) -> None:
        with self._lock:
            children = list(self._children)
        for child in children:
            child.signal(number)

    def _tell(self, line: str) -> None:
        if self._reaper.stdin is not None and not self._reaper.stdin.closed:
            with contextlib.suppress(BrokenPipeError):  # somebody killed the reaper: go on without it
                self._reaper.stdin.write(line.encode())


def _signal_group(group: int, number: int) -> None:
    # It may have ended; macOS says EPERM if only a zombie is left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
