"""What a job has used, at the end of its log, to compare with what it asked for."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from resource import struct_rusage

_LINE = re.compile(r"Used: (\d{1,9}) MiB of memory at most, (\d{1,9}\.\d) s of CPU in (\d{1,9}\.\d) s\.")


@dataclass(frozen=True)
class Used:
    """What a job has used: MiB of memory at most, seconds of CPU, and the seconds that it took."""

    memory: int
    cpu: float
    seconds: float

    @property
    def vcpus(self) -> float | None:
        """Return how many vCPUs it kept busy on average; None if the job was too short to tell."""
        return self.cpu / self.seconds if self.seconds else None


def read_used(lines: Iterable[str]) -> Used | None:
    """Return the usage at the end of a job's log, or None: a job that was killed can't write it."""
    said = [match for line in lines if (match := _LINE.fullmatch(line.strip()))]
    return Used(int(said[-1][1]), float(said[-1][2]), float(said[-1][3])) if said else None


def used(began: float) -> str:
    """Return what this process and its children have used since a moment of `time.monotonic`, as text.

    Memory is the most of this process, or of the largest of the others: not their sum, which nobody counted. On
    Windows, which counts none of it, the text is empty.
    """
    try:
        import resource  # noqa: PLC0415
    except ImportError:
        return ""
    return used_by(began, resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))


def used_by(began: float, *usages: struct_rusage) -> str:
    """Return what some processes have used since a moment of `time.monotonic`, as text."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
    memory = max(one.ru_maxrss for one in usages) * unit / 2**20
    cpu = sum(one.ru_utime + one.ru_stime for one in usages)
    return f"Used: {memory:.0f} MiB of memory at most, {cpu:.1f} s of CPU in {time.monotonic() - began:.1f} s."
