from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch.client import GroupState, RunState, RunSummary, Service
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.kept.commands import Live, in_progress, in_progress_now
from kedro_aws_batch.kept.place import folder
from kedro_aws_batch.kept.runs import CUT_OFF, save_run
from kedro_aws_batch.launch.runs import LocalRuns, NoSuchRunError, find_resumable, find_run, live_client

if TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND, THIRD = (f"2026-11-2{day}T10.00.00.000Z" for day in (1, 2, 3))
LIVE = Live(
    endpoint_url="http://127.0.0.1:1",
    region="us-east-1",
    service="gone",
    access_key_id="EMBEDDED",
    secret_access_key="the-secret",  # noqa: S106
)
SUMMARIES = [RunSummary(THIRD, "SUCCEEDED"), RunSummary(SECOND, "FAILED"), RunSummary(FIRST, "FAILED")]


@dataclass
class Listed:
    """Runs that are only listed."""

    runs: list[RunSummary] = field(default_factory=lambda: list(SUMMARIES))
    asked: list[int | None] = field(default_factory=list)

    def list_runs(self, status: str | None = None, limit: int | None = None) -> list[RunSummary]:
        assert status is None, "find_run sorts by itself"
        self.asked.append(limit)
        return self.runs[:limit]

    def describe_run(self, run_id: str) -> RunState:
        raise NotImplementedError

    def cancel_run(self, run_id: str, reason: str | None = None) -> str:
        raise NotImplementedError


def test_a_run_is_the_latest_or_what_its_beginning_says() -> None:
    assert find_run(Listed(), None) == THIRD
    assert find_run(Listed(), None, status=("FAILED", "CANCELLED")) == SECOND
    assert find_run(Listed(), "2026-11-21") == FIRST
    whole = Listed()
    assert find_run(whole, "2020-01-01T00.00.00.000Z") == "2020-01-01T00.00.00.000Z"
    assert whole.asked == []


@pytest.mark.parametrize(
    ("runs", "taken"),
    [
        (SUMMARIES, SECOND),
        ([RunSummary(THIRD, "SUCCEEDED", resumed_from=SECOND), RunSummary(SECOND, "FAILED"), SUMMARIES[2]], FIRST),
        ([RunSummary(THIRD, "FAILED", resumed_from=SECOND), RunSummary(SECOND, "FAILED")], THIRD),
        ([RunSummary(THIRD, "RUNNING", resumed_from=SECOND), RunSummary(SECOND, "FAILED")], SECOND),
    ],
)
def test_resume_takes_the_latest_run_that_left_something(runs: list[RunSummary], taken: str) -> None:
    assert find_resumable(Listed(runs), None) == taken
    assert find_resumable(Listed(runs), runs[-1].run_id) == runs[-1].run_id


def test_a_run_that_was_resumed_twice_until_it_succeeded_is_not_left() -> None:
    last = RunSummary(THIRD, "SUCCEEDED", resumed_from=SECOND)
    runs = [last, RunSummary(SECOND, "FAILED", resumed_from=FIRST), RunSummary(FIRST, "FAILED")]
    with pytest.raises(NoSuchRunError, match=f"left to resume: {SECOND} FAILED, but a run that resumed it SUCC"):
        find_resumable(Listed(runs), None)
    with pytest.raises(NoSuchRunError, match=r"No run is FAILED or CANCELLED: the latest, .* is SUCCEEDED"):
        find_resumable(Listed([RunSummary(THIRD, "SUCCEEDED")]), None)
    with pytest.raises(NoSuchRunError, match="There are no runs yet"):
        find_resumable(Listed([]), None)


def test_a_local_run_lists_what_it_resumed(tmp_path: Path) -> None:
    save_run(tmp_path, OVER)
    save_run(tmp_path, replace(OVER, run_id=SECOND, status="SUCCEEDED", resumed={"from": FIRST, "reused": []}))
    assert [run.resumed_from for run in LocalRuns(tmp_path).list_runs()] == [FIRST, None]


@pytest.mark.parametrize(
    ("runs", "wanted", "status", "message"),
    [
        ([], None, (), "There are no runs yet."),
        (
            SUMMARIES,
            "2026-11",
            (),
            f"3 runs begin with '2026-11': '{THIRD}', '{SECOND}', '{FIRST}'. Give more of the id.",
        ),
        (SUMMARIES, "2025", (), "No run begins with '2025'. The latest: "),
        (SUMMARIES, None, ("RUNNING",), f"No run is RUNNING: the latest, {THIRD}, is SUCCEEDED."),
    ],
)
def test_what_names_no_run_or_several_is_said(
    runs: list[RunSummary], wanted: str | None, status: tuple[str, ...], message: str
) -> None:
    with pytest.raises(NoSuchRunError) as raised:
        find_run(Listed(runs), wanted, status)
    assert str(raised.value).startswith(message)


GROUPS = (
    GroupState(0, ("a", "b"), "SUCCEEDED", parents=(), exit_code=0, resources={"vcpus": 2}),
    GroupState(1, ("c",), "RUNNING", parents=(0,), job_id="job", job_status="RUNNING", started_at=5),
    GroupState(2, ("d",), "WAITING", parents=(1,)),
)
COUNTS = {"SUCCEEDED": 1, "RUNNING": 1, "WAITING": 1, "CANCELLED": 0, "SKIPPED": 0}
GOES_ON = RunState(FIRST, "RUNNING", 3, 4, GROUPS, COUNTS, pipelines=("p",), created_at=1, now=9)
OVER = replace(GOES_ON, status="FAILED", groups=GROUPS[:1], settled=True, ended_at=9)


def test_a_finished_local_run_is_told_as_it_ended(tmp_path: Path) -> None:
    save_run(tmp_path, OVER)
    save_run(tmp_path, replace(OVER, run_id=SECOND, status="SUCCEEDED"))
    runs = LocalRuns(tmp_path)
    assert runs.describe_run(FIRST) == OVER
    assert [(run.run_id, run.status, run.pipelines) for run in runs.list_runs()] == [
        (SECOND, "SUCCEEDED", ("p",)),
        (FIRST, "FAILED", ("p",)),
    ]
    assert [run.run_id for run in runs.list_runs("FAILED")] == [FIRST]
    assert [run.run_id for run in runs.list_runs(limit=1)] == [SECOND]
    assert runs.cancel_run(FIRST) == "FAILED"
    with pytest.raises(ServiceError, match="There is no local run"):
        runs.describe_run(THIRD)


def test_a_local_run_whose_command_is_gone_was_cut_off_and_is_what_resume_takes(tmp_path: Path) -> None:
    save_run(tmp_path, replace(OVER, run_id=FIRST))
    with in_progress(tmp_path) as command:
        save_run(tmp_path, replace(GOES_ON, run_id=SECOND), command.name)
    runs = LocalRuns(tmp_path)
    found = runs.describe_run(SECOND)
    assert (found.status, found.reason, found.ended_at, found.over) == ("CANCELLED", CUT_OFF, 9, True)
    assert [group.status for group in found.groups] == ["SUCCEEDED", "CANCELLED", "SKIPPED"]
    assert found.counts == {"SUCCEEDED": 1, "RUNNING": 0, "WAITING": 0, "CANCELLED": 1, "SKIPPED": 1}
    assert find_run(runs, None, status=("FAILED", "CANCELLED")) == SECOND
    assert runs.list_runs()[0].reason == CUT_OFF
    assert runs.cancel_run(SECOND) == "CANCELLED"


def test_a_run_that_was_being_cancelled_when_it_was_cut_off_keeps_its_reason(tmp_path: Path) -> None:
    save_run(tmp_path, replace(GOES_ON, status="CANCELLED", reason="enough", ended_at=7), "gone")
    found = LocalRuns(tmp_path).describe_run(FIRST)
    assert (found.status, found.reason, found.ended_at, found.over) == ("CANCELLED", "enough", 7, True)


def test_a_run_whose_command_lives_goes_on(tmp_path: Path) -> None:
    with in_progress(tmp_path) as command:
        save_run(tmp_path, GOES_ON, command.name)
        runs = LocalRuns(tmp_path)
        assert live_client(tmp_path, FIRST, "logs") is None  # it has not begun to answer
        assert runs.describe_run(FIRST) == GOES_ON
        command.reached_at(LIVE)
        assert live_client(tmp_path, FIRST, "logs") is not None
        assert runs.describe_run(FIRST) == GOES_ON  # it does not answer any more, and has not ended yet
        assert runs.list_runs()[0].status == "RUNNING"


def test_what_another_command_still_has_is_not_resumed(tmp_path: Path) -> None:
    runs = LocalRuns(tmp_path)
    with in_progress(tmp_path) as command:
        save_run(tmp_path, GOES_ON, command.name)
        with pytest.raises(ServiceError, match=f"Run {FIRST} is RUNNING in another command: wait for its end, or can"):
            runs.request_of(FIRST)
        save_run(tmp_path, replace(GOES_ON, status="CANCELLED"), command.name)
        with pytest.raises(ServiceError, match=f"Run {FIRST} is CANCELLED, but its command is still ending its jobs."):
            runs.request_of(FIRST)
        save_run(tmp_path, replace(OVER, request={"tags": ["t"]}), command.name)
        assert runs.request_of(FIRST) == {"tags": ["t"]}
    save_run(tmp_path, replace(GOES_ON, request={"tags": ["t"]}), command.name)
    assert runs.request_of(FIRST) == {"tags": ["t"]}  # it was cut off


def test_a_run_that_ended_as_it_was_to_be_cancelled_keeps_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = [GOES_ON, OVER]

    def out_of_reach(*_: object) -> str:
        save_run(tmp_path, ending.pop(0), command.name)
        raise ServiceError("no answer", "Unreachable")

    monkeypatch.setattr(Service, "cancel_run", out_of_reach)
    with in_progress(tmp_path) as command:
        save_run(tmp_path, GOES_ON, command.name)
        command.reached_at(LIVE)
        with pytest.raises(ServiceError, match="no answer"):
            LocalRuns(tmp_path).cancel_run(FIRST)
        assert LocalRuns(tmp_path).cancel_run(FIRST) == OVER.status


def test_what_commands_that_were_killed_left_is_cleared_away(tmp_path: Path) -> None:
    killed = folder(tmp_path) / "commands" / "killed.json"
    killed.parent.mkdir(parents=True)
    killed.touch()
    killed.with_suffix(".graph").touch()
    assert in_progress_now(tmp_path) == {}
    with in_progress(tmp_path) as command:
        command.graph.touch()
        assert in_progress_now(tmp_path) == {command.name: None}
        assert sorted(path.suffix for path in killed.parent.iterdir()) == [".graph", ".json"]
    assert list(killed.parent.iterdir()) == []


def test_the_key_of_a_local_run_in_progress_is_its_user_s_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with in_progress(tmp_path) as command:
            command.reached_at(LIVE)
            (file,) = (tmp_path / ".kedro_aws_batch/local/commands").iterdir()  # as docs/security.md says
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert in_progress_now(tmp_path) == {command.name: LIVE}
    finally:
        os.umask(before)
    assert LIVE.secret_access_key not in repr(LIVE)
