"""Folders and split nodes, which are reused only if the user gives his word that nobody deletes what they wrote."""

from __future__ import annotations

from dataclasses import replace

from runs.reading import read_outcomes
from tests.runs.reusing import BOTH, HOUR, World, once


def split_world(*, word: bool) -> World:
    """Return a world whose first node is split, of which the user may give his word."""
    world = World([[], [0]], raw=True)
    datasets = {name: replace(one, partitions="kept") for name, one in world.document.datasets.items()}
    asked = {"split": 2, "reuse": True} if word else {"split": 2}
    first, second = world.document.nodes
    world.document = replace(world.document, nodes=(replace(first, resources=asked), second), datasets=datasets)
    return world


def test_a_split_node_runs_each_time_unless_the_user_gives_his_word() -> None:
    for word in (False, True):
        world = split_world(word=word)
        once(world)
        world.shown["d0"]["folder"] = True
        world.go()
        why = "it is split, and it can't be told whether all of its partitions are still there"
        assert world.again().get("n0") == (None if word else why)
        assert world.run.groups_total == (0 if word else 3)


def test_a_split_node_counts_from_its_first_slice_to_its_last() -> None:
    world = split_world(word=True)
    once(world)
    world.shown["d0"]["folder"] = True
    ends = [one for one in read_outcomes(world.table, world.run_id, 0, 1) if one.started_at and one.ended_at]
    assert len(ends) == 2
    began, ended = min(one.started_at or 0 for one in ends), max(one.ended_at or 0 for one in ends)
    assert ended > min(one.ended_at or 0 for one in ends)
    for at, left in ((began, 0), (ended, 0), (ended + 1, 3)):
        world.shown["d0"]["at"] = at
        assert world.go(dry_run=True).groups_total == left
        del world.table._runs[world.run_id]


def test_a_split_node_of_which_an_earlier_run_has_made_slices_runs() -> None:
    world = split_world(word=True)
    first = world.go(reuse=False, on_failure="continue").run_id
    world.write(0)
    world.finish(1, exit_code=1)
    world.settle()
    world.go(resume_from=first)
    assert world.run.groups_total == 2  # the other slice, and what follows
    world.write_all()
    world.settle()
    world.shown["d0"]["folder"] = True
    second = world.run_id
    world.go()
    assert world.again()["n0"] == f"it is not known when run {second} wrote 'd0'"


def folder_world(*, word: bool, versioned: bool = False) -> World:
    """Return a world whose first node writes a folder, of which the user may give his word."""
    world = World([[], [0]], versioned=versioned)
    resources = {"reuse": True} if word else {}
    nodes = (replace(world.document.nodes[0], resources=resources), world.document.nodes[1])
    world.document = replace(world.document, nodes=nodes)
    once(world)
    world.shown["d0"]["folder"] = True
    return world


@BOTH
def test_a_folder_of_which_the_user_gives_his_word_is_reused_while_nobody_writes_into_it(versioned: bool) -> None:
    world = folder_world(word=True, versioned=versioned)
    assert world.go().groups_total == 0
    world.settle()
    assert world.go().groups_total == 0
    world.shown["d0"] |= {"at": world.shown["d0"]["at"] + HOUR, "version": "by hand"}
    first = world.dispatcher.plan(world.run_id).reused["n0"].run_id
    world.settle()
    world.shown["d0"]["digest"] += " and another file"
    world.go()
    assert world.again()["n0"] == "'d0' has changed in its storage"
    world.table._runs = {name: run for name, run in world.table._runs.items() if name == first}
    world.go()  # as if it had never been reused
    assert world.again()["n0"] == (
        f"the newest version of 'd0' is by hand, not {first}"
        if versioned
        else f"'d0' was last written by something else than run {first}"
    )


def test_a_file_that_is_deleted_after_the_first_reuse_is_noticed_also_after_a_resume() -> None:
    world = folder_world(word=True)
    world.sign("code 0", "another")
    world.go()
    assert [*world.again()] == ["n1"]
    world.finish(0, exit_code=1)
    world.settle()
    world.go(resume_from=world.run_id)
    world.write_all()
    world.settle()
    before = dict(world.shown["d0"])
    world.shown["d0"]["digest"] = "without a file"
    world.go(dry_run=True)
    assert world.again()["n0"] == "'d0' has changed in its storage"
    del world.table._runs[world.run_id]
    world.shown["d0"] = before
    assert world.go().groups_total == 0


def test_a_folder_that_a_resumed_run_has_made_again_is_not_what_the_run_before_had_noted() -> None:
    world = folder_world(word=True)
    world.sign("code 0", "another")
    world.go()
    world.finish(0, exit_code=1)
    world.settle()
    world.sign("another", "another")
    world.go(resume_from=world.run_id)
    assert [*world.again()] == ["n0", "n1"]
    world.write_all()
    world.settle()
    world.shown["d0"]["folder"] = True
    assert world.go().groups_total == 0


def test_his_word_for_another_node_is_none_for_this_one() -> None:
    world = folder_world(word=False)
    world.go()
    assert world.again()["n0"] == "'d0' is a folder, and it can't be told whether all of it is still there"
