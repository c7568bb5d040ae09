"""The run table's promises about idempotency keys, lists of runs, suspects and durations."""

from __future__ import annotations

from adapters.ports import LARGEST_PIECE, Page, RunTable
from tests.contract.values import LATER, OTHER_RUN_ID, RUN_ID, every_run_id


def test_a_key_belongs_to_the_run_that_was_first(table: RunTable) -> None:
    assert table.put_key("given:1", RUN_ID, LATER)
    assert not table.put_key("given:1", OTHER_RUN_ID, LATER)
    assert table.get_key("given:1") == RUN_ID


def test_a_key_is_not_free_a_second_time_for_the_same_run(table: RunTable) -> None:
    table.put_key("given:1", RUN_ID, LATER)

    assert not table.put_key("given:1", RUN_ID, LATER)


def test_a_key_that_nobody_bound_means_no_run(table: RunTable) -> None:
    table.put_key("given:1", RUN_ID, LATER)

    assert table.get_key("given:2") is None


def test_keys_may_hold_whatever_people_type(table: RunTable) -> None:
    keys = ["given:täglich #1/π", "given:a b", "given:" + "x" * 500, "given:~", "given:'\"\\"]
    for number, key in enumerate(keys):
        assert table.put_key(key, f"run-{number}", LATER)

    assert [table.get_key(key) for key in keys] == [f"run-{number}" for number in range(len(keys))]


def test_a_key_moves_on_if_it_still_means_the_run_that_was_read(table: RunTable) -> None:
    table.put_key("given:1", RUN_ID, LATER)

    assert table.move_key("given:1", OTHER_RUN_ID, instead=RUN_ID)
    assert not table.move_key("given:1", "a third", instead=RUN_ID)
    assert table.get_key("given:1") == OTHER_RUN_ID


def test_a_key_that_nobody_bound_does_not_move(table: RunTable) -> None:
    assert not table.move_key("given:1", OTHER_RUN_ID, instead=RUN_ID)
    assert table.get_key("given:1") is None


def test_active_runs_are_listed_oldest_first_until_they_are_taken_off(table: RunTable) -> None:
    for run_id in ("b", "a", "d", "c", "a"):
        table.put_active(run_id)
    table.delete_active("b")
    table.delete_active("never there")

    assert table.active(None) == Page(["a", "c", "d"], None)
    assert table.active("a") == Page(["c", "d"], None)
    assert table.active("b") == Page(["c", "d"], None)
    assert table.active("d") == Page([], None)


def test_more_active_runs_than_fit_a_page_are_listed_page_by_page(table: RunTable) -> None:
    run_ids = [f"run-{number:03d}" for number in range(130)]
    for run_id in reversed(run_ids):
        table.put_active(run_id)

    assert table.active(None).next is not None
    assert every_run_id(table.active) == run_ids


def test_nothing_is_active_and_nothing_listed_at_first(table: RunTable) -> None:
    assert table.active(None) == Page([], None)
    assert table.listings(None, 10) == Page([], None)


def test_runs_are_listed_newest_first(table: RunTable) -> None:
    for run_id in ("b", "a", "d", "c"):
        table.put_listing(run_id, LATER)

    assert table.listings(None, 10) == Page(["d", "c", "b", "a"], None)
    assert table.listings("c", 10) == Page(["b", "a"], None)
    assert table.listings("bb", 10) == Page(["b", "a"], None)


def test_a_page_of_listings_is_no_longer_than_was_asked(table: RunTable) -> None:
    for run_id in ("a", "b", "c", "d", "e"):
        table.put_listing(run_id, LATER)

    assert table.listings(None, 2) == Page(["e", "d"], "d")
    assert table.listings("d", 2) == Page(["c", "b"], "b")
    assert every_run_id(lambda before: table.listings(before, 2)) == ["e", "d", "c", "b", "a"]


def test_a_run_listed_twice_is_listed_once(table: RunTable) -> None:
    table.put_listing(RUN_ID, LATER)
    table.put_listing(RUN_ID, LATER + 1)

    assert table.listings(None, 10).run_ids == [RUN_ID]


def test_active_runs_and_listed_runs_are_two_lists(table: RunTable) -> None:
    table.put_active("a")
    table.put_listing("b", LATER)

    assert (table.active(None).run_ids, table.listings(None, 10).run_ids) == (["a"], ["b"])


def test_suspects_are_those_written_last(table: RunTable) -> None:
    table.put_suspects(RUN_ID, {0: {5: 1_795_000_000_000}, 390: {25_600: 1, 7: 1_795_000_060_000}}, LATER)
    table.put_suspects(RUN_ID, {390: {7: 1_795_000_060_000}}, LATER)

    assert table.get_suspects(RUN_ID, range(390, 400)) == {390: {7: 1_795_000_060_000}}
    assert table.get_suspects(RUN_ID, [0, 1]) == {0: {5: 1_795_000_000_000}}
    assert table.get_suspects(OTHER_RUN_ID, [0]) == {}
    assert table.get_suspects(RUN_ID, []) == {}


def test_no_suspects_are_kept_as_none(table: RunTable) -> None:
    table.put_suspects(RUN_ID, {0: {5: 1}}, LATER)
    table.put_suspects(RUN_ID, {0: {}}, LATER)

    assert table.get_suspects(RUN_ID, [0]) == {0: {}}


def test_durations_are_those_written_last_for_a_project_and_its_environment(table: RunTable) -> None:
    table.put_durations("spaceflights", "aws_batch", b"\x00first")
    table.put_durations("spaceflights", "aws_batch", b"\x00second")
    table.put_durations("spaceflights", "prod", bytes(LARGEST_PIECE))

    assert table.get_durations("spaceflights", "aws_batch") == b"\x00second"
    assert table.get_durations("spaceflights", "prod") == bytes(LARGEST_PIECE)
    assert table.get_durations("another", "aws_batch") is None
