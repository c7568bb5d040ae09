"""The run table's promises about records of array jobs."""

from __future__ import annotations

from dataclasses import replace

from adapters.ports import RunTable
from dag.records import Array
from dag.shards import Mark
from tests.contract.dynamodb import Dynamo
from tests.contract.test_sizes import LIMIT, item_size, read
from tests.contract.values import LATER, OTHER_RUN_ID, RUN_ID, a_job, every_page

#: As many children as Batch allows, each an attempt of the longest name.
LARGEST = tuple(Mark(90_000 + number, 12) for number in range(10_000))


def an_array(group: int, attempt: int = 0, generation: int = 0) -> Array:
    """Return an array of two that has not been submitted."""
    return Array(Mark(group, attempt, generation), (Mark(group, attempt), Mark(group + 300, attempt)))


def all_arrays(table: RunTable) -> list[Array]:
    """Return the arrays of the run, page by page."""
    return every_page(lambda after: table.arrays(RUN_ID, after))


def test_an_array_is_read_as_it_was_written(table: RunTable) -> None:
    array = Array(Mark(90_000, 12, 3), LARGEST, "3b9c1f0e", 1_795_000_000_123)
    table.put_array(RUN_ID, array, LATER)

    assert table.get_array(RUN_ID, array.first) == array
    assert all_arrays(table) == [array]


def test_an_array_s_id_is_added_when_it_is_known(table: RunTable) -> None:
    array = an_array(5)
    table.put_array(RUN_ID, array, LATER)
    assert table.get_array(RUN_ID, Mark(5)) == array

    table.put_array(RUN_ID, replace(array, job_id="id", submitted_at=7), LATER)

    assert table.get_array(RUN_ID, Mark(5)) == replace(array, job_id="id", submitted_at=7)


def test_an_array_is_known_by_the_claim_that_won_its_first_member(table: RunTable) -> None:
    table.put_array(RUN_ID, an_array(5, 1, 1), LATER)

    assert table.get_array(RUN_ID, Mark(5, 1)) is None
    assert table.get_array(RUN_ID, Mark(5, 0, 1)) is None
    assert table.get_array(OTHER_RUN_ID, Mark(5, 1, 1)) is None
    assert table.get_array(RUN_ID, Mark(5, 1, 1)) == an_array(5, 1, 1)


def test_arrays_are_listed_by_group_attempt_and_generation(table: RunTable) -> None:
    firsts = [(0, 0, 0), (9, 0, 0), (9, 0, 9), (9, 0, 10), (9, 2, 0), (9, 12, 0), (10, 0, 0), (99_999, 0, 0)]
    for first in reversed(firsts):
        table.put_array(RUN_ID, an_array(*first), LATER)
    table.put_array(OTHER_RUN_ID, an_array(1), LATER)
    table.put_jobs(RUN_ID, [a_job(1)], LATER)
    expected = [an_array(*first) for first in firsts]

    assert all_arrays(table) == expected
    assert table.arrays(RUN_ID, Mark(9, 12)) == (expected[6:], None)


def test_more_arrays_than_fit_a_page_are_read_page_by_page(table: RunTable) -> None:
    arrays = [replace(an_array(group), job_id="x" * 100_000) for group in range(12)]  # DynamoDB's pages are of 1 MB
    for array in arrays:
        table.put_array(RUN_ID, array, LATER)

    first, more = table.arrays(RUN_ID, None)

    assert more == first[-1].first
    assert first == arrays[: len(first)] != arrays
    assert all_arrays(table) == arrays


def test_the_largest_array_stays_far_below_the_limit(dynamo: Dynamo) -> None:
    dynamo.table.put_array(RUN_ID, Array(Mark(90_000, 12, 3), LARGEST, "x" * 36, 1_795_000_000_123), LATER)

    assert item_size(read(dynamo, "array#090000#12#003")) < LIMIT / 3
