"""Runs whose callers have asked no storage: start_run asks it, if it may, and they reuse like any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from dag.places import NO_BUCKETS, NOT_CONFIGURED
from dag.plan import Plan
from dag.stored import S3Place, Shown, read_shown
from runs.creation import RunSource, rehearse
from runs.storage import Listable
from tests.runs.reusing import ALLOWED, BOTH, World, once
from tests.simulation.graphs import HOME

BUCKET = "flights"


class Storage:
    """Storage that shows a world, and notes what it is asked."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[dict[str, S3Place]] = []
        self.seconds: list[float] = []

    def look(self, places: Mapping[str, S3Place], seconds: float) -> Shown:
        """Return what the world's runs have written."""
        self.asked.append(dict(places))
        self.seconds.append(seconds)
        return read_shown({name: self.world.shown.get(name, {"untold": "it does not exist"}) for name in places})


def asking(world: World, *buckets: str) -> Storage:
    """Let start_run ask about all datasets of a world, which lie in one bucket."""
    places = {name: f"{BUCKET}/data/{name}.pkl" for name in world.document.datasets}
    world.document = replace(world.document, places=places)
    storage = Storage(world)
    world.listable = Listable(storage, buckets or [BUCKET])
    return storage


def plain(world: World, **request: object) -> int:
    """Start a run as a schedule does, and return the number of its groups."""
    world.keys += 1
    return world.start(key=f"schedule:{world.keys}", **request).groups_total


@BOTH
def test_a_scheduled_run_of_what_has_not_changed_starts_no_job(versioned: bool) -> None:
    world = World([[], [0], [0], [1, 2]], versioned=versioned, raw=True)
    storage = asking(world)
    assert plain(world) == 4
    assert set(world.again().values()) == {"no run that is known has made it"}
    world.write_all()
    world.settle()
    first = world.run_id
    assert plain(world) == 0
    assert world.run.resumed is not None
    assert world.run.resumed["runs"] == {first: 4}
    names = ["d0", "d1", "d2", "d3", "raw"]
    assert storage.asked == 2 * [
        {name: S3Place(BUCKET, f"data/{name}.pkl", versioned and name != "raw") for name in names}
    ]


def test_what_a_command_has_asked_and_what_start_run_asks_is_the_same() -> None:
    world = World([[], [0]], raw=True)
    storage = asking(world)
    once(world)  # by a command
    assert storage.asked == []
    assert plain(world) == 0
    world.shown["raw"] |= {"digest": "another"}
    plain(world)
    assert world.again()["n0"] == "'raw' has changed in its storage"
    world.write_all()
    world.settle()
    assert world.go().groups_total == 0


def test_a_run_that_neither_reuses_nor_is_to_be_reused_asks_nothing() -> None:
    world = World([[]], raw=True)
    storage = asking(world)
    world.document = replace(world.document, run={**world.document.run, "reuse": False})
    assert plain(world) == 1
    assert (world.run.resumed, storage.asked) == (None, [])
    assert plan_of(world).inputs == {}


def test_a_run_that_makes_all_anew_notes_its_inputs_for_the_next_one() -> None:
    world = World([[], [0]], raw=True)
    storage = asking(world)
    assert plain(world, reuse=False) == 2
    assert (world.run.resumed, [*storage.asked[0]]) == (None, ["raw"])
    assert plan_of(world).inputs == {"raw": "r"}


def plan_of(world: World) -> Plan:
    """Return the plan of the world's run."""
    return world.dispatcher.plan(world.run_id)


def test_without_buckets_it_says_how_to_turn_that_on_and_reads_nothing() -> None:
    world = World([[], [0]])
    once(world)
    world.calls.clear()
    assert plain(world) == 2
    assert world.again() == dict.fromkeys(["n0", "n1"], NO_BUCKETS)
    assert "listings" not in world.calls


def test_so_does_a_run_of_a_project_that_does_not_reuse_by_itself() -> None:
    world = World([[], [0]])
    storage = asking(world)
    world.document = replace(world.document, run={**world.document.run, "reuse": False})
    assert plain(world, reuse=True) == 2
    assert (world.again(), storage.asked) == (dict.fromkeys(["n0", "n1"], NOT_CONFIGURED), [])


def test_one_reason_for_many_nodes_takes_little_room_in_the_table() -> None:
    world = World([[] for _ in range(300)])
    assert plain(world) > 0
    assert world.run.resumed is not None
    assert world.run.resumed["again_total"] == 300
    assert 10 <= len(world.again()) <= 15


def test_what_start_run_may_not_ask_about_says_why() -> None:
    world = World([[], [], [], []], raw=True)
    storage = asking(world, "flights/data", "fl")
    places = {
        "raw": f"{BUCKET}/data/raw.csv",
        "d0": f"{BUCKET}/data/d0.csv",
        "d1": f"{BUCKET}/database/d1.csv",
        "d2": "?it is not on S3",
    }
    world.document = replace(world.document, places=places)
    plain(world)
    world.write_all()
    world.settle()
    plain(world)
    assert [*storage.asked[-1]] == ["d0", "raw"]
    assert world.again() == {
        "n1": "'d1': start_run may not ask: the deployment's param 'reuse_buckets' doesn't have its place in 'flights'",
        "n2": "'d2': it is not on S3",
        "n3": "'d3': the deployment does not say where it lies",
    }


def test_another_configuration_may_have_all_of_it_elsewhere() -> None:
    world = World([[]], raw=True)
    storage = asking(world)
    world.document = replace(world.document, run={**world.document.run, "conf_sources": ["s3://conf/x"]})
    plain(world, conf_source="s3://conf/x")
    assert (storage.asked, plan_of(world).inputs) == ([], {})


def test_it_asks_about_the_version_that_is_asked_for() -> None:
    world = World([[]], raw=True)
    storage = asking(world)
    raw = replace(world.document.datasets["raw"], versioned=True)
    world.document = replace(world.document, datasets={**world.document.datasets, "raw": raw})
    version = "2026-11-22T13.11.00.123Z"
    plain(world, load_versions={"raw": version, "d0": version})
    assert storage.asked[0] == {
        "raw": S3Place(BUCKET, "data/raw.pkl", versioned=True, asked=version),
        "d0": S3Place(BUCKET, "data/d0.pkl"),
    }


def test_partitions_with_versions_are_one_folder() -> None:
    world = World([[]], versioned=True)
    storage = asking(world)
    d0 = replace(world.document.datasets["d0"], partitions="kept")
    world.document = replace(world.document, datasets={"d0": d0})
    plain(world)
    assert storage.asked[0] == {"d0": S3Place(BUCKET, "data/d0.pkl")}


@pytest.mark.parametrize(("left", "seconds"), [(90.0, 20.0), (60.0, 20.0), (30.0, 10.0)])
def test_a_third_of_the_time_is_for_storage(left: float, seconds: float) -> None:
    world = World([[]], raw=True)
    storage = asking(world)
    world.left = left
    plain(world)
    assert storage.seconds == [seconds]


def test_a_resumed_run_asks_too_and_makes_again_what_has_read_others() -> None:
    world = World([[], [0]], raw=True)
    storage = asking(world)
    plain(world)
    first = world.run_id
    world.write(0)
    world.finish(1, exit_code=1)
    world.settle()
    plain(world, resume_from=first)
    assert (world.again(), [*storage.asked[-1]]) == ({"n1": "it has not succeeded"}, ["d0", "d1", "raw"])
    world.finish_all()
    world.settle()
    world.shown["raw"] |= {"digest": "another"}
    plain(world, resume_from=first)
    assert world.again()["n0"] == "'raw' has changed in its storage"


def test_a_resumed_run_makes_again_what_is_gone() -> None:
    world = World([[], [0]])
    asking(world)
    plain(world)
    first = world.run_id
    world.write(0)
    world.finish(1, exit_code=1)
    world.settle()
    del world.shown["d0"]
    plain(world, resume_from=first)
    assert world.again()["n0"] == "'d0': it does not exist"


def test_a_rehearsal_asks_too_and_two_runs_of_one_moment_ask_once_each() -> None:
    world = World([[]], raw=True)
    storage = asking(world)
    rehearse(world.dispatcher, RunSource(world.document, ALLOWED, HOME, world.listable), {})
    assert len(storage.asked) == 1
    plain(world)
    first = world.run_id
    world.now -= 1  # so that the next one gets another id, and makes its plan twice
    plain(world)
    assert (world.run_id > first, len(storage.asked)) == (True, 3)
