"""Work in a child process, which proves that it came to its end.

A process may end with 0 before its work is done: by `os._exit(0)` in a node, or by a JVM within it that exits. So the
job's own process runs no node. It waits for a child that does, and takes 0 for a success only if the child has
reported through a pipe that its work came to an end.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from kedro_aws_batch._service.dag.carrying import TOO_LONG

from . import libraries

if TYPE_CHECKING:
    from resource import struct_rusage

#: Signals to a container go to its first process, which is ours: it forwards these to the child.
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


#: Bytes that a pipe holds.
_MOST_SAID = 65_536
#: Seconds from asking a child to end until it is killed; Batch gives a container as many.
_GRACE = 30.0


@dataclass(frozen=True)
class ChildEnd:
    """How the child ended."""

    #: Its exit code; 128 + n if signal n ended it.
    exit_code: int
    #: Whether its work came to an end, successful or not.
    finished: bool
    #: What it and its children have used.
    usage: struct_rusage = field(repr=False)
    #: Whether it was ended because it took too long.
    too_long: bool = False
    #: The shared libraries that it had imported as its work came to an end (`container.libraries`).
    libraries: Sequence[str] = ()

    @property
    def verdict(self) -> int:
        """Return its parent's exit code: 0 only if the child both finished its work and exited with 0."""
        if self.too_long:
            return TOO_LONG
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


def run_apart(
    work: Callable[[], int], timeout: float | None = None, on_signal: Callable[[], None] | None = None
) -> ChildEnd:
    """Run work that returns an exit code in a child process, and return how that ended.

    The child leaves this function by SystemExit, so that its interpreter ends as usual. Signals to this process go to
    the child meanwhile, and `on_signal` is called. After `timeout` seconds the child prints where it is, and is
    ended.
    """
    reading, writing = os.pipe()
    flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)  # no signal may come before its handler exists
    child = os.fork()
    if child == 0:
        os.close(reading)
        for number in (*_FORWARDED, signal.SIGALRM):  # handlers for an earlier child
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _work(work, writing, timeout)
    os.close(writing)

    def forward(received: int, _: object) -> None:
        if on_signal is not None:
            on_signal()
        _send(child, received)

    for number in _FORWARDED:
        signal.signal(number, forward)
    watchdog = _Watchdog(child)
    signal.signal(signal.SIGALRM, watchdog.bite)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    signal.setitimer(
        signal.ITIMER_REAL, 0 if timeout is None else timeout + 1
    )  # by then the child has printed where it is
    exit_code, usage = _wait_for(child)
    signal.setitimer(signal.ITIMER_REAL, 0)
    said = _said(reading)
    return ChildEnd(
        exit_code=exit_code,
        finished=said is not None,
        usage=usage,
        too_long=watchdog.has_bitten,
        libraries=(said or "").split()[1:],
    )


class _Watchdog:
    """Ends a child that takes too long: first asks it, then kills it."""

    def __init__(self, child: int) -> None:
        self._child = child
        self.has_bitten = False

    def bite(self, *_: object) -> None:
        _send(self._child, signal.SIGKILL if self.has_bitten else signal.SIGTERM)
        self.has_bitten = True
        signal.setitimer(signal.ITIMER_REAL, _GRACE)


def flush() -> None:
    """Flush printed text, which a child would otherwise print once more."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def _work(work: Callable[[], int], writing: int, timeout: float | None) -> NoReturn:
    if timeout is not None:
        faulthandler.dump_traceback_later(timeout)
    own, settings = os.getpid(), libraries.settings()
    code = work()
    flush()
    if os.getpid() != own:  # a node has forked, and its child came here: that proves nothing
        os._exit(1)
    os.set_blocking(writing, False)  # names that don't fit are left out
    os.write(writing, " ".join([".", *libraries.imported(settings)]).encode())
    sys.exit(code)


def _send(child: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        os.kill(child, number)


def _wait_for(child: int) -> tuple[int, struct_rusage]:
    """Wait for the child; return its exit code and usage. In a container, others' orphans also become our children."""
    while True:
        pid, status, usage = os.wait3(0)
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code, usage


def _said(reading: int) -> str | None:
    """Return what the child said at the end of its work; None if it didn't come to it."""
    os.set_blocking(reading, False)
    try:
        return os.read(reading, _MOST_SAID).decode() or None
    except BlockingIOError:  # a process that the child left behind keeps the pipe open
        return None
    finally:
        os.close(reading)
