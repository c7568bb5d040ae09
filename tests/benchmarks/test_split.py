"""That a node on many machines is done after its largest slice, with one submission."""

from __future__ import annotations

from benchmarks.split import measure


def test_a_split_node_takes_hardly_longer_than_its_largest_slice() -> None:
    slices, partitions, nodes, _, ratio, submissions, _ = measure(50, 3_000, 1)
    assert (slices, partitions, nodes, submissions) == (50, 3_000, 1, 3)
    assert 1 <= ratio <= 1.05
