"""What a resumed run makes again since storage no longer has what the run before it had left."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dag.jobs import run_moment
from runs.reading import read_outcomes
from tests.runs.reusing import HOUR, World, failed
from tests.runs.stage import Stage
from tests.runs.test_split import split_chain

NOT = "it has not succeeded"


def again(world: World, run_id: str) -> dict[str, str]:
    """Return what a run that resumes another would do again, and why."""
    world.go(resume_from=run_id, reuse=False)
    return dict(world.again())


def _newer(world: World) -> None:
    world.shown["d0"]["at"] += HOUR


def _gone(world: World) -> None:
    world.shown["d0"] = {"untold": "it does not exist"}


def _untold(world: World) -> None:
    world.shown["d0"] = {"untold": "a SQLTableDataset does not say when it was written"}


def _not_asked(world: World) -> None:
    del world.shown["d0"]


def _nothing(_: World) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_newer, "'d0' is newer: it was written at 2023-11-14T23.13.20.000Z"),
        (_gone, "'d0': it does not exist"),
        (_untold, None),
        (_not_asked, None),
        (_nothing, None),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_was_written_over_or_deleted_by_hand_is_made_again(
    change: Callable[[World], None], why: str | None
) -> None:
    world = World([[], []])
    run_id = failed(world)
    change(world)
    world.shown["d1"] = {"untold": "it does not exist"}  # which it never did
    assert again(world, run_id) == {**({"n0": why} if why else {}), "n1": NOT}


@pytest.mark.parametrize(("newest", "left"), [("older", False), ("same", True), ("later", True), (None, True)])
def test_a_version_is_lost_if_only_older_ones_are_left(newest: str | None, left: bool) -> None:
    world = World([[], []], versioned=True)
    older = failed(world)
    run_id = failed(world)
    world.shown["d0"] |= {
        "at": world.now + HOUR,
        "version": {"older": older, "same": run_id, "later": "9"}.get(newest or ""),
    }
    assert again(world, run_id) == {**({} if left else {"n0": f"'d0' has no version {run_id} any more"}), "n1": NOT}


def test_what_was_taken_over_was_there_when_the_run_began() -> None:
    world = World([[], []])
    first = failed(world)
    world.go(resume_from=first, reuse=False)
    second = world.run_id
    world.finish(0, exit_code=1)
    world.settle()
    for later, made in ((0, ["n1"]), (1, ["n0", "n1"])):
        world.shown["d0"]["at"] = run_moment(second) + later
        assert [*again(world, second)] == made
        del world.table._runs[world.run_id]


def test_an_output_counts_to_the_moment_in_which_its_job_ended() -> None:
    world = World([[], []])
    run_id = failed(world)
    _, ended = world.started_and_ended()
    for at, made in ((ended, False), (ended + 1, True)):
        world.shown["d0"]["at"] = at
        assert ("n0" in again(world, run_id)) is made
        del world.table._runs[world.run_id]


def test_slices_whose_partitions_somebody_has_written_over_are_made_again() -> None:
    for later, slices in ((0, [2]), (1, [1, 2])):
        stage = Stage(split_chain(2))
        first = stage.start()
        for group, exit_code in ((0, 0), (1, 0), (2, 1)):
            stage.finish(group, exit_code=exit_code)
        ended = max(one.ended_at or 0 for one in read_outcomes(stage.table, first.run_id, 0, 2))
        stage.reconcile(later=600_000)
        shown = {"d0": {"at": 0, "digest": "d"}, "d1": {"at": ended + later, "digest": "d", "folder": True}}
        stage.start("given:2", resume_from=first.run_id, stored=shown)
        told = [group["slice"]["number"] for group in stage.described()["groups"] if "slice" in group]
        assert told == slices


def test_what_a_resumed_run_has_read_itself_is_noted_for_the_next() -> None:
    world = World([[], [0]], raw=True)
    first = world.start(key="by a schedule").run_id
    world.finish(0, exit_code=1)
    world.settle()
    world.go(resume_from=first)
    world.write_all()
    world.settle()
    assert world.go().groups_total == 0
