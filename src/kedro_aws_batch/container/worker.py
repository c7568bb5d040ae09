"""Work done in a child process, which proves that it came to its end.

A process may end with 0 before its work is done: by `os._exit(0)` in a node, or by a JVM within it that exits. So the
job's own process runs no node. It waits for a child that does, and takes 0 for a success only if the child has said,
through a pipe, that it got to the end of its work.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

#: What whoever stops a container sends to its first process, which is ours: the child is to get it.
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


@dataclass(frozen=True)
class Ended:
    """How the child ended."""

    #: What it exited with; 128 + n where signal n ended it.
    exit_code: int
    #: Whether it got to the end of its work, be that good or bad.
    finished: bool

    @property
    def verdict(self) -> int:
        """Return what its parent exits with: 0 only if the child both finished its work and exited with 0."""
        return self.exit_code if self.finished else self.exit_code or 1

    @property
    def fate(self) -> str:
        """Return how it ended, for a sentence."""
        if self.exit_code <= 128:
            return f"ended with exit code {self.exit_code}"
        try:
            return f"was ended by {signal.Signals(self.exit_code - 128).name}"
        except ValueError:
            return f"ended with exit code {self.exit_code}"


def run_apart(work: Callable[[], int]) -> Ended:
    """Run work, which returns an exit code, in a child process, and return how that ended.

    The child leaves this function by SystemExit, so that its interpreter ends as any other. Signals that this process
    gets meanwhile go to the child.
    """
    reading, writing = os.pipe()
    flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)  # none may come before somebody can take it
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _work(work, writing)
    os.close(writing)
    for number in _FORWARDED:
        signal.signal(number, lambda received, _: _send(child, received))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    exit_code = _wait_for(child)
    return Ended(exit_code, _said(reading))


def flush() -> None:
    """Write out what was printed, which a child would otherwise print once more."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def _work(work: Callable[[], int], writing: int) -> NoReturn:
    code = work()
    flush()
    os.write(writing, b".")
    sys.exit(code)


def _send(child: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        os.kill(child, number)


def _wait_for(child: int) -> int:
    """Wait for the child and return its exit code. In a container others' orphans end as children of ours, too."""
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _said(reading: int) -> bool:
    """Whether the child said that it got to the end of its work."""
    os.set_blocking(reading, False)
    try:
        return os.read(reading, 1) != b""
    except BlockingIOError:  # a process that it left behind holds the other end open
        return False
    finally:
        os.close(reading)
