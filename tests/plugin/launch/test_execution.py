from __future__ import annotations

import io
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from moto import mock_aws
from rich.console import Console

from kedro_aws_batch.client import GroupState, Rehearsed, RunState, Service, Started
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.launch.commands import Commands
from kedro_aws_batch.launch.execution import Execution, Watched, show_rehearsal, start, watch
from kedro_aws_batch.launch.follow import Pace
from kedro_aws_batch.prices import read_prices
from kedro_aws_batch.show.display import Display
from kedro_aws_batch.show.outcome import Ending

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNNING = RunState("r", "RUNNING", 3, 4, created_at=1000)
WAITING = tuple(GroupState(index, (f"node_{index}",), "WAITING") for index in range(3))
DONE = replace(WAITING[0], status="SUCCEEDED", started_at=1000, ended_at=2500)
FAILED = replace(
    WAITING[1],
    status="FAILED",
    nodes=("bad [one]", "worse"),
    reason="OutOfMemoryError",
    exit_code=137,
    attempt=1,
    log_stream="s",
)
PACE = Pace(interval=0, patience=0.1)
STARTED = Started("r", "RUNNING", 3, 4)


@dataclass
class ScriptedService:
    """Answers one state after the other, and repeats the last; raises exceptions among them."""

    states: list[RunState | BaseException]
    calls: list[Any] = field(default_factory=list)
    started: Started = STARTED

    def start_run(self, request: dict[str, Any]) -> Started:
        self.calls.append(("start", request))
        return self.started

    def describe_run(self, _: str) -> RunState:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(state, BaseException):
            raise state
        return state

    def cancel_run(self, run_id: str, reason: str) -> str:
        self.calls.append(("cancel", run_id, reason))
        return "CANCELLED"


@pytest.fixture
def logs() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("logs", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")  # noqa: S106
        client.create_log_group(logGroupName="/aws/batch/job")
        client.create_log_stream(logGroupName="/aws/batch/job", logStreamName="s")
        now = int(time.time() * 1000) - 100
        events = [{"timestamp": now + number, "message": f"line {number}"} for number in range(30)]
        client.put_log_events(logGroupName="/aws/batch/job", logStreamName="s", logEvents=cast("Any", events))
        yield client


def execution(*states: RunState | BaseException, logs: Any = None) -> tuple[Execution, ScriptedService, io.StringIO]:
    output, service = io.StringIO(), ScriptedService(list(states))
    display = Display(Console(file=output, width=60, force_terminal=False))
    ending = Ending(logs, "the logs", Commands().to)
    return Execution(cast("Service", service), display, PACE, lambda _: ending), service, output


def test_a_start_has_a_key_of_its_own_so_that_a_retried_request_starts_one_run() -> None:
    running, service, output = execution(RUNNING)
    start(running, {"tags": ["x"]})
    start(running, {"tags": ["x"]})
    requests = [call[1] for call in service.calls]
    assert [request["tags"] for request in requests] == [["x"], ["x"]]
    assert len({request["idempotency_key"] for request in requests}) == 2
    assert output.getvalue().splitlines()[0] == "Run r: 4 nodes in 3 jobs"


def test_each_job_has_a_line_once_it_has_ended_and_a_success_exits_with_0() -> None:
    all_done = tuple(replace(DONE, index=index, nodes=group.nodes) for index, group in enumerate(WAITING))
    states = [
        replace(RUNNING, groups=WAITING),
        replace(RUNNING, groups=(DONE, *WAITING[1:])),
        replace(RUNNING, status="SUCCEEDED", groups=all_done, settled=True, ended_at=4500),
    ]
    running, _, output = execution(*states)
    assert watch(running, STARTED).exit_code == 0
    assert output.getvalue().splitlines() == [
        "SUCCEEDED     1.5 s  node_0",
        "Completed 1 of 3 jobs",
        "SUCCEEDED     1.5 s  node_1",
        "SUCCEEDED     1.5 s  node_2",
        "Run r SUCCEEDED in 3.5 s: 4 nodes in 3 jobs, 3 succeeded.",
        "Logs: the logs",
    ]


def test_a_failure_shows_its_reason_the_end_of_its_log_and_how_to_resume(logs: Any) -> None:
    groups = (DONE, FAILED, replace(WAITING[2], status="SKIPPED"))
    running, _, output = execution(replace(RUNNING, status="FAILED", groups=groups, settled=True), logs=logs)
    assert watch(running, STARTED).exit_code == 1
    assert output.getvalue().splitlines() == [
        "SUCCEEDED     1.5 s  node_0",
        "FAILED               bad [one], worse (attempt 2)",
        "",
        "bad [one], worse FAILED: OutOfMemoryError (exit code 137)",
        *[f"  line {number}" for number in range(10, 30)],
        "",
        "Run r FAILED: 4 nodes in 3 jobs, 1 succeeded, 1 failed, 1 skipped.",
        "Logs: the logs",
        "To resume it: kedro aws-batch resume r",
    ]


def test_a_node_that_failed_by_an_exception_is_offered_for_a_replay(logs: Any) -> None:
    raised = replace(FAILED, error="KeyError: 'x' (nodes.py:6)", error_node="worse")
    running, _, output = execution(replace(RUNNING, status="FAILED", groups=(DONE, raised), settled=True), logs=logs)
    watch(running, STARTED)
    assert output.getvalue().splitlines()[-2:] == [
        "To run that node here: kedro aws-batch replay r worse",
        "To resume it: kedro aws-batch resume r",
    ]
    in_slices = replace(raised, slice={"number": 1, "into": 2})
    running, _, output = execution(replace(RUNNING, status="FAILED", groups=(in_slices,), settled=True), logs=logs)
    watch(running, STARTED)
    assert "replay" not in output.getvalue()


def test_a_job_without_a_log_or_with_one_that_is_gone_is_reported_all_the_same(logs: Any) -> None:
    for stream, message in ((None, "(no log: the job's container never started)"), ("gone", "(its log can't be read:")):
        groups = (replace(FAILED, log_stream=stream),)
        running, _, output = execution(replace(RUNNING, status="FAILED", groups=groups, settled=True), logs=logs)
        assert watch(running, STARTED).exit_code == 1
        assert f"  {message}" in output.getvalue()


def test_an_image_without_the_package_is_told_of_with_the_remedy(logs: Any) -> None:
    line = "/usr/local/bin/python: Error while finding module specification for 'kedro_aws_batch.job' "
    line += "(ModuleNotFoundError: No module named 'kedro_aws_batch')"
    logs.create_log_stream(logGroupName="/aws/batch/job", logStreamName="bare")
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName="/aws/batch/job", logStreamName="bare", logEvents=[{"timestamp": now, "message": line}]
    )
    group = replace(FAILED, log_stream="bare", job_definition="kedro_run")
    running, _, output = execution(replace(RUNNING, status="FAILED", groups=(group,), settled=True), logs=logs)
    assert watch(running, STARTED).exit_code == 1
    told = " ".join(output.getvalue().split())
    assert "The image of the job definition 'kedro_run' has no kedro-aws-batch. Install it there" in told


def test_a_run_whose_jobs_still_wind_down_is_waited_for() -> None:
    winding_down = replace(RUNNING, status="FAILED", groups=(replace(DONE, status="RUNNING"),))
    settled = replace(winding_down, groups=(replace(DONE, status="CANCELLED"),), settled=True)
    running, _, output = execution(winding_down, settled)
    assert watch(running, STARTED).exit_code == 1
    assert "CANCELLED" in output.getvalue().splitlines()[0]


def test_an_interruption_cancels_and_waits_until_the_run_has_settled() -> None:
    cancelled = replace(RUNNING, status="CANCELLED", groups=(replace(DONE, status="RUNNING"),))
    settled = replace(cancelled, settled=True)
    running, service, output = execution(replace(RUNNING, groups=WAITING), KeyboardInterrupt(), cancelled, settled)
    assert watch(running, STARTED).exit_code == 130
    assert service.calls == [("cancel", "r", "interrupted at the command line")]
    assert "Run r CANCELLED" in output.getvalue()


def test_a_run_that_is_interrupted_again_as_it_ends_is_told_how_to_resume() -> None:
    running, service, output = execution(replace(RUNNING, groups=WAITING), KeyboardInterrupt(), KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        watch(replace(running, again=Commands(local=True)), STARTED)
    assert service.calls == [("cancel", "r", "interrupted at the command line")]
    told = "Interrupted again: the run is cut off. To resume it: kedro aws-batch resume r --local"
    assert " ".join(output.getvalue().split()).endswith(told)


def test_a_network_that_comes_and_goes_does_not_end_the_watch() -> None:
    lost = ServiceError("no network")
    ended = replace(RUNNING, status="SUCCEEDED", settled=True)
    assert watch(execution(lost, lost, ended)[0], STARTED).exit_code == 0
    with pytest.raises(ServiceError, match="no network"):
        watch(execution(lost)[0], STARTED)
    with pytest.raises(ServiceError, match="forgotten"):
        watch(execution(ServiceError("forgotten", "UnknownRun"), ended)[0], STARTED)


def test_lost_answers_are_said_once_and_so_is_their_return() -> None:
    lost, ended = ServiceError("no network"), replace(RUNNING, status="SUCCEEDED", settled=True)
    running, _, output = execution(lost, lost, ended)
    assert watch(running, STARTED).exit_code == 0
    first, second, *_ = output.getvalue().splitlines()
    assert first == "No answer, trying again; the run itself goes on. (no network)"
    assert second.startswith("Answers are back after 0.")


def test_a_run_on_aws_is_left_by_an_interruption_and_told_how_to_return_to_when_answers_stay_away() -> None:
    left, service, output = execution(KeyboardInterrupt())
    assert watch(replace(left, commands=Commands("other")), STARTED) == Watched(130)
    assert service.calls == []
    back = "  to return to it:  kedro aws-batch status r --watch --env=other"
    assert back in output.getvalue().splitlines()
    away, _, _ = execution(ServiceError("no network"))
    with pytest.raises(ServiceError, match="no network\n  to return to it:  kedro aws-batch status r --watch"):
        watch(replace(away, commands=Commands()), STARTED)


def test_what_will_not_pass_is_not_waited_for() -> None:
    refused, _, _ = execution(ServiceError("not allowed", "Refused"))
    with pytest.raises(ServiceError, match=r"^not allowed$"):
        watch(refused, STARTED)


def test_an_answer_that_leaves_out_some_of_what_is_resumed_says_of_how_many() -> None:
    told = {"again": {"a": "new", "b": "new"}, "again_total": 5, "reused": ["c"], "reused_total": 1_001}
    expected = {"seconds": 61.0, "containers": 2, "unknown": 1}
    would, output = Rehearsed(3, 5, told, expected), io.StringIO()
    service = cast("Service", type("Rehearsing", (), {"rehearse": lambda *_: would})())
    assert show_rehearsal(service, Display(Console(file=output, width=200)), {}, carrying=True) == 0
    assert output.getvalue().splitlines() == [
        "Would run 5 nodes in at most 3 jobs; nothing is started.",
        "By earlier runs it takes at least 2 min and 2 containers (1 group never ran before), where machines are free.",
        "  again: a (new)",
        "  again: b (new)",
        "  … and 3 others again",
        "  taken over: c",
        "  … and 1,000 others taken over",
    ]


ALL_REUSED = {"from": None, "runs": {"q": 4}, "seconds": 24.8, "reused": ["a"], "reused_total": 4, "again_total": 0}


def test_a_run_that_reuses_all_has_nothing_to_do_and_names_no_logs() -> None:
    idle = RunState("r", "SUCCEEDED", 0, 0, resumed=ALL_REUSED, settled=True, created_at=1000, ended_at=1100)
    running, service, output = execution(idle)
    service.started = replace(STARTED, groups=0, nodes=0, resumed=ALL_REUSED)
    assert watch(running, start(running, {})).exit_code == 0
    assert output.getvalue().splitlines() == [
        "Run r has nothing to do: it reuses 4 nodes of run q, which took 24.8 s.",
        "Run r SUCCEEDED in 0.1 s: 4 nodes reused.",
    ]


def test_what_is_reused_has_its_cost_if_that_is_known() -> None:
    size = {"job_queue": "q", "vcpus": 1, "memory": 2048, "gpus": 0, "seconds": 24.8, "with_minimum": 240.0}
    started = Started("r", "RUNNING", 1, 1, {**ALL_REUSED, "sizes": [size, {**size, "vcpus": 2}]})
    said = []
    for resumed in (started.resumed, {**ALL_REUSED, "sizes": [size, {**size, "vcpus": None}]}):
        running, service, output = execution(RUNNING)
        service.started, running.display.prices = replace(started, resumed=resumed), read_prices({"rates": "ec2-x86"})
        start(running, {})
        said.append(output.getvalue().splitlines()[1])
    known = "  reused: 4 nodes of run q, which took 24.8 s"
    assert said == [f"{known} and would now cost about $0.00082", known]


def test_the_end_of_a_run_says_how_much_it_reused_beside_what_ran() -> None:
    told = {**ALL_REUSED, "again": {"node_0": "new"}, "again_total": 1}
    state = RunState("r", "SUCCEEDED", 1, 1, (DONE,), resumed=told, settled=True, created_at=1000, ended_at=4500)
    running, _, output = execution(state)
    watch(running, STARTED)
    assert output.getvalue().splitlines()[-2:] == [
        "Run r SUCCEEDED in 3.5 s: 1 node in 1 job, 1 succeeded; 4 nodes reused, which took 24.8 s.",
        "Logs: the logs",
    ]


def test_a_run_of_which_no_job_began_names_no_logs() -> None:
    skipped = tuple(replace(group, status="SKIPPED") for group in WAITING)
    running, _, output = execution(replace(RUNNING, status="CANCELLED", groups=skipped, settled=True))
    watch(running, STARTED)
    assert output.getvalue().splitlines()[-2:] == [
        "Run r CANCELLED: 4 nodes in 3 jobs, 3 skipped.",
        "To resume it: kedro aws-batch resume r",
    ]


def test_a_first_run_says_once_that_there_is_nothing_to_reuse_yet() -> None:
    unknown = "no run that is known has made it"
    told: dict[str, Any] = {"from": None, "runs": {}, "seconds": 0, "reused": [], "reused_total": 0, "again_total": 2}
    said = []
    for why in (unknown, "its 'reuse' is false"):
        running, service, output = execution(RUNNING)
        service.started = replace(STARTED, resumed={**told, "again": {"a": unknown, "b": why}})
        start(running, {})
        said.append(output.getvalue().splitlines()[1:])
    assert said == [
        ["  nothing to reuse yet: no run that is known has made any of them"],
        [f"  again: a ({unknown})", "  again: b (its 'reuse' is false)"],
    ]
