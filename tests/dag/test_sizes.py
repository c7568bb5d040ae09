"""The possible sizes of jobs, and how memory grows with each attempt."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag.shards import MOST_ATTEMPTS
from dag.sizes import FARGATE, MemoryRetry, impossible


@pytest.mark.parametrize(
    ("resources", "kinds", "what"),
    [
        ({}, ("EC2",), None),
        ({"vcpus": 4.0, "memory": 3}, ("EC2",), None),
        ({"vcpus": 0.25, "memory": 512}, ("EC2",), "EC2 gives a job whole vCPUs, at least one, not 0.25."),
        ({"vcpus": 1.5}, ("EC2",), "EC2 gives a job whole vCPUs, at least one, not 1.5."),
        ({"gpus": 1}, ("EC2",), None),
        ({}, ("FARGATE",), None),
        ({"vcpus": 0.25, "memory": 512}, ("FARGATE",), None),
        ({"vcpus": 1.0, "memory": 8192}, ("FARGATE",), None),
        ({"vcpus": 1}, ("FARGATE",), "Fargate needs vcpus and memory together."),
        ({"memory": 512}, ("FARGATE",), "Fargate needs vcpus and memory together."),
        ({"vcpus": 1, "memory": 2048, "gpus": 1}, ("FARGATE",), "Fargate has no GPUs."),
        ({"vcpus": 8, "memory": 30_720}, ("FARGATE",), "Fargate has no size of 8 vCPU with 30720 MiB."),
        ({"vcpus": 0.25, "memory": 512}, ("EC2", "FARGATE"), None),
        ({"vcpus": 3, "memory": 512, "gpus": 1}, ("EC2", "FARGATE"), None),
        ({"vcpus": 0.3, "memory": 512}, ("EC2", "FARGATE"), "EC2 gives a job whole vCPUs, at least one, not 0.3."),
    ],
)
def test_only_sizes_that_there_are_are_possible(
    resources: dict[str, Any], kinds: tuple[str, ...], what: str | None
) -> None:
    found = impossible(resources, kinds)
    assert (None if found is None else found[0]) == what


@pytest.mark.parametrize(
    ("vcpus", "memory", "near"),
    [
        (1, 1000, "vcpus: 1, memory: 2048"),
        (0.5, 8000, "vcpus: 1, memory: 8192"),
        (8, 30_720, "vcpus: 8, memory: 32768"),
        (3, 512, "vcpus: 4, memory: 8192"),
    ],
)
def test_the_nearest_size_on_fargate_holds_both(vcpus: float, memory: int, near: str) -> None:
    found = impossible({"vcpus": vcpus, "memory": memory}, ("FARGATE",))
    assert found is not None
    assert found[1] == f"The nearest that is large enough is {near}."


@pytest.mark.parametrize(("vcpus", "memory"), [(64, 1), (1, 250_000), (64, 300_000)])
def test_beyond_the_largest_size_on_fargate_no_size_is_said_to_be_large_enough(vcpus: float, memory: int) -> None:
    found = impossible({"vcpus": vcpus, "memory": memory}, ("FARGATE",))
    assert found is not None
    assert found[1] == "Its largest is vcpus: 32, memory: 249856. Ask for less, or use launch_type EC2."


def steps(retry: MemoryRetry, resources: dict[str, Any], fargate: bool = False) -> list[int]:
    found: list[int] = []
    while len(found) <= MOST_ATTEMPTS and (memory := retry.memory(resources, len(found), fargate)) is not None:
        found.append(memory)
    return found


@pytest.mark.parametrize(
    ("retry", "resources", "expected"),
    [
        (MemoryRetry(2, 32_000), {"memory": 4000}, [4000, 8000, 16_000, 32_000]),
        (MemoryRetry(2, 10_000), {"memory": 4000}, [4000, 8000, 10_000]),
        (MemoryRetry(1.5, 3_000), {"memory": 1001}, [1001, 1501, 2251, 3_000]),
        (MemoryRetry(2, 4000), {"memory": 4000}, [4000]),
        (MemoryRetry(2, 2000), {"memory": 4000}, [4000]),
        (MemoryRetry(1.1, 2000), {"memory": 4}, [4]),
        (MemoryRetry(2, 4000), {}, []),
        (MemoryRetry(1e308, 4000), {"memory": 2000}, [2000, 4000]),
    ],
)
def test_memory_grows_by_the_factor_up_to_the_cap(
    retry: MemoryRetry, resources: dict[str, Any], expected: list[int]
) -> None:
    assert steps(retry, resources) == expected


@pytest.mark.parametrize(
    ("retry", "resources", "expected"),
    [
        (MemoryRetry(2, 32_000), {"vcpus": 1, "memory": 2048}, [2048, 4096, 8192]),
        (MemoryRetry(1.5, 32_000), {"vcpus": 1, "memory": 2048}, [2048, 3072, 5120, 8192]),
        (MemoryRetry(2, 5000), {"vcpus": 1, "memory": 2048}, [2048, 4096]),
        (MemoryRetry(2, 6000), {"vcpus": 1, "memory": 3072}, [3072, 5120]),
        (MemoryRetry(3, 32_000), {"vcpus": 0.25, "memory": 1024}, [1024, 2048]),
        (MemoryRetry(2, 32_000), {"memory": 4096}, [4096, 8192]),
        (MemoryRetry(2, 300_000), {"vcpus": 32, "memory": 61_440}, [61_440, 122_880, 249_856]),
        (MemoryRetry(2, 32_000), {"vcpus": 3, "memory": 4096}, [4096]),
        (MemoryRetry(2, 1000), {"vcpus": 1, "memory": 2048}, [2048]),
    ],
)
def test_on_fargate_memory_grows_from_pair_to_pair(
    retry: MemoryRetry, resources: dict[str, Any], expected: list[int]
) -> None:
    assert steps(retry, resources, fargate=True) == expected


@given(
    st.floats(1.001, 10),
    st.integers(4, 250_000),
    st.integers(4, 250_000),
    st.sampled_from([None, *FARGATE]),
)
def test_each_attempt_has_more_than_the_one_before_and_no_more_than_the_cap(
    factor: float, most: int, memory: int, vcpus: float | None
) -> None:
    resources = {"memory": memory} if vcpus is None else {"memory": memory, "vcpus": vcpus}
    found = steps(MemoryRetry(factor, most), resources, fargate=vcpus is not None)
    assert found[0] == memory
    assert found == sorted(set(found))
    assert all(size <= most for size in found[1:])
    assert len(found) <= MOST_ATTEMPTS
    if vcpus is not None:
        assert all(size in FARGATE[vcpus] for size in found[1:])
