"""What a run that resumes or reuses another asks otherwise: its conf source, its jobs' environment, and versions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dag.asked import version_asked
from tests.runs.reusing import World, failed, once

SOURCE, FOLDER = "s3://conf/other", "settings/eu"
NOT = "it has not succeeded"
VERSION, OTHER = "2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z"


def world_of(parents: list[list[int]], **more: Any) -> World:
    """Return a world whose runs may have conf sources, and an environment for their jobs."""
    world = World(parents, **more)
    run = {**world.document.run, "conf_sources": [SOURCE, FOLDER], "request_environment": ["MODE"]}
    world.document = replace(world.document, run=run)
    return world


def resumed(world: World, run_id: str, **request: Any) -> dict[str, str]:
    """Return what a run that resumes another does again, and why."""
    world.go(resume_from=run_id, reuse=False, **request)
    again = dict(world.again())
    world.write_all()
    world.settle()
    return again


def hold(world: World, digest: str | None) -> None:
    """Let the conf source on S3 hold this; nothing is told of it if that is None."""
    world.shown.pop(f"conf source {SOURCE}", None)
    if digest is not None:
        world.shown[f"conf source {SOURCE}"] = {"at": world.now, "digest": digest, "folder": True}


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        ("x", "x", None),
        ("x", "y", f"the configuration in '{SOURCE}' has changed"),
        (None, "x", f"it can't be told whether the configuration in '{SOURCE}' has changed"),
        ("x", None, f"it can't be told whether the configuration in '{SOURCE}' has changed"),
    ],
)
def test_what_was_made_by_another_configuration_of_the_same_source_is_made_again(
    before: str | None, now: str | None, why: str | None
) -> None:
    world = world_of([[], []])
    hold(world, before)
    first = failed(world, conf_source=SOURCE)
    hold(world, now)
    assert resumed(world, first) == {**({"n0": why} if why else {}), "n1": f"{NOT}, and {why}" if why else NOT}


def test_a_resumed_run_notes_what_its_source_holds() -> None:
    world = world_of([[], []])
    hold(world, "x")
    first = failed(world, conf_source=SOURCE)
    hold(world, "y")
    world.go(resume_from=first)
    world.write(0)
    world.finish(1, exit_code=1)
    world.settle()
    assert resumed(world, world.run_id) == {"n1": NOT}


def test_a_folder_of_the_project_counts_as_it_was_deployed() -> None:
    world = world_of([[], []])
    codes = ("code 0", "code 1")
    for first, second, why in (
        ("x", "x", None),
        ("x", "y", f"the configuration in '{FOLDER}' has changed"),
        (None, "y", f"it can't be told whether the configuration in '{FOLDER}' has changed"),
    ):
        world.sign(*codes, **({"conf_sources": {FOLDER: first}} if first else {}))
        run_id = failed(world, conf_source=FOLDER)
        world.sign(*codes, conf_sources={FOLDER: second})
        assert resumed(world, run_id).get("n0") == why


def test_any_parameter_may_be_used_by_a_configuration_that_nobody_has_compiled() -> None:
    world = world_of([[], []])
    hold(world, "x")
    run_id = failed(world, conf_source=SOURCE)
    assert resumed(world, run_id, params={"day": 1})["n0"] == f"parameter 'day', which '{SOURCE}' may use, has changed"


def test_another_source_and_another_environment_are_another_run_s() -> None:
    world = world_of([[], []])
    run_id = failed(world)
    hold(world, "x")
    assert resumed(world, run_id, conf_source=SOURCE)["n0"] == "the conf source is another"
    run_id = failed(world)
    own = {"aws_batch": {"resources": {"default": {"environment": {"MODE": "x"}}}}}
    assert resumed(world, run_id, params=own)["n0"] == "the environment that the run's own parameters set is another"


def pinned_world() -> World:
    """Return a world whose raw data has versions."""
    world = world_of([[], []], raw=True)
    datasets = {**world.document.datasets, "raw": replace(world.document.datasets["raw"], versioned=True)}
    world.document = replace(world.document, datasets=datasets)
    world.shown["raw"]["version"] = VERSION
    return world


def test_a_resumed_run_loads_the_versions_that_it_is_asked_for() -> None:
    world = pinned_world()
    run_id = failed(world, load_versions={"raw": VERSION})
    assert resumed(world, run_id) == {"n1": NOT}
    run_id = failed(world, load_versions={"raw": VERSION})
    assert resumed(world, run_id, load_versions={"raw": OTHER})["n0"] == "another version of 'raw' is asked for"


def test_what_has_read_the_version_that_is_asked_for_is_reused_unless_its_files_have_changed() -> None:
    world = pinned_world()
    world.go(load_versions={"raw": VERSION})
    world.write_all()
    world.settle()
    assert world.go(load_versions={"raw": VERSION}).groups_total == 0
    world.settle()
    world.shown["raw"]["digest"] = "overwritten by hand"
    world.go(load_versions={"raw": VERSION})
    assert world.again() == {"n0": "'raw' has changed in its storage"}


def test_a_version_of_what_the_run_itself_makes_is_not_told_from_what_it_makes() -> None:
    world = World([[], [0]], versioned=True)
    first = once(world).run_id
    world.sign("another", "code 1")
    once(world)
    for _ in range(2):
        world.go(load_versions={"d0": first})
        why = f"version {first} of 'd0' is asked for, whatever the run makes"
        assert world.again() == dict.fromkeys(["n0", "n1"], why)
        world.write_all()
        world.settle()


@pytest.mark.parametrize(("given", "version"), [("x", VERSION), ("x@one", VERSION), ("x@two", None), ("y", None)])
def test_a_version_that_is_asked_for_a_name_is_meant_for_all_its_formats(given: str, version: str | None) -> None:
    assert version_asked({"load_versions": {given: VERSION}}, "x@one") == version
