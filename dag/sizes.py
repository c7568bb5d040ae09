"""The possible sizes of jobs, and more memory for a job that ran out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .document import Resources
from .resources import KEYS, amount
from .shards import MOST_ATTEMPTS

#: vCPUs → MiB that Fargate accepts with them (AWS Batch, "Fargate compute environments").
FARGATE: Mapping[float, Sequence[int]] = {
    0.25: (512, 1024, 2048),
    0.5: range(1024, 4096 + 1, 1024),
    1: range(2048, 8192 + 1, 1024),
    2: range(4096, 16384 + 1, 1024),
    4: range(8192, 30720 + 1, 1024),
    8: range(16384, 61440 + 1, 4096),
    16: range(32768, 122880 + 1, 8192),
    32: (61440, 122880, 249856),
}


def impossible(resources: Resources, launch_types: Sequence[str]) -> tuple[str, str] | None:
    """Return why no job of this size runs on any of the launch types, and what to do about it; None if one does."""
    found = [_lacking(resources, launch_type) or _IMPOSSIBLE[launch_type](resources) for launch_type in launch_types]
    return None if None in found else found[0]


def _lacking(resources: Resources, launch_type: str) -> tuple[str, str] | None:
    for name, key in KEYS.items():
        if resources.get(name) and launch_type in key.lacking:
            others = " or ".join(sorted(_IMPOSSIBLE.keys() - key.lacking.keys()))
            return key.lacking[launch_type], f"Use launch_type {others}, or ask for none."
    return None


def _impossible_on_ec2(resources: Resources) -> tuple[str, str] | None:
    vcpus = resources.get("vcpus")
    if vcpus is None or vcpus == int(vcpus):
        return None
    what = f"EC2 gives a job whole vCPUs, at least one, not {amount(vcpus)}."
    return what, f"Ask for {int(vcpus) + 1}, or use launch_type FARGATE."


def _impossible_on_fargate(resources: Resources) -> tuple[str, str] | None:
    vcpus, memory = resources.get("vcpus"), resources.get("memory")
    if vcpus is None and memory is None:
        return None
    if vcpus is None or memory is None:
        return "Fargate needs vcpus and memory together.", "Set both, or leave both to the definition."
    if memory in FARGATE.get(vcpus, ()):
        return None
    what = f"Fargate has no size of {amount(vcpus)} vCPU with {memory} MiB."
    enough = [(cpus, size) for cpus, sizes in FARGATE.items() for size in sizes if cpus >= vcpus and size >= memory]
    if not enough:
        largest = f"vcpus: {max(FARGATE)}, memory: {max(FARGATE[max(FARGATE)])}"
        return what, f"Its largest is {largest}. Ask for less, or use launch_type EC2."
    cpus, size = min(enough)
    return what, f"The nearest that is large enough is vcpus: {amount(cpus)}, memory: {size}."


_IMPOSSIBLE = {"EC2": _impossible_on_ec2, "FARGATE": _impossible_on_fargate}


@dataclass(frozen=True)
class MemoryRetry:
    """How much more memory a job gets after it ran out of it."""

    factor: float
    most: int  #: MiB

    def memory(self, resources: Resources, attempt: int, fargate: bool) -> int | None:
        """Return the MiB for an attempt (0 for the first), or None if it would be no more than before."""
        memory = last = resources.get("memory")
        if memory is None or last is None or attempt >= MOST_ATTEMPTS:
            return None
        sizes = [size for size in FARGATE.get(resources.get("vcpus", 1), ()) if size <= self.most] if fargate else []
        for _ in range(attempt):
            last, memory = memory, int(min(self.most, memory * self.factor))
            if fargate:  # the next possible size, or the largest
                memory = next((size for size in sizes if size >= memory), max(sizes, default=last))
        return memory if not attempt or memory > last else None
