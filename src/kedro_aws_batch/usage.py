"""What a job has used, said in its log at its end: what it asked for can be compared with it."""

from __future__ import annotations

import sys
import time


def used(began: float) -> str:
    """Return what this process and those it waited for have used since a moment of `time.monotonic`, for people.

    Memory is the most of this process, or of the largest of the others: not their sum, which nobody counted. Where
    there is no such account, on Windows, the text is empty.
    """
    try:
        import resource  # noqa: PLC0415
    except ImportError:
        return ""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
    memory = max(own.ru_maxrss, others.ru_maxrss) * unit / 2**20
    cpu = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
    return f"Used: {memory:.0f} MiB of memory at most, {cpu:.1f} s of CPU in {time.monotonic() - began:.1f} s."
