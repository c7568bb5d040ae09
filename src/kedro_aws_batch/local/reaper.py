"""The reaper: a process that ends what the embedded AWS started, if the embedded AWS dies.

It runs by path with only the standard library. It reads process groups from
stdin: `+<group>` for a started one and `-<group>` for an ended one.
When the input ends, its parent has ended, too. Then it kills the remaining groups
and removes the folder that it was given.
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
