from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from kedro_aws_batch.client import GroupState, RunState
from kedro_aws_batch.prices import read_prices
from kedro_aws_batch.show.columns import sharing
from kedro_aws_batch.show.jobs_table import _folded, jobs_table, lines_shown, plain_lines
from tests.report.warm import shared

if TYPE_CHECKING:
    from rich.console import RenderableType

MANY = tuple(
    GroupState(index, (f"space {index % 4}.node_{index}",), status, started_at=1000, ended_at=2000)
    for status, begin, end in (("SUCCEEDED", 0, 600), ("RUNNING", 600, 620), ("WAITING", 620, 800))
    for index in range(begin, end)
)
RUN = RunState("r", "RUNNING", 800, 800, MANY, created_at=1000, now=61_000)


PRICES = read_prices({"vcpu_hour": 3.6, "gb_hour": 0, "source": "a test"})


def printed(what: RenderableType, width: int) -> list[str]:
    output = io.StringIO()
    Console(file=output, width=width, height=24, force_terminal=True, color_system=None).print(what)
    return [line.rstrip() for line in output.getvalue().splitlines()]


def drawn(state: RunState, width: int, room: int | None = 24) -> list[str]:
    return printed(jobs_table(state, room, PRICES), width)


@pytest.mark.parametrize(("room", "lines"), [(None, 800), (200, 22), (40, 22), (15, 15), (3, 3)])
def test_what_is_done_folds_first_and_what_runs_last(room: int | None, lines: int) -> None:
    found = lines_shown(MANY, room)
    sizes = {"RUNNING": 20, "WAITING": 180, "SUCCEEDED": 600}
    used = sum(number + (number < sizes[status]) for status, number in found.items())
    assert used == lines
    if room:
        assert found["SUCCEEDED"] == 0
        assert found["RUNNING"] == 20 or found["WAITING"] == 0


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50), (40, 12), (30, 10)])
def test_eight_hundred_jobs_fit_whatever_the_terminal(width: int, height: int) -> None:
    lines = drawn(RUN, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert lines[0] == "Run r RUNNING"
    assert any(line.startswith("RUNNING") for line in lines)


def test_what_is_folded_is_grouped_by_namespace() -> None:
    lines = drawn(RUN, 80, 26)
    assert "600/800 jobs, 800 nodes" in lines[1]
    assert lines[2] == "running for 1 min 00 s · time left: not known yet · cost not known"
    assert [line.split()[1:] for line in lines if line.startswith(("WAITING", "SUCCEEDED"))] == [
        ["180", "jobs", "(space", "0", "45,", "space", "1", "45,", "space", "2", "45,", "…)"],
        ["600", "jobs", "(space", "0", "150,", "space", "1", "150,", "space", "2", "150,", "…)"],
    ]
    high = drawn(RUN, 80, 36)
    assert [" ".join(line.split()) for line in high if line.startswith("SUCCEEDED")] == [
        "SUCCEEDED 150 jobs of space 0",
        "SUCCEEDED 150 jobs of space 1",
        "SUCCEEDED 150 jobs of space 2",
        "SUCCEEDED 150 jobs of space 3",
    ]


def test_a_running_job_says_how_long_it_usually_takes_and_a_waiting_one_for_what_it_waits() -> None:
    one = {"vcpus": 1, "memory": 1024}
    groups = (
        GroupState(0, ("slow",), "RUNNING", attempt=1, started_at=31_000, expected_ms=90_000, resources=one),
        GroupState(1, ("next",), "SUBMITTED", submitted_at=1_000, job_status="RUNNABLE", resources=one),
        GroupState(2, ("done",), "SUCCEEDED", started_at=1_000, ended_at=2_000, resources=one),
    )
    lines = [" ".join(line.split()) for line in drawn(replace(RUN, groups=groups, groups_total=3, nodes_total=3), 100)]
    assert lines[2] == "running for 1 min 00 s · at least 1 min left (1 job never ran before) · cost $0.031 so far"
    assert lines[4:] == [
        "RUNNING 30.0 s of ~2 min slow (attempt 2)",
        "SUBMITTED 1 min 00 s next RUNNABLE: waits for a machine",
        "SUCCEEDED 1.0 s done",
    ]


@pytest.mark.parametrize(
    ("before", "memory", "told"),
    [
        ({"exit_code": 75}, 1_000, "attempt 1: its container could not tell whether it got it"),
        ({"exit_code": 137}, 2_000, "attempt 1 was killed, perhaps for memory: now with 2,000 MiB"),
        (
            {"exit_code": 137, "reason": "OutOfMemoryError: no"},
            2_000,
            "attempt 1 ran out of memory: now with 2,000 MiB",
        ),
        (
            {"exit_code": 137, "container": {"carried": True}},
            1_000,
            "attempt 1 was killed, perhaps for memory, in a container that had run others: now alone",
        ),
    ],
)
def test_a_job_that_runs_again_says_why(before: dict[str, Any], memory: int, told: str) -> None:
    earlier = {"attempt": 0, "reason": "Essential container in task exited", "resources": {"memory": 1_000}, **before}
    job = GroupState(0, ("slow",), "RUNNING", attempt=1, earlier=(earlier,), resources={"memory": memory})
    state = replace(RUN, groups=(job,), groups_total=1, nodes_total=1)
    assert plain_lines(state)[-1].endswith(f"slow (attempt 2)  {told}")
    done = replace(state, groups=(replace(job, status="SUCCEEDED"),))
    assert plain_lines(done)[-1].endswith(f"slow (attempt 2)  {told}")
    failed = replace(state, groups=(replace(job, status="FAILED", reason="no"),))
    assert plain_lines(failed)[-1].endswith("slow (attempt 2)  no")


def test_where_containers_carry_on_each_node_has_the_number_of_its_container() -> None:
    lines = [" ".join(line.split()) for line in drawn(shared(), 100)]
    assert lines[-5:] == [
        "job took nodes in",
        "SUCCEEDED 10.0 s node_0 container 1",
        "SUCCEEDED 10.0 s node_1 container 1",
        "SUCCEEDED 10.0 s node_2 container 2",
        "SUCCEEDED 10.0 s node_3 container 1",
    ]
    assert plain_lines(shared())[-1].split() == ["SUCCEEDED", "10.0", "s", "node_3", "container", "1"]
    assert "container" not in "".join(plain_lines(RUN))


def test_a_run_that_is_stuck_says_since_when_why_and_what_to_do() -> None:
    blocked = {
        "nodes": ["train"],
        "asks_for": "64 vCPUs",
        "job_queue": "queue",
        "since": 1_000,
        "reason": "TOO SMALL",
        "remedy": "Raise its maxvCpus.",
    }
    state = replace(RUN, blocked=(blocked,))
    said = "train asks for 64 vCPUs and waits at the head of queue, since 1 min 00 s: TOO SMALL Raise its maxvCpus."
    assert said in " ".join(drawn(state, 80))
    assert plain_lines(state)[2] == said


def test_without_colour_and_in_a_narrow_terminal_the_same_is_said() -> None:
    failed = replace(RUN, groups=(GroupState(0, ("train",), "FAILED", reason="no"),), status="FAILED", reason="why")
    lines = drawn(failed, 50)
    assert "why" in lines
    assert lines[-1].split() == ["FAILED", "train"]
    assert drawn(failed, 80)[-1].split() == ["FAILED", "train", "no"]


@pytest.mark.parametrize("width", [30, 60, 72, 80, 200])
def test_long_names_and_reasons_take_no_column_away(width: int) -> None:
    name, reason = "candidate_modelling_pipeline.train_model_node" * 2, "Essential container in task exited " * 4
    groups = (
        GroupState(0, (name,), "FAILED", started_at=0, ended_at=62_000, reason=reason, exit_code=1),
        GroupState(1, ("short",), "SUCCEEDED", started_at=0, ended_at=1_000),
    )
    head, first, second = drawn(replace(RUN, groups=groups, status="FAILED"), width)[-3:]
    assert head.split() == ["job", "took", "nodes", "why"][: 4 if width >= 72 else 3]
    assert (first.split()[:5], second.split()) == (
        ["FAILED", "1", "min", "02", "s"],
        ["SUCCEEDED", "1.0", "s", "short"],
    )
    assert (width < 200) == (first.count("…") == (2 if width >= 72 else 1))
    assert max(map(len, (head, first, second))) <= width


def test_in_a_pipe_what_runs_comes_first_and_what_is_done_last() -> None:
    statuses = ("SUCCEEDED", "WAITING", "FAILED", "RUNNING")
    groups = tuple(GroupState(index, (f"n{index}",), status) for index, status in enumerate(statuses))
    lines = plain_lines(replace(RUN, groups=groups))[-4:]
    assert [line.split()[0] for line in lines] == ["RUNNING", "FAILED", "WAITING", "SUCCEEDED"]


def test_the_bar_counts_all_that_has_ended_and_is_short_where_there_is_little_room() -> None:
    groups = tuple(GroupState(index, ("n",), status) for index, status in enumerate(("FAILED", "CANCELLED", "RUNNING")))
    state = replace(RUN, groups=groups, groups_total=3, nodes_total=3)
    assert drawn(state, 80)[1].endswith(" 2/3 jobs, 3 nodes")
    assert drawn(state, 40)[1].endswith(" 2/3 jobs")


def test_more_namespaces_than_lines_share_the_last() -> None:
    groups = [GroupState(index, (f"space_{index % 6}.n",), "WAITING") for index in range(60)]
    lines = _folded(groups, 4, "jobs")
    assert lines[0].startswith("10 jobs of space_")
    assert (len(lines), lines[-1]) == (4, "30 jobs of 3 other namespaces")
    assert len(_folded(groups, 6, "more jobs")) == 6


@pytest.mark.parametrize(
    ("needed", "shared"),
    [
        ([10, 10], [10, 10]),
        ([10, 100], [10, 38]),
        ([100, 5], [43, 5]),
        ([100, 100], [28, 20]),
        ([100], [48]),
        ([4, 100, 100], [4, 26, 18]),
    ],
)
def test_columns_that_may_be_cut_share_what_room_there_is(needed: list[int], shared: list[int]) -> None:
    assert sharing(needed, [3, 2][: len(needed)] if len(needed) < 3 else [1, 3, 2], 48) == shared


def test_in_a_pipe_each_job_has_its_line() -> None:
    assert len(plain_lines(RUN)) == 802


def test_what_nodes_and_reasons_hold_is_shown_and_does_nothing() -> None:
    evil = GroupState(0, ("[red]<script>\x1b[31m.n\u202e",), "FAILED", reason="\x1b]0;title\x07why\r\n[/]", exit_code=1)
    state = replace(RUN, groups=(evil,), status="FAILED", reason="[bold]\x1b[2Jgone")
    text = "\n".join(drawn(state, 120) + plain_lines(state))
    assert "[red]<script>.n" in text
    assert "why [/] (exit code 1)" in text
    assert "[bold]gone" in text
    assert not set(text) & {"\x1b", "\r", "\u202e"}


def slices(*statuses: str, into: int = 0) -> tuple[GroupState, ...]:
    return tuple(
        GroupState(
            index,
            ("clean",),
            status,
            started_at=None if status == "WAITING" else 1000 * index,
            ended_at=61_000 if status in ("SUCCEEDED", "FAILED") else None,
            exit_code=1 if status == "FAILED" else None,
            reason="no luck" if status == "FAILED" else None,
            slice={"number": index + 1, "into": into or len(statuses)},
        )
        for index, status in enumerate(statuses)
    )


def test_a_node_that_is_split_is_one_row() -> None:
    statuses = ("SUCCEEDED",) * 47 + ("RUNNING",) * 2 + ("FAILED",)
    state = RunState("r", "RUNNING", 50, 1, slices(*statuses), created_at=1000, now=121_000)
    rows = drawn(state, 120)
    said = "FAILED 2 min 01 s clean split 50: 47 succeeded, 2 running, 1 failed slice 50: no luck (exit code 1)"
    assert " ".join(rows[-1].split()) == said
    assert sum("clean" in row for row in rows) == 1
    assert any("clean[50/50]" in line and "FAILED" in line for line in plain_lines(state, PRICES))


def test_a_resumed_split_says_how_many_of_its_slices_run_again() -> None:
    state = RunState("r", "RUNNING", 3, 1, slices("SUCCEEDED", "WAITING", "WAITING", into=50), created_at=0, now=70_000)
    row = " ".join(drawn(state, 120)[-1].split())
    assert row == "WAITING 1 min 01 s clean 3 slices of 50: 1 succeeded, 2 waiting"


def test_a_run_that_reuses_all_shows_no_bar_and_no_table() -> None:
    resumed = {"from": None, "runs": {"q": 3, "p": 1}, "seconds": 24.8, "reused_total": 4}
    state = RunState("r", "SUCCEEDED", 0, 0, resumed=resumed, settled=True, created_at=1000, ended_at=1100)
    reuses = "Reuses 4 nodes of 2 runs, the newest q, which took 24.8 s."
    assert drawn(state, 100) == ["Run r SUCCEEDED", "Nothing to do.", "took 0.1 s · cost nothing", reuses]
    assert plain_lines(state, PRICES) == ["Run r SUCCEEDED: nothing to do.", "took 0.1 s; cost nothing", reuses]
    assert not any("nothing:" in line for line in plain_lines(state, PRICES))
    resumes = RunState("r", "SUCCEEDED", 0, 0, resumed={**resumed, "from": "q"})
    assert not any("Reuses" in line for line in plain_lines(resumes, PRICES))


def test_a_run_that_was_to_reuse_and_does_not_says_why_if_there_is_one_reason() -> None:
    def told(**resumed: Any) -> list[str]:
        state = RunState("r", "SUCCEEDED", 0, 2, resumed={"from": None, "runs": {}, "reused_total": 0, **resumed})
        return [line for line in plain_lines(state, PRICES) if line.startswith("Reuses")]

    asked = "nobody asked storage"
    assert told(again={"a": asked, "b": asked}, again_total=300) == [f"Reuses nothing: {asked}."]
    assert told(again={"a": asked, "b": "another"}, again_total=2) == []
    assert told(again={"a": asked}, again_total=1, **{"from": "q"}) == []
    assert told(again={"b": asked}, again_total=1, reused_total=1, runs={"q": 1}) == ["Reuses 1 node of run q."]
