"""What to start, and a process that was started for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol


@dataclass(frozen=True)
class Launch:
    """What to start: a command, its whole environment, and a directory."""

    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path


class Process(Protocol):
    """A started process; its output, standard error included, is in one pipe."""

    @property
    def pid(self) -> int:
        """Its number, which nobody else gets before it is reaped."""

    @property
    def output(self) -> IO[bytes]:
        """The end of the pipe to read from."""

    def begin(self) -> None:
        """Let it begin, if it has not yet."""

    def wait_for_end(self) -> None:
        """Wait until it has ended."""

    def reap(self) -> int:
        """Take leave of it, and return its exit code, 128 + n for signal n."""


class Executed:
    """A process that executes a program."""

    def __init__(self, launch: Launch) -> None:
        self._process = subprocess.Popen(
            list(launch.command),
            env=dict(launch.environment),
            cwd=launch.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None  # noqa: S101 - it is always piped  # nosec B101
        self.output = self._process.stdout

    def begin(self) -> None:
        """Do nothing: it began as it started."""

    def wait_for_end(self) -> None:
        """Wait until it has ended, and leave a zombie where possible."""
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        else:  # macOS before Python 3.13
            self._process.wait()

    def reap(self) -> int:
        """Take leave of it, and return its exit code, 128 + n for signal n."""
        code = self._process.wait()
        return code if code >= 0 else 128 - code
