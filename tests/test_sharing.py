"""What is said of tests by their paths: it is true, or the tests would silently be shared out otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sharing import APART, FIRST, TOGETHER, rank, scope

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("path", sorted({*TOGETHER, *APART, *FIRST}))
def test_what_is_named_is_there(path: str) -> None:
    assert (ROOT / path).is_dir() == path.endswith("/")
    assert (ROOT / path).exists()


def test_tests_go_with_their_folder_their_file_or_alone() -> None:
    assert [
        scope(f"{path}::test_a[x::y@z]")
        for path in ("tests/deploy/test_osls.py", "tests/dag/test_plan.py", "tests/simulation/test_sizes.py")
    ] == ["tests/deploy/", "tests/dag/test_plan.py", "tests/simulation/test_sizes.py::test_a[x::y@z]"]


def test_the_slowest_begin() -> None:
    others = ["tests/dag/test_plan.py::test_a", "tests/adapters/test_limiter.py::test_a"]
    slow = [f"{path}::test_a" for path in FIRST]
    assert sorted([*others, *reversed(slow)], key=rank) == [*slow, *others]
