"""Jobs' output, read from where describe_run says."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from kedro_aws_batch.cli.logs import NoSuchNodeError, _prefixes, _with_prefix, groups_of
from kedro_aws_batch.client import GroupState, RunState
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.show.logs import LogReader, streams_of
from kedro_aws_batch.show.outcome import tail

if TYPE_CHECKING:
    from collections.abc import Iterator

STACK = "/aws/batch/spaceflights-dev"


class Logs:
    """CloudWatch Logs, with its requests counted."""

    def __init__(self) -> None:
        self.client: Any = boto3.client("logs", region_name="us-east-1")
        self.asked: list[list[str]] = []

    def filter_log_events(self, **request: Any) -> Any:
        self.asked.append(request["logStreamNames"])
        return self.client.filter_log_events(**request)

    def get_log_events(self, **request: Any) -> Any:
        return self.client.get_log_events(**request)

    def write(self, group: str, stream: str, *lines: str, at: int = 0) -> None:
        self.client.create_log_stream(logGroupName=group, logStreamName=stream)
        began = int(time.time() * 1000) - 60_000 + at
        events = [{"timestamp": began + number, "message": line} for number, line in enumerate(lines)]
        self.client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Logs]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with mock_aws():
        made = Logs()
        for group in (STACK, "/aws/batch/job"):
            made.client.create_log_group(logGroupName=group)
        yield made


def texts(reader: LogReader, *groups: GroupState) -> list[tuple[int, int, str]]:
    return [(line.index, line.attempt, line.text) for line in reader.lines(groups)]


def test_all_attempts_are_read_from_the_group_that_the_service_told_without_asking_batch(logs: Logs) -> None:
    earlier = {"attempt": 0, "log_streams": ["first", "second"]}
    group = GroupState(
        7, ("n",), "FAILED", log_stream="third", log_streams=("third",), log_group=STACK, earlier=(earlier,)
    )
    for number, stream in enumerate(("first", "second", "third")):
        logs.write(STACK, stream, f"in the {stream}", at=number * 10)
    assert texts(LogReader(logs, batch=None), group) == [
        (7, 1, "in the first"),
        (7, 2, "in the second"),
        (7, 3, "in the third"),
    ]
    assert tail(logs, group) == ["in the third"]


def test_jobs_of_two_definitions_are_interleaved(logs: Logs) -> None:
    logs.write(STACK, "a", "one", "three")
    logs.write("/aws/batch/job", "b", "two", at=5)
    groups = (
        GroupState(0, ("a",), "RUNNING", log_stream="a", log_group=STACK),
        GroupState(1, ("b",), "RUNNING", log_stream="b"),
    )
    reader = LogReader(logs, batch=None)
    assert sorted(texts(reader, *groups)) == [(0, 0, "one"), (0, 0, "three"), (1, 0, "two")]
    assert texts(reader, *groups) == []


def test_a_stream_that_is_not_there_yet_keeps_no_other_from_being_read(logs: Logs) -> None:
    logs.write(STACK, "a", "one")
    there = GroupState(0, ("a",), "RUNNING", log_stream="a", log_group=STACK)
    not_yet = GroupState(1, ("b",), "RUNNING", log_stream="b", log_group=STACK)
    assert texts(LogReader(logs, None), there, not_yet) == [(0, 0, "one")]
    assert texts(LogReader(logs, None), not_yet) == []


def test_eight_hundred_jobs_are_read_a_hundred_streams_at_a_time(logs: Logs) -> None:
    groups = [GroupState(index, ("n",), "RUNNING", log_stream=f"s{index}", log_group=STACK) for index in range(800)]
    for index in range(800):
        logs.client.create_log_stream(logGroupName=STACK, logStreamName=f"s{index}")
    assert LogReader(logs, None).lines(groups) == []
    assert [len(streams) for streams in logs.asked] == [100] * 8


def test_what_may_not_be_read_is_said() -> None:
    class Refusing(Logs):
        def filter_log_events(self, **_: Any) -> Any:
            from botocore.exceptions import ClientError  # noqa: PLC0415

            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "FilterLogEvents")

    group = GroupState(0, ("a",), "RUNNING", log_stream="a", log_group=STACK)
    with pytest.raises(
        ServiceError, match=f"You may not read the logs in '{STACK}': .* Allow logs:FilterLogEvents on it."
    ):
        LogReader(Refusing(), None).lines([group])


def test_an_older_service_tells_one_stream() -> None:
    assert streams_of(GroupState(0, ("a",), "FAILED", log_stream="s")) == ["s"]
    assert streams_of(GroupState(0, ("a",), "WAITING")) == []


def test_a_name_that_is_too_long_keeps_what_tells_it_from_the_others() -> None:
    ends = {index: f"{way}_modelling_pipeline.train_model_node" for index, way in enumerate(("active", "candidate"))}
    assert _prefixes(ends) == {0: "active_mod…ne.train_model_node", 1: "candidate_…ne.train_model_node"}
    same_ends = {index: f"a_long_beginning.{number}.and_a_long_end_of_it" for index, number in enumerate("ab")}
    assert _prefixes(same_ends) == same_ends
    assert _prefixes({0: "short", 1: "s\x1b[2J\n"}) == {0: "short", 1: "s    "}
    assert _prefixes({0: "the_only_one"}) == {0: ""}
    assert _with_prefix("short   ", 2, "\x1b[2Jx\r\x07") == "short    #2 | x"
    assert (_with_prefix("", 2, "x"), _with_prefix("", 0, "x")) == ("#2 | x", "x")


def test_a_node_meant_without_its_namespace_is_suggested() -> None:
    groups = tuple(
        GroupState(index, (name,), "SUCCEEDED") for index, name in enumerate(("a.train", "b.train", "c.load"))
    )
    state = RunState("r", "SUCCEEDED", 3, 3, groups)
    with pytest.raises(NoSuchNodeError, match=r"has no node 'trian'. Did you mean 'a.train', 'b.train'\?"):
        groups_of(state, "trian")


@pytest.mark.parametrize(
    ("runs", "whose"), [(["r1"], "run r1 has"), (["r2", "r1"], "one of 'r2', 'r1' has"), ([], "another run has")]
)
def test_of_a_reused_node_it_is_said_which_run_may_have_run_it(runs: list[str], whose: str) -> None:
    resumed = {"from": None, "reused": ["train"], "runs": dict.fromkeys(runs, 1)}
    state = RunState("r3", "SUCCEEDED", 0, 0, (), resumed=resumed)
    with pytest.raises(NoSuchNodeError) as caught:
        groups_of(state, "train")
    assert str(caught.value) == f"Run r3 did not run 'train': it takes over what {whose} made."
    made: tuple[dict[str, object], ...] = ({"node": "train", "run_id": "r0"}, {"node": "other", "run_id": "r1"})
    with pytest.raises(NoSuchNodeError, match="it takes over what run r0 has made"):
        groups_of(replace(state, reused_nodes=made), "train")


def test_a_slice_s_job_is_found_by_its_number_and_one_that_is_not_there_is_refused() -> None:
    slices = [GroupState(one, ("clean",), "RUNNING", slice={"number": one, "into": 3}) for one in (1, 2, 3)]
    state = RunState("r", "RUNNING", 4, 2, (GroupState(0, ("make",), "SUCCEEDED"), *slices))
    assert groups_of(state, "clean", 2) == groups_of(state, None, 2) == [slices[1]]
    assert groups_of(state, "clean") == slices
    with pytest.raises(NoSuchNodeError, match=r"Node 'clean' has slices 1 to 3 in run r: there is no slice 4."):
        groups_of(state, "clean", 4)
    with pytest.raises(NoSuchNodeError, match=r"Node 'make' isn't split in run r: there is no slice 1."):
        groups_of(state, "make", 1)
