from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from kedro_aws_batch.client import GroupState, RunState
from kedro_aws_batch.launch.table import plain_lines, run_table, shown

MANY = tuple(
    GroupState(index, (f"space {index % 4}.node_{index}",), status, started_at=1000, ended_at=2000)
    for status, begin, end in (("SUCCEEDED", 0, 600), ("RUNNING", 600, 620), ("WAITING", 620, 800))
    for index in range(begin, end)
)
RUN = RunState("r", "RUNNING", 800, 800, MANY, created_at=1000, now=61_000)


def drawn(state: RunState, width: int, room: int | None = 15) -> list[str]:
    output = io.StringIO()
    Console(file=output, width=width, height=24, force_terminal=True, color_system=None).print(run_table(state, room))
    return [line.rstrip() for line in output.getvalue().splitlines()]


@pytest.mark.parametrize(("room", "lines"), [(None, 800), (200, 201), (40, 39), (15, 15), (3, 3)])
def test_what_is_done_folds_first_and_what_runs_last(room: int | None, lines: int) -> None:
    found = shown(MANY, room)
    sizes = {"RUNNING": 20, "WAITING": 180, "SUCCEEDED": 600}
    used = sum(number + (number < sizes[status]) for status, number in found.items())
    assert used <= (room or 800)
    if room:
        assert found["SUCCEEDED"] == 0
        assert found["RUNNING"] == 20 or found["WAITING"] == 0


def test_eight_hundred_jobs_fit_a_terminal_with_what_folded_by_namespace() -> None:
    lines = drawn(RUN, 80)
    assert len(lines) == 3 + 1 + 15
    assert max(map(len, lines)) <= 80
    assert lines[0] == "Run r RUNNING"
    assert any(
        line.startswith("SUCCEEDED") and "600 jobs (space 0 150, space 1 150, space 2 150, …)" in line for line in lines
    )
    assert "600/800 jobs, 800 nodes 1 min 00 s" in lines[2]


def test_in_a_pipe_each_job_has_its_line() -> None:
    assert len(plain_lines(RUN)) == 801


def test_what_nodes_and_reasons_hold_is_shown_and_does_nothing() -> None:
    evil = GroupState(0, ("[red]<script>\x1b[31m.n\u202e",), "FAILED", reason="\x1b]0;title\x07why\r\n[/]", exit_code=1)
    state = replace(RUN, groups=(evil,), status="FAILED", reason="[bold]\x1b[2Jgone")
    text = "\n".join(drawn(state, 120) + plain_lines(state))
    assert "[red]<script>.n" in text
    assert "exit code 1: why [/]" in text
    assert "[bold]gone" in text
    assert not set(text) & {"\x1b", "\r", "\u202e"}
