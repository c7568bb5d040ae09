"""Run after run on one embedded AWS: each does all of its nodes once, and leaves nothing behind."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.local.support import until

from .support import (
    believe_invocations_short,
    finished,
    function_pids,
    layers,
    left_alive,
    make_project,
    messages_in,
    open_runs,
    reconciling,
    service,
)

SHAPE = layers(2, 6, 7, 1, 5, 6, 2, 1)


@pytest.mark.long
def test_runs_in_a_row_do_every_node_once_and_leave_nothing_behind(tmp_path: Path) -> None:
    runs = 12
    project = make_project(tmp_path, {"__default__": SHAPE})
    assert len(SHAPE) == 30

    with project.aws() as aws:
        run_ids = []
        for _ in range(runs):
            started = service(aws).start_run({})
            state = finished(aws, started)
            assert (state.status, state.counts["SUCCEEDED"]) == ("SUCCEEDED", 30)
            run_ids.append(started.run_id)
        assert {run_id: project.ran(run_id) for run_id in run_ids} == dict.fromkeys(run_ids, dict.fromkeys(SHAPE, 1))
        assert len(project.all_traces()) == 2 * 30 * runs

        until(lambda: messages_in(aws, "EventsQueue") == 0)
        believe_invocations_short(aws)
        with reconciling(aws, every=1):
            until(lambda: open_runs(aws) == [], 60)
        assert messages_in(aws, "DeadLetterQueue") == 0
        functions = function_pids()
        assert functions

    assert left_alive(project, functions) == []


@pytest.mark.long
def test_a_chain_of_1200_jobs_runs_link_by_link(tmp_path: Path) -> None:
    chain = layers(*[1] * 1200)
    project = make_project(tmp_path, {"__default__": chain})

    with project.aws() as aws:
        started = service(aws).start_run({})
        deadline = time.monotonic() + 280
        while len(project.all_traces()) < 2 * 1200 and time.monotonic() < deadline:
            time.sleep(1)  # looking at the jobs' traces costs the service nothing
        state = finished(aws, started)

    assert (state.status, state.counts["SUCCEEDED"]) == ("SUCCEEDED", 1200)
    assert [line["node"] for line in project.traces(started.run_id)] == list(chain)
