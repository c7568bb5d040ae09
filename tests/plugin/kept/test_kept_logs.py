"""The logs that a local run leaves, read back with times and attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch.client import GroupState
from kedro_aws_batch.kept.logs import log_name, read_log, save_log
from kedro_aws_batch.show.logs import Line

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


def test_a_line_of_several_lines_keeps_its_time(tmp_path: Path) -> None:
    save_log(tmp_path, Pages({"one": [(AT, "two\nlines")]}), group("one"))
    assert [(line.timestamp, line.text) for line in read_log(tmp_path, group("one"))] == [(AT, "two"), (AT, "lines")]


def test_a_job_without_a_file_has_printed_nothing(tmp_path: Path) -> None:
    assert read_log(tmp_path, group()) == []
    (tmp_path / log_name(group())).write_text("from before there were times\n", encoding="utf-8")
    assert read_log(tmp_path, group()) == [Line(0, 4, "from before there were times", "4-0")]
