"""Child processes, each the leader of its own group. None of them outlives the embedded AWS."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kedro_aws_batch.local.forks import ForkServer
from kedro_aws_batch.local.starting import Executed

if TYPE_CHECKING:
    from kedro_aws_batch.local.forks import Shared
    from kedro_aws_batch.local.starting import Launch, Process


class Child:
    """A started process, the leader of its group."""

    def __init__(self, process: Process, processes: Processes) -> None:
        self._process = process
        self._processes = processes
        self._lock = threading.Lock()
        self._reaped = False
        self.output = process.output

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
        self._process.wait_for_end()  # leaves a zombie, so that the group's number can't be another's
        with self._lock:
            _signal_group(self.group, signal.SIGKILL)
            code = self._process.reap()
            self._reaped = True
        self._processes.forget(self)
        return code


class Processes:
    """Starts children, and tells the reaper of them; the reaper removes `folder` when all have ended."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._children: set[Child] = set()
        self._stopping = False
        self._forks: ForkServer | None = None
        self._reaper = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("reaper.py")), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            start_new_session=True,
        )

    def share(self, shared: Shared) -> None:
        """Start jobs from now on as forks of a process with this in common, where that can be; once."""
        if sys.platform == "linux":
            forks = ForkServer(shared)
            with self._lock:
                self._forks = forks
                self._tell(f"+{forks.group}\n")

    def start(self, launch: Launch) -> Child:
        """Start a child; OSError says why it can't start."""
        forks = self._refuse_if_stopping()
        process: Process | None = None if forks is None else forks.start(launch)
        if process is None:
            self._refuse_if_stopping()  # it may have waited for the fork server meanwhile
            process = Executed(launch)
        child = Child(process, self)
        with self._lock:
            self._children.add(child)
            self._tell(f"+{child.group}\n")
            too_late = self._stopping
        process.begin()
        if too_late:
            child.signal(signal.SIGKILL)
        return child

    def _refuse_if_stopping(self) -> ForkServer | None:
        with self._lock:
            if self._stopping:
                raise OSError("the embedded AWS is stopping")
            return self._forks

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
            forks, self._forks = self._forks, None
        if forks is not None:
            forks.stop()
        with self._lock:
            if forks is not None:
                self._tell(f"-{forks.group}\n")
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
