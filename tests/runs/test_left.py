"""What a resumed run makes again since storage no longer has what the run before it had left."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dag.jobs import run_moment
from tests.runs.reusing import HOUR, World

NOT = "it has not succeeded"


def failed(world: World, **request: str) -> str:
    """Run until the second node fails, and return the run."""
    run_id = world.go(reuse=False, **request).run_id
    world.write(0)
    world.finish(1, exit_code=1)
    world.settle()
    return run_id


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
