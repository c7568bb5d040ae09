"""Jobs' usage, from the ends of their logs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from kedro_aws_batch.container.usage import Used, read_used, used
from kedro_aws_batch.kept.logs import log_name
from kedro_aws_batch.prices import Prices
from kedro_aws_batch.report.content import About, Content, content
from kedro_aws_batch.report.measured import MOST, Measured, read_files, read_streams

from . import runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINE = "Used: 412 MiB of memory at most, 31.5 s of CPU in 34.2 s."
GROUP = "/aws/batch/job"


class Logs:
    """CloudWatch Logs, with requests counted, and refused from some time on."""

    def __init__(self, refuse: str | None = None) -> None:
        self.client: Any = boto3.client("logs", region_name="us-east-1")
        self.refuse = refuse
        self.asked: list[str] = []

    def get_log_events(self, **request: Any) -> Any:
        self.asked.append(request["logStreamName"])
        if self.refuse:
            raise ClientError({"Error": {"Code": self.refuse, "Message": "no"}}, "GetLogEvents")
        return self.client.get_log_events(**request)

    def write(self, stream: str, *lines: str) -> None:
        self.client.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines]
        self.client.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Logs]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with mock_aws():
        made = Logs()
        made.client.create_log_group(logGroupName=GROUP)
        yield made


def told(measured: Measured | None) -> Content:
    return content(runs.succeeded(), Prices(), lambda _: None, About(measured=measured))


def test_what_a_job_says_at_its_end_is_read_as_it_says_it() -> None:
    assert read_used(["Used: 1 MiB of memory at most, 0.1 s of CPU in 0.2 s.", "text", f"{LINE}\n", "bye"]) == Used(
        412, 31.5, 34.2
    )
    assert read_used([used(time.monotonic())]) is not None
    assert read_used(["I Used: nothing", f"{LINE} And more"]) is None
    assert Used(1, 1.0, 0.0).vcpus is None


def test_the_last_lines_of_each_jobs_log_are_read_with_one_call(logs: Logs) -> None:
    state = runs.failed()  # of six jobs one was refused, one cancelled and one skipped
    logs.write("kedro/default/0", *map(str, range(100)), LINE, "bye")
    logs.write("kedro/default/1", "killed")
    measured = read_streams(logs, state.groups)
    assert measured == Measured({0: Used(412, 31.5, 34.2)}, looked_at=3)
    assert sorted(logs.asked) == ["kedro/default/0", "kedro/default/1", "kedro/default/2"]  # the last is not there


def test_what_may_not_be_read_is_said_and_not_asked_for_again_and_again() -> None:
    refusing = Logs("AccessDeniedException")
    measured = read_streams(refusing, runs.large(300).groups)
    assert measured.unread.startswith(f"You may not read the logs in '{GROUP}':")
    assert "logs:GetLogEvents" in measured.unread
    assert len(refusing.asked) <= 16
    page = told(measured)
    assert page.unmeasured == f"Usage is not known: {measured.unread}"
    assert [one.head for one in page.columns if one.head in ("Busy", "Used", "GPUs")] == []


def test_of_a_very_large_run_the_longest_jobs_are_read() -> None:
    missing = Logs("ResourceNotFoundException")
    groups = runs.large(MOST + 50).groups
    measured = read_streams(missing, groups)
    longest = sorted(groups, key=lambda group: -(group.seconds or 0))[:MOST]
    assert set(missing.asked) == {group.log_stream for group in longest}
    assert (measured.looked_at, measured.left_out, measured.unread) == (MOST, 50, "")


def test_of_a_local_run_the_files_are_read(tmp_path: Path) -> None:
    state = runs.failed()
    assert read_files(tmp_path / "gone", state.groups).unread == "The logs of this run are gone."
    (tmp_path / log_name(state.groups[0])).write_text(
        "é" * 5000 + f"\n2026-11-22T13:11:00.123Z {LINE}\n", encoding="utf-8"
    )
    assert read_files(tmp_path, state.groups) == Measured({0: Used(412, 31.5, 34.2)}, looked_at=3)


def test_the_report_says_which_part_was_used_and_of_which_jobs_that_is_not_known() -> None:
    page = told(Measured({0: Used(512, 9.0, 10.0), 1: Used(4096, 40.0, 20.0)}, looked_at=3, left_out=2))
    # 9 of 10 and 40 of 80 vCPU-seconds; 512 of 2048 and 4096 of 8192 MiB, the second for twice as long
    assert page.figures[-1] == (
        "Used of it",
        "54% of the vCPUs",
        "47% of the memory at its peak, for the 2 jobs that reported it",
    )
    assert page.unmeasured == (
        "Usage is not known for all jobs. 1 job did not report it. Jobs that were killed or failed to start can't. "
        "Only the logs of the 3 longest jobs were read."
    )
    cells = [cell.text for cell in page.cells(page.rows[0])]
    assert cells[5:9] == ["1", "0.9 (90%)", "2,048", "512 (25%)"]
    assert "used 512 of 2,048 MiB, 0.9 of 1 vCPUs" in page.drawing()["rows"][0]["hover"]
    assert len(page.columns) == len(cells)


def test_where_nobody_looked_nothing_is_said() -> None:
    page = told(None)
    assert (page.unmeasured, page.figures[-1][0], len(page.columns)) == ("", "Asked for", 8)
