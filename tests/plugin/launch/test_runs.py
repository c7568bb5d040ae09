from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch.client import GroupState, RunState, RunSummary
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.kept import state as kept
from kedro_aws_batch.launch.runs import KeptRuns, NoSuchRunError, find_run, local_runs

if TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND, THIRD = (f"2026-11-2{day}T10.00.00.000Z" for day in (1, 2, 3))
LIVE = kept.Live(
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


def test_a_finished_local_run_is_told_as_it_ended(tmp_path: Path) -> None:
    groups = (GroupState(0, ("a", "b"), "FAILED", parents=(), exit_code=1, resources={"vcpus": 2}),)
    state = RunState(FIRST, "FAILED", 1, 2, groups, {"FAILED": 1}, pipelines=("p",), settled=True, created_at=1, now=2)
    kept.save_run(tmp_path, state)
    kept.save_run(tmp_path, replace(state, run_id=SECOND, status="SUCCEEDED"))
    runs = local_runs(tmp_path)
    assert isinstance(runs, KeptRuns)
    assert runs.describe_run(FIRST) == state
    assert [(run.run_id, run.status, run.pipelines) for run in runs.list_runs()] == [
        (SECOND, "SUCCEEDED", ("p",)),
        (FIRST, "FAILED", ("p",)),
    ]
    assert [run.run_id for run in runs.list_runs("FAILED")] == [FIRST]
    assert runs.cancel_run(FIRST) == "FAILED"
    with pytest.raises(ServiceError, match="There is no local run"):
        runs.describe_run(THIRD)


def test_a_local_run_that_was_killed_is_not_taken_for_one_in_progress(tmp_path: Path) -> None:
    with kept.in_progress(tmp_path, LIVE):
        assert isinstance(local_runs(tmp_path), KeptRuns)
    assert not (kept.folder(tmp_path) / kept.LIVE).exists()


def test_the_key_of_a_local_run_in_progress_is_its_user_s_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with kept.in_progress(tmp_path, LIVE):
            assert stat.S_IMODE((kept.folder(tmp_path) / kept.LIVE).stat().st_mode) == 0o600
            assert kept.live(tmp_path) == LIVE
    finally:
        os.umask(before)
    assert (kept.live(tmp_path), LIVE.secret_access_key in repr(LIVE)) == (None, False)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"endpoint_url": "http://127.0.0.1:1"}', "null"])
def test_what_says_nothing_of_a_run_in_progress_is_none(tmp_path: Path, content: str) -> None:
    kept.folder(tmp_path).mkdir(parents=True)
    (kept.folder(tmp_path) / kept.LIVE).write_text(content)
    assert (kept.live(tmp_path), isinstance(local_runs(tmp_path), KeptRuns)) == (None, True)
