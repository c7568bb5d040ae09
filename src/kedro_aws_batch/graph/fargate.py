"""The vCPU and memory pairs that Fargate runs."""

from __future__ import annotations

#: MiB that each size of vCPU goes with.
PAIRS: dict[float, tuple[int, ...]] = {
    0.25: (512, 1024, 2048),
    0.5: tuple(range(1024, 4096 + 1, 1024)),
    1: tuple(range(2048, 8192 + 1, 1024)),
    2: tuple(range(4096, 16384 + 1, 1024)),
    4: tuple(range(8192, 30720 + 1, 1024)),
    8: tuple(range(16384, 61440 + 1, 4096)),
    16: tuple(range(32768, 122880 + 1, 8192)),
    32: (61440, 122880, 249856),
}


def fits(vcpus: float, memory: int) -> bool:
    """Whether Fargate runs jobs of this size."""
    return memory in PAIRS.get(vcpus, ())


def nearest(vcpus: float, memory: int) -> tuple[float, int]:
    """Return the smallest pair that has at least this much of both, or the largest there is."""
    enough = [(cpus, size) for cpus, sizes in PAIRS.items() for size in sizes if cpus >= vcpus and size >= memory]
    return min(enough, default=(32, 249856))
