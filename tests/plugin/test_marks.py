"""The lines of a group in the log of a container that ran several."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch._service.dag.slices import Slice
from kedro_aws_batch.client import GroupState, RunState
from kedro_aws_batch.container.failing import Failure, read_failure
from kedro_aws_batch.container.payload import Payload
from kedro_aws_batch.container.usage import Used
from kedro_aws_batch.kept.logs import KeptLogs, read_log
from kedro_aws_batch.marks import Beginning, OwnLines, is_mark
from kedro_aws_batch.report.measured import read_files, read_streams
from kedro_aws_batch.show.causes import in_cloudwatch
from kedro_aws_batch.show.logs import LogReader
from kedro_aws_batch.show.outcome import tail

if TYPE_CHECKING:
    from pathlib import Path

RUN = "2026-11-22T13.11.00.000Z"
USED = "Used: {} MiB of memory at most, 1.0 s of CPU in 2.0 s."


def command(*nodes: str, part: Slice | None = None) -> str:
    return Payload(run_id=RUN, nodes=nodes, environment="aws batch", pipelines=("a", "b c"), part=part).command()


@pytest.mark.parametrize("nodes", [("a",), ("a", "b"), ("a b", "it's"), ("größer.π",)])
def test_what_a_job_prints_first_is_its_groups_mark_and_nobody_else_s(nodes: tuple[str, ...]) -> None:
    line = command(*nodes)
    assert is_mark(line)
    assert Beginning(nodes).is_at(line)
    assert not Beginning((*nodes, "more")).is_at(line)
    assert not Beginning(nodes).is_at(command(*nodes, "more"))


def test_each_slice_of_a_node_has_its_own_mark() -> None:
    first, second = (Slice(number, 12, {"a": "raw"}) for number in (1, 11))
    at_first = Beginning(("a",), {"number": 1, "into": 12})
    assert at_first.is_at(command("a", part=first))
    assert not at_first.is_at(command("a", part=second))


@pytest.mark.parametrize("line", ["kedro run", "kedro run --nodes=a", "I say: kedro run --nodes=a --pipelines=b", ""])
def test_what_a_node_prints_is_hardly_taken_for_a_mark(line: str) -> None:
    assert not is_mark(line)


LINES = ["a warning", command("a"), "of a", command("b"), "of b", command("c"), "of c"]


@pytest.mark.parametrize(
    ("name", "carried", "own"), [("a", False, LINES[:3]), ("b", True, LINES[3:5]), ("c", True, LINES[5:])]
)
def test_of_a_whole_log_each_group_has_the_lines_below_its_mark(name: str, carried: bool, own: list[str]) -> None:
    following = OwnLines.from_the_top(Beginning((name,), carried=carried))
    assert [line for line in LINES if following.is_own(line)] == own
    assert Beginning((name,), carried=carried).own_end(LINES, is_cut=False) == own


def test_of_a_log_s_end_what_comes_before_the_next_mark_may_be_a_groups_own() -> None:
    assert Beginning(("b",), carried=True).own_end(LINES[4:], is_cut=True) == ["of b"]
    assert Beginning(("b",), carried=True).own_end(["of a", "of a"], is_cut=False) == []  # it never began


class OneStream:
    """CloudWatch Logs with one container's stream, a line every ten seconds."""

    def __init__(self, lines: list[str]) -> None:
        self.events = [
            {"timestamp": 10_000 * number, "message": line, "eventId": str(number), "logStreamName": "log"}
            for number, line in enumerate(lines)
        ]

    def get_log_events(self, **request: Any) -> dict[str, Any]:
        within = range(request.get("startTime", 0), request.get("endTime", 10**9) + 1)
        found = [event for event in self.events if event["timestamp"] in within]
        if request.get("nextToken"):
            found = []
        kept = found if request["startFromHead"] else found[-request["limit"] :]
        return {"events": kept, "nextForwardToken": "end"}

    def filter_log_events(self, **request: Any) -> dict[str, Any]:
        return {"events": [event for event in self.events if event["timestamp"] >= request["startTime"]]}


SHARED = [
    command("a"),
    "of a",
    USED.format(1),
    command("b"),
    "of b",
    USED.format(2),
    "Traceback (most recent call last):",
    'Failed in "b": KeyError: 1',
]
FAILURE = {"exit_code": 1, "reason": "Essential container in task exited"}


def shared() -> list[GroupState]:
    """A container's two groups; the second failed. Its log was kept late, with lines of the one near the other's."""

    def group(index: int, name: str, begun: int, ended: int, **more: Any) -> GroupState:
        return GroupState(
            index,
            (name,),
            more.pop("status", "SUCCEEDED"),
            job_id="job",
            started_at=begun,
            ended_at=ended,
            log_stream="log",
            log_streams=("log",),
            shares_container=True,
            container={"carried": index > 0},
            **more,
        )

    return [group(0, "a", 0, 29_000), group(1, "b", 29_000, 75_000, status="FAILED", **FAILURE)]


def test_the_reason_and_the_use_of_a_group_are_its_own_not_those_of_what_ran_after_or_before_it() -> None:
    logs, groups = OneStream(SHARED), shared()
    state = RunState(RUN, "FAILED", 2, 2, tuple(groups), reason=f"b failed: {FAILURE['reason']} (exit code 1)")
    told = in_cloudwatch(lambda: logs).read
    assert read_failure(told(groups[1])) == Failure("KeyError: 1", "b")
    assert read_failure(told(groups[0])) is None
    assert tail(logs, groups[0]) == SHARED[:3]
    assert tail(logs, groups[1]) == SHARED[3:]
    assert read_streams(logs, state.groups).used == {0: Used(1, 1.0, 2.0), 1: Used(2, 1.0, 2.0)}


def test_a_group_that_was_killed_has_no_use_of_another_s() -> None:
    logs = OneStream([*SHARED[:3], command("b"), "of b"])
    assert read_streams(logs, shared()).used == {0: Used(1, 1.0, 2.0)}
    never_began = OneStream(SHARED[:3])
    assert read_streams(never_began, shared()).used == {0: Used(1, 1.0, 2.0)}


def test_the_log_of_each_group_has_its_own_lines_whatever_the_clocks_say() -> None:
    lines = LogReader(OneStream(["a warning", *SHARED]), None).lines(shared())
    assert [line.text for line in lines if line.index == 0] == ["a warning", *SHARED[:3]]
    assert [line.text for line in lines if line.index == 1] == SHARED[3:]
    only = LogReader(OneStream(SHARED), None).lines(shared()[1:])
    assert [line.text for line in only] == SHARED[3:]


def test_the_lines_since_a_moment_go_by_their_times_up_to_the_next_mark() -> None:
    lines = LogReader(OneStream(SHARED), None).lines(shared(), since=15_000)
    assert [(line.index, line.text) for line in lines] == [(0, SHARED[2]), *((1, line) for line in SHARED[3:])]


def test_a_local_run_keeps_the_lines_of_each_group_in_its_own_file(tmp_path: Path) -> None:
    logs, groups = OneStream(SHARED), shared()
    kept = KeptLogs(tmp_path, logs)
    kept.keep(RunState(RUN, "RUNNING", 2, 2, (groups[0], replace(groups[1], status="RUNNING", ended_at=None))))
    assert [line.text for line in read_log(tmp_path / RUN, groups[1])] == SHARED[3:]
    kept.keep(RunState(RUN, "FAILED", 2, 2, tuple(groups)))
    assert [[line.text for line in read_log(tmp_path / RUN, group)] for group in groups] == [SHARED[:3], SHARED[3:]]
    assert read_files(tmp_path / RUN, groups).used == {0: Used(1, 1.0, 2.0), 1: Used(2, 1.0, 2.0)}


def test_an_earlier_attempt_in_a_shared_container_has_only_its_own_lines_too() -> None:
    alone = {"carried": False}
    earlier = {"attempt": 0, "log_streams": ["log"], "shares_container": True, "container": {"carried": True}}
    group = replace(shared()[1], earlier=(earlier,), container=alone, log_stream="new", log_streams=("new",))
    assert [line.text for line in LogReader(OneStream(SHARED), None).lines([group])] == SHARED[3:]
