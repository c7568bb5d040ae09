"""Reasons from the logs of failed jobs, added to the service's description."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from kedro_aws_batch._service.dag.records import EXITED, OUR_REASON
from kedro_aws_batch.client import GroupState, RunState, RunSummary
from kedro_aws_batch.kept.logs import kept_causes, log_name
from kedro_aws_batch.show.causes import MOST, Causes, in_console
from kedro_aws_batch.show.jobs_table import plain_lines
from kedro_aws_batch.show.listing import Listing
from kedro_aws_batch.show.outcome import whole_traceback

LINE = """Failed in "report.tabulate": KeyError: 'mnth' (pipelines/report/nodes.py:31)"""
ERROR = "KeyError: 'mnth' (pipelines/report/nodes.py:31)"
GROUP = GroupState(
    1, ("report.load", "report.tabulate"), "FAILED", job_id="j1", exit_code=1, reason=EXITED, log_stream="s1"
)
RUN = RunState("r", "FAILED", 1, 2, (GROUP,), reason=f"report.load (+1) failed: {EXITED} (exit code 1)")


@dataclass
class Logs:
    """The last lines of logs, by stream; each reading is counted."""

    said: dict[str, list[str]]
    read: list[str] = field(default_factory=list)

    def __call__(self, group: GroupState) -> list[str]:
        self.read.append(str(group.log_stream))
        return self.said.get(str(group.log_stream), [])


def test_a_failed_job_is_told_with_its_exception_its_node_and_the_way_to_its_log() -> None:
    told = Causes(Logs({"s1": ["Traceback …", LINE]}), lambda run, group: f"https://logs/{run}/{group.index}")(RUN)
    group = replace(GROUP, error=ERROR, error_node="report.tabulate", log_url="https://logs/r/1")
    assert told == replace(RUN, groups=(group,), reason=f"report.tabulate failed: {ERROR}")
    assert group.why == f"report.tabulate: {ERROR}"
    assert replace(group, nodes=("report.tabulate",)).why == ERROR
    assert plain_lines(told)[1:] == [
        f"report.tabulate failed: {ERROR}",
        f"FAILED                 report.load, report.tabulate  report.tabulate: {ERROR}",
    ]


def test_what_was_ended_because_of_a_failure_quotes_that_one_s_reason_and_no_exit_code() -> None:
    ended = GroupState(2, ("x",), "CANCELLED", exit_code=143, reason=f"{OUR_REASON}the run is FAILED: {RUN.reason}")
    told = Causes(Logs({"s1": [LINE]}))(replace(RUN, groups=(GROUP, ended)))
    assert told.groups[1].why == f"the run is FAILED: report.tabulate failed: {ERROR}"
    assert replace(ended, reason="Host EC2 terminated.").why == "Host EC2 terminated. (exit code 143)"


def test_a_log_is_read_once_it_says_why_and_until_then_again() -> None:
    logs = Logs({})
    causes = Causes(logs)
    assert causes(RUN).groups == RUN.groups
    logs.said["s1"] = [LINE]
    assert [causes(RUN).groups[0].error for _ in range(2)] == [ERROR, ERROR]
    assert logs.read == ["s1", "s1"]


def test_what_batch_ended_keeps_the_reason_that_batch_gives_and_its_log_is_not_read() -> None:
    logs = Logs({"s1": ["Error: The process that ran the nodes was ended by SIGTERM before they were done."]})
    late = replace(GROUP, reason="Job attempt duration exceeded timeout", exit_code=137)
    assert Causes(logs)(replace(RUN, groups=(late,))).groups == (late,)
    assert late.why == "Job attempt duration exceeded timeout (exit code 137)"
    assert logs.read == []


def test_of_many_failures_so_many_logs_are_read_and_of_a_good_run_none() -> None:
    groups = tuple(replace(GROUP, index=index, job_id=f"j{index}", log_stream=f"s{index}") for index in range(50))
    logs = Logs({})
    Causes(logs)(replace(RUN, groups=groups))
    assert len(logs.read) == MOST
    Causes(logs)(replace(RUN, groups=(replace(GROUP, status="SUCCEEDED"),)))
    assert len(logs.read) == MOST


def test_a_local_run_that_has_ended_is_told_of_from_its_files(tmp_path: Path) -> None:
    file = tmp_path / ".kedro_aws_batch/local/logs/r" / log_name(GROUP)
    file.parent.mkdir(parents=True)
    file.write_text(f"2026-11-22T13:11:00.123Z {LINE}\n")
    told = kept_causes(tmp_path, "r")(RUN).groups[0]
    assert (told.error, told.error_node, told.log_url) == (ERROR, "report.tabulate", file.as_uri())


def test_a_log_s_place_in_the_console_is_quoted_as_the_console_wants_it() -> None:
    place = in_console("eu-west-1", replace(GROUP, log_stream="kedro/default/1"))
    assert place is not None
    assert place.endswith("#logsV2:log-groups/log-group/$252Faws$252Fbatch$252Fjob/log-events/kedro$252Fdefault$252F1")
    assert in_console("eu-west-1", replace(GROUP, log_stream=None)) is None


def test_a_list_asks_for_failed_runs_of_which_only_the_logs_know_why_after_those_that_go_on() -> None:
    runs = [
        RunSummary("4", "FAILED", reason="x failed: OutOfMemoryError"),
        RunSummary("3", "FAILED", reason=RUN.reason),
        RunSummary("2", "RUNNING"),
        RunSummary("1", "SUCCEEDED"),
    ]
    listing = Listing(_Runs(runs), None, 20)
    listing.read()
    assert listing.wanted == ["2", "3"]
    listing.describe("3")
    assert (listing.wanted, listing.rows[1].run.reason) == (["2"], f"report.tabulate failed: {ERROR}")


@dataclass
class _Runs:
    runs: list[RunSummary]

    def list_runs(self, _status: str | None = None, _limit: int | None = None) -> list[RunSummary]:
        return self.runs

    def describe_run(self, run_id: str) -> RunState:
        return Causes(Logs({"s1": [LINE]}))(replace(RUN, run_id=run_id, settled=True))

    def cancel_run(self, _run_id: str, _reason: str | None = None) -> str:
        raise AssertionError


def test_the_end_of_a_log_begins_with_its_traceback_and_leaves_out_what_was_said_above() -> None:
    trace = ["Traceback (most recent call last):", '  File "nodes.py", line 31', "KeyError: 'mnth'"]
    noise = [f"line {number}" for number in range(30)]
    assert whole_traceback([*noise, "Used: 1 MiB …", *trace, LINE]) == trace
    assert whole_traceback(noise) == noise[10:]
    deep = [trace[0], *noise, trace[-1]]
    assert whole_traceback(deep) == [*deep[:10], "  …", *deep[-10:]]
