"""The logs that a local run leaves, read back with times and attempts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from kedro_aws_batch.client import GroupState, RunState
from kedro_aws_batch.kept.logs import KEPT_LOGS, KeptLogs, log_name, read_log, save_log
from kedro_aws_batch.show.logs import LogLine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

AT = 1_795_353_060_123  # 2026-11-22T13:11:00.123Z


class Pages:
    """CloudWatch Logs that gives two events at a time."""

    def __init__(self, streams: Mapping[str, Sequence[tuple[int, str]]]) -> None:
        self.streams = streams

    def get_log_events(self, **request: Any) -> dict[str, Any]:
        start = int(request.get("nextToken", 0))
        if request["logStreamName"] not in self.streams:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetLogEvents")
        events = [{"timestamp": at, "message": text} for at, text in self.streams[request["logStreamName"]]]
        return {"events": events[start : start + 2], "nextForwardToken": str(min(start + 2, len(events)))}


def group(*streams: str) -> GroupState:
    latest = streams[-1] if streams else None
    return GroupState(4, ("a node/1",), "SUCCEEDED", log_stream=latest, log_streams=streams)


@pytest.mark.parametrize("text", ["plain", "", "#2 is not an attempt", "2026-11-22T13:11:00.123Z not its time", "é\t☃"])
def test_what_was_printed_is_read_back_with_its_time(tmp_path: Path, text: str) -> None:
    printed = [(AT, text), (AT, "again"), (AT + 86_400_000, "a day later")]
    save_log(tmp_path, Pages({"one": printed}), group("one"))

    read = read_log(tmp_path, group("one"))

    assert [(line.timestamp, line.index, line.text, line.attempt) for line in read] == [
        (at, 4, said, 0) for at, said in printed
    ]
    assert len({line.id for line in read}) == 3


def test_each_line_tells_which_attempt_printed_it(tmp_path: Path) -> None:
    pages = Pages({"one": [(AT, "failed")], "two": [(AT + 5, "went well")]})
    save_log(tmp_path, pages, group("one", "two"))

    assert [(line.attempt, line.text) for line in read_log(tmp_path, group("one", "two"))] == [
        (1, "failed"),
        (2, "went well"),
    ]
    text = (tmp_path / "0004-a-node-1.log").read_text(encoding="utf-8")
    assert text.splitlines()[1] == "2026-11-22T13:11:00.128Z #2 went well"


def test_a_job_whose_container_has_not_started_has_printed_nothing(tmp_path: Path) -> None:
    waiting = group("one")
    save_log(tmp_path, Pages({}), waiting)
    assert read_log(tmp_path, waiting) == []


def test_a_line_of_several_lines_keeps_its_time(tmp_path: Path) -> None:
    save_log(tmp_path, Pages({"one": [(AT, "two\nlines")]}), group("one"))
    assert [(line.timestamp, line.text) for line in read_log(tmp_path, group("one"))] == [(AT, "two"), (AT, "lines")]


def test_a_job_without_a_file_has_printed_nothing(tmp_path: Path) -> None:
    assert read_log(tmp_path, group()) == []
    (tmp_path / log_name(group())).write_text("from before there were times\n", encoding="utf-8")
    assert read_log(tmp_path, group()) == [LogLine(0, 4, "from before there were times", "4-0")]


def a_run(*groups: GroupState) -> RunState:
    return RunState("2026-11-22T13.11.00.000Z", "RUNNING", 1, 1, groups)


def test_a_log_grows_as_its_job_prints_and_is_whole_at_its_end(tmp_path: Path) -> None:
    printed = [(AT, "one"), (AT, "two"), (AT, "three")]
    pages = Pages({"first": printed, "second": [(AT + 5, "again")]})
    kept = KeptLogs(tmp_path, pages)
    going = replace(group("first"), status="RUNNING")
    file = tmp_path / a_run().run_id / log_name(going)

    kept.keep(a_run(going))
    assert [line.text for line in read_log(file.parent, going)] == ["one", "two", "three"]
    printed.append((AT, "four"))
    kept.keep(a_run(going))
    kept.keep(a_run(going))
    assert [line.text for line in read_log(file.parent, going)] == ["one", "two", "three", "four"]

    ended = replace(group("first", "second"), status="SUCCEEDED")
    kept.keep(a_run(ended))
    assert [(line.attempt, line.text) for line in read_log(file.parent, ended)][3:] == [(1, "four"), (2, "again")]
    written = file.stat().st_mtime_ns
    kept.keep(a_run(ended))
    assert file.stat().st_mtime_ns == written


def test_only_the_last_runs_logs_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT_LOGS + 3):
        (tmp_path / f"2026-11-21T13.11.00.{number:03d}Z").mkdir()
    KeptLogs(tmp_path, Pages({"one": [(AT, "x")]})).keep(a_run(group("one")))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert (len(names), names[0], names[-1]) == (KEPT_LOGS, "2026-11-21T13.11.00.004Z", a_run().run_id)
