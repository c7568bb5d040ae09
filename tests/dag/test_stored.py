"""What storage shows of a dataset, by its files, and which objects are a dataset's."""

from __future__ import annotations

import hashlib

from dag.stored import File, S3Place, Seen, seen_of

FILE = File(1, '"a"', 1_763_817_060.5)


def test_a_dataset_was_written_when_the_last_of_its_files_was() -> None:
    files = {"b/x/1": FILE, "b/x/2": File(2, '"b"', 1_763_817_000.0)}
    told = 'v\nb/x/1 1 "a" 1763817060.5\nb/x/2 2 "b" 1763817000.0'  # runs have noted digests of this
    digest = hashlib.sha256(told.encode()).hexdigest()[:16]
    assert seen_of(files, "b/x", "v") == Seen(at=1_763_817_060_500, digest=digest, version="v", folder=True)
    assert seen_of({"b/x": File(1, "", -5.0)}, "b/x").at == 0


def test_a_digest_is_of_the_version_and_of_all_that_is_known_of_each_file() -> None:
    others = [File(2, '"a"', FILE.put), File(1, '"b"', FILE.put), File(1, '"a"', FILE.put + 1)]
    found = [seen_of({"b/x": one}, "b/x") for one in (FILE, *others)]
    found += [seen_of({"b/x": FILE}, "b/x", "v"), seen_of({"b/x/y": FILE}, "b/x"), seen_of({"b/y": FILE}, "b/y")]
    assert len({one.digest for one in found}) == len(found)
    assert {len(one.digest) for one in found} == {16}


def test_the_project_s_own_folder_is_left_out_of_names_and_their_order_makes_no_difference() -> None:
    here = seen_of({"/home/p/b": FILE, "/home/p/a": FILE}, "/home/p", own_folder="/home/p/")
    there = seen_of({"a": FILE, "b": FILE}, "/home/p")
    assert here.digest == there.digest


def test_a_folder_holds_what_lies_in_it_and_no_neighbour() -> None:
    place = S3Place("b", "in/part1")
    keys = ["in/part1", "in/part1-", "in/part1/", "in/part1/x", "in/part1/\uffff", "in/part10", "in/part10/x", "in/z"]
    assert [key for key in keys if place.holds(key)] == ["in/part1/", "in/part1/x", "in/part1/\uffff"]
    assert [key for key in keys if place.passed(key)] == ["in/part10", "in/part10/x", "in/z"]


def test_versions_are_in_the_order_of_their_whole_paths_and_kedro_takes_some_names_for_none() -> None:
    place = S3Place("b", "in/a.csv", versioned=True)
    assert place.newest_first(["", ".", "..", "v", "v-1", "v0", "2026"]) == ["v0", "v", "v-1", "2026"]
    assert place.of("v") == S3Place("b", "in/a.csv/v/a.csv")
