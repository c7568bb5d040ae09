"""A local run is saved whenever it has changed, and goes on if it can't be saved."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from rich.console import Console

from kedro_aws_batch.client import GroupState, RunState, Started
from kedro_aws_batch.errors import ProjectError
from kedro_aws_batch.kept.logs import KeptLogs
from kedro_aws_batch.kept.place import folder
from kedro_aws_batch.launch.keeping import Keeping
from kedro_aws_batch.show.display import Display

if TYPE_CHECKING:
    from kedro_aws_batch.client import Service
    from kedro_aws_batch.kept.state import State

GROUPS = (GroupState(0, ("a",), "RUNNING"), GroupState(1, ("b",), "WAITING", parents=(0,)))
BEGUN = RunState("r", "RUNNING", 2, 2, GROUPS)
HALF = replace(BEGUN, groups=(replace(GROUPS[0], status="SUCCEEDED"), replace(GROUPS[1], status="RUNNING")))
OVER = replace(BEGUN, status="SUCCEEDED", settled=True, groups=tuple(replace(g, status="SUCCEEDED") for g in GROUPS))
FULL = OSError(28, "No space left on device")


@dataclass
class Told:
    """A service that describes what the test says."""

    run: RunState = BEGUN
    interrupted: bool = False

    def start_run(self, _: Any) -> Started:
        if self.interrupted:
            raise KeyboardInterrupt
        return Started("r", "RUNNING", 2, 2)

    def describe_run(self, _: str) -> RunState:
        return self.run


@dataclass
class Kept:
    """A state that takes a second to save, by a clock that the test reads."""

    clock: list[float]
    project: Path
    runs: list[RunState | None] = field(default_factory=list)
    trouble: OSError | None = None
    closed: bool = False

    def save(self, run: RunState | None = None) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.runs.append(run)
        self.clock[0] += 1

    def close(self) -> None:
        self.closed = True


@dataclass
class Scene:
    """A run that is being saved."""

    told: Told
    kept: Kept
    keeping: Keeping
    said: io.StringIO
    clock: list[float]

    def look(self, run: RunState, seconds: float = 0) -> None:
        self.clock[0] += seconds
        self.told.run = run
        assert self.keeping.describe_run("r") == run


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    clock, said = [100.0], io.StringIO()
    told, kept = Told(), Kept(clock, tmp_path / "project")
    kept.project.mkdir()
    logs = KeptLogs(tmp_path, None)
    display = Display(Console(file=said, width=300))
    keeping = Keeping(cast("Service", told), cast("State", kept), logs, display, lambda: clock[0])
    return Scene(told, kept, keeping, said, clock)


def test_a_run_is_kept_as_it_begins_and_whenever_something_has_changed(scene: Scene) -> None:
    scene.keeping.start_run({})
    assert scene.kept.runs == [BEGUN]
    scene.look(BEGUN, seconds=60)
    scene.look(HALF)
    scene.look(OVER, seconds=60)
    scene.look(OVER, seconds=60)
    scene.keeping.finish()
    assert (scene.kept.runs, scene.kept.closed) == ([BEGUN, HALF, OVER, OVER], True)


def test_a_run_that_is_interrupted_as_it_starts_leaves_nothing_that_the_next_command_would_go_on_with(
    scene: Scene,
) -> None:
    scene.told.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        scene.keeping.start_run({})
    scene.keeping.finish()
    assert (scene.kept.runs, scene.kept.closed) == ([], True)


def test_keeping_takes_a_tenth_of_the_time_but_for_the_end(scene: Scene) -> None:
    scene.look(BEGUN)
    scene.look(HALF, seconds=8)
    assert scene.kept.runs == [BEGUN]
    scene.look(HALF, seconds=1)
    assert scene.kept.runs == [BEGUN, HALF]
    scene.look(OVER)
    assert scene.kept.runs == [BEGUN, HALF, OVER]


def test_a_run_goes_on_when_the_disk_is_full_which_is_said_once(scene: Scene) -> None:
    scene.look(BEGUN)
    scene.kept.trouble = FULL
    scene.look(HALF, seconds=60)
    scene.look(HALF, seconds=60)
    assert scene.said.getvalue() == (
        f"The run goes on, but can't be saved in '{folder(scene.kept.project)}': No space left on device. Make room "
        "before it ends.\n"
    )
    scene.kept.trouble = None
    scene.look(HALF, seconds=60)
    assert scene.kept.runs == [BEGUN, HALF]


def test_what_could_not_be_kept_at_the_end_is_no_success(scene: Scene) -> None:
    scene.kept.trouble = FULL
    scene.look(OVER)
    with pytest.raises(
        ProjectError, match=r"could not be saved in '.*': No space left on device. What was saved before"
    ):
        scene.keeping.finish()


def test_a_project_that_was_moved_is_missed_at_once_and_made_by_nobody(scene: Scene) -> None:
    scene.look(BEGUN)
    moved = scene.kept.project.with_name("moved")
    scene.kept.project.rename(moved)
    scene.look(HALF, seconds=60)
    assert "the project is not there any more. Move it back before it ends.\n" in scene.said.getvalue()
    assert not scene.kept.project.exists()
    moved.rename(scene.kept.project)
    scene.look(HALF, seconds=60)
    assert scene.kept.runs == [BEGUN, HALF]


@pytest.mark.parametrize(
    ("trouble", "meanwhile", "afterwards"),
    [
        (OSError(122, "Disk quota exceeded"), "Make room", "make room, then resume the run"),
        (OSError(30, "Read-only file system"), "Make that place writable", "make that place writable, then resume"),
        (OSError(2, "gone"), "Move it back", "resume the run in the folder that the project is in now"),
    ],
)
def test_each_trouble_has_its_own_remedy(scene: Scene, trouble: OSError, meanwhile: str, afterwards: str) -> None:
    scene.kept.trouble = trouble
    scene.look(BEGUN)
    assert f"{trouble.strerror}. {meanwhile} before it ends.\n" in scene.said.getvalue()
    with pytest.raises(ProjectError, match=f"{trouble.strerror}. What was saved before is intact: {afterwards}"):
        scene.keeping.finish()
