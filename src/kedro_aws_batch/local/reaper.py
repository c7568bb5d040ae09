"""The reaper: a process that ends what the embedded AWS started, should the embedded AWS die.

Run by path with nothing but the standard library. It reads process groups from
its standard input, `+<group>` for one that was started and `-<group>` for one
that ended; when the input ends, so has its parent, and it kills what is left,
and removes the folder that it was told of.
"""

import os
import shutil
import signal
import sys
import time

#: Between SIGTERM and SIGKILL, in seconds.
GRACE = 1.0


def _kill(groups: "set[int]", number: int) -> "set[int]":
    alive = set()
    for group in groups:
        try:
            os.killpg(group, number)
            alive.add(group)
        except (ProcessLookupError, PermissionError):
            pass  # it has ended
    return alive


def main() -> None:
    """Read until the parent is gone, then kill."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    alive = _kill(groups, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while alive and time.monotonic() < deadline:
        time.sleep(0.02)
        alive = _kill(alive, 0)
    _kill(alive, signal.SIGKILL)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
