"""3,000 partitions in 50 slices: one submission, and a resumed run that does what had failed and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .support import Node, Project, finished, make_project, service

if TYPE_CHECKING:
    from pathlib import Path

FAILING = ["clean[3/50]", "clean[17/50]", "clean[50/50]"]


def split_project(root: Path, store: Path) -> Project:
    folders = (str(store / "raw"), str(store / "cleaned"))
    shape = {
        "make": Node(),
        "clean": Node(after=["make"], resources={"split": 50}, fails_once=FAILING, partitions=folders),
        "report": Node(after=["clean"]),
    }
    project = make_project(root, {"__default__": shape}, array_jobs=True, on_failure="drain")
    for number in range(3_000):
        file = store / f"raw/{number % 7}/größe_{number:04}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(number), encoding="utf-8")
    return project


def files(folder: Path) -> dict[str, str]:
    return {str(one.relative_to(folder)): one.read_text("utf-8") for one in folder.rglob("*.txt")}


@pytest.mark.long
def test_fifty_slices_are_one_submission_and_those_that_failed_run_again_alone(tmp_path: Path) -> None:
    store = tmp_path / "store"
    project = split_project(tmp_path / "project", store)
    with project.aws() as aws:
        first = finished(aws, service(aws).start_run({}), 300)
        slices = [group for group in first.groups if group.slice]
        assert (first.status, first.nodes_total, first.groups_total) == ("FAILED", 3, 52)
        assert [group.slice and group.slice["number"] for group in slices] == list(range(1, 51))
        # An array's children have its id: that all have one, and its index goes to 49, is one SubmitJob.
        assert {(group.job_id or "").partition(":")[0] for group in slices} == {(slices[0].job_id or "").split(":")[0]}
        assert {int((group.job_id or "").split(":")[1]) for group in slices} == set(range(50))
        assert [group.labels[0] for group in slices if group.status == "FAILED"] == FAILING
        assert set(files(store / "cleaned")) < set(files(store / "raw"))

        again = finished(aws, service(aws).start_run({"resume_from": first.run_id}), 300)
    assert again.status == "SUCCEEDED", again.reason
    assert sorted(project.ran(again.run_id)) == sorted([*FAILING, "report"])
    assert again.resumed
    assert again.resumed["again"]["clean"] == "3 of its 50 slices have not succeeded"
    assert project.ran(first.run_id) == {**dict.fromkeys((group.labels[0] for group in slices), 1), "make": 1}
    assert files(store / "cleaned") == files(store / "raw")
