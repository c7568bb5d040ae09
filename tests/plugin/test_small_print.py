"""Obstacles to a command: a name, a port, a folder, a disk; and the completions of the tab key."""

from __future__ import annotations

import errno
import os
import re
import socket
import time
from typing import TYPE_CHECKING

import click
import pytest
from click.shell_completion import ShellComplete

from kedro_aws_batch.cli import aws_batch
from kedro_aws_batch.cli.late import LateGroup
from kedro_aws_batch.cli.ui import listen
from kedro_aws_batch.client import GroupState, RunState
from kedro_aws_batch.errors import KedroAwsBatchError
from kedro_aws_batch.kept.place import folder
from kedro_aws_batch.kept.runs import save_run
from kedro_aws_batch.wording import moment, zone
from tests.report.warm import shared

from .commands import call
from .project import REMOTE_CHAIN, Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Make = Callable[[Sources], Path]

AT = 1_795_353_060_000  # 2026-11-22T13:11:00Z
UNREAD = "is in no parameters of the project, and nothing reads it."
RUNS = ("2026-11-21T00.00.00.000Z", "2026-11-22T13.11.00.123Z")


@pytest.fixture
def project(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = make_project(Sources(catalog=REMOTE_CHAIN, parameters={"model": {"rate": 1}, "way": "on"}))
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def cairo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "XYZ-2")  # two hours ahead
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("given", "warned"),
    [
        ("modle.rate=2", f"'modle.rate': {UNREAD} Did you mean 'model.rate'?"),
        ("model.rat=2", f"'model.rat': {UNREAD} Did you mean 'model.rate'?"),
        ("nosuch=1", f"'nosuch': {UNREAD}"),
        ("way=off", ""),
        ("model.rate=2", ""),
    ],
)
@pytest.mark.usefixtures("project")
def test_a_parameter_that_nothing_reads_is_told_of(given: str, warned: str) -> None:
    result = call("run", "--dry-run", f"--params={given}")
    lines = [line for line in result.stderr.splitlines() if "--params" in line]
    assert (result.exit_code, lines) == (0, [f"Warning: --params: {warned}"] if warned else [])


NESTED = """
def register_pipelines():
    fit = node(pair, ["raw", "params:model.rate"], "middle", name="fit")
    return {"__default__": pipeline([fit, node(pair, ["middle", "params:model"], "final", name="tell")]),
            "tell": pipeline([node(pair, ["middle", "params:model"], "final", name="tell")])}
"""
SOFT = 'CONFIG_LOADER_ARGS = {"base_env": "base", "merge_strategy": {"parameters": "soft"}}'
NEAR = (
    "Warning: --params: 'model.rtae': is in no parameters of the project, but has a near name. "
    "Did you mean 'model.rate'?"
)
LOST = (
    "'params:model.rate': is read by 'fit', but this run's parameters replace the project's 'model' by one without it."
)


@pytest.mark.parametrize(
    ("settings", "words", "code", "told"),
    [
        ("", ["--params=model.rtae=1"], 1, [NEAR, f"{LOST} Give --params=model.rate=… too, or add"]),
        ("", ["--params=model=1"], 1, [f"{LOST} Give --params=model.rate=… too."]),
        ("", ["--params=model.rtae=1", "--pipeline=tell"], 0, [NEAR]),
        ("", ["--params=model.rate=2,model.width=1"], 0, []),
        (SOFT, ["--params=model.rtae=1"], 0, [NEAR]),
        (SOFT, ["--params=model.width=1"], 0, []),
    ],
)
def test_a_nested_parameter_that_a_run_loses_is_refused_and_a_near_name_told(
    make_project: Make, monkeypatch: pytest.MonkeyPatch, settings: str, words: list[str], code: int, told: list[str]
) -> None:
    made = make_project(Sources(registry=NESTED, catalog=REMOTE_CHAIN, settings=settings))
    (made / "conf/base/parameters.yml").write_text("model: {rate: 1, depth: 2}\n")
    monkeypatch.chdir(made)
    result = call("run", "--dry-run", *words)
    lines = [line.strip() for line in result.stderr.splitlines() if "params:" in line]
    assert result.exit_code == code, result.output
    assert [line for line in lines if not any(one in line for one in told)] == []
    assert [one for one in told if one not in result.stderr] == []


def test_a_run_without_a_parameter_that_a_node_reads_starts_nothing(
    make_project: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_project(Sources(registry=NESTED, catalog=REMOTE_CHAIN, parameters={"model": {"rtae": 1}}))
    monkeypatch.chdir(made)
    result = call("run", "--local")
    said = "'params:model.rate': is read by 'fit', but is in no parameters. Did you mean 'model.rtae'?"
    assert (result.exit_code, "Starting" in result.stderr) == (1, False)
    assert said in result.stderr


def test_a_report_into_a_folder_that_is_not_there_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    result = call("report", "--local", f"--output={tmp_path}/nosuch/report.html")
    said = f"Error: There is no folder '{tmp_path}/nosuch' to write the report into. Make it first.\n"
    assert (result.exit_code, result.stderr, list(tmp_path.iterdir())) == (1, said, [])


@pytest.mark.parametrize("place", ["nosuch", "a_file", "a_file/deep"])
def test_a_graph_document_into_a_folder_that_is_not_there_is_refused(project: Path, place: str) -> None:
    (project / "a_file").write_text("mine", encoding="utf-8")
    result = call("compile", f"--output={place}/graph.json")
    said = f"Error: There is no folder '{place}' to write the graph document into. Make it first.\n"
    assert (result.exit_code, result.stderr, (project / "nosuch").exists()) == (1, said, False)


@pytest.mark.parametrize("command", [("package",), ("replay", "first", "--local")], ids=lambda words: words[0])
@pytest.mark.parametrize("place", ["a_file/x/y", "pipe/x/y", "pipe"])
def test_a_folder_below_a_file_or_in_place_of_a_pipe_is_refused_in_a_sentence(
    project: Path, command: tuple[str, ...], place: str
) -> None:
    (project / "a_file").write_text("mine", encoding="utf-8")
    os.mkfifo(project / "pipe")
    group = GroupState(0, ("first",), "SUCCEEDED")
    save_run(project, RunState(RUNS[0], "SUCCEEDED", 1, 1, groups=(group,), settled=True))
    result = call(*command, f"--output={place}")
    assert (result.exit_code, type(result.exception)) == (1, SystemExit), result.output
    (said,) = (line for line in result.stderr.splitlines() if line.startswith("Error: "))
    assert re.fullmatch(rf"Error: '.*{place[:4]}.*' can't be written or read: .*\. Name .*\.", said), said
    assert (project / "a_file").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "No space left on device. Make room, then call the command again."),
        (
            errno.EROFS,
            "Read-only file system. Call the command where you may write, for example in a copy of the project.",
        ),
        (errno.EACCES, "Permission denied. Fix the permissions of the file or of its folder."),
    ],
)
def test_what_the_disk_refuses_is_a_sentence(number: int, said: str) -> None:
    class Refused(LateGroup):
        def get_command(self, _: click.Context, cmd_name: str) -> click.Command:
            def refuse() -> None:
                raise OSError(number, os.strerror(number), "/x")

            return click.Command(cmd_name, callback=refuse)

    group = Refused("g")
    group.helps = {"write": ""}
    with pytest.raises(click.ClickException) as caught:
        group.main(["write"], standalone_mode=False)
    assert caught.value.message == f"'/x' can't be written or read: {said}"


def test_a_port_that_is_taken_is_a_sentence_and_a_free_one_is_listened_on() -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), pytest.raises(KedroAwsBatchError) as refused:
            listen(port)
    assert str(refused.value) == (
        f"Port {port} is taken by another program. Leave out --port to use any free one, or give another."
    )


@pytest.mark.usefixtures("cairo")
def test_times_are_this_machine_s_with_its_zone_and_utc_where_that_is_wanted(project: Path) -> None:
    save_run(project, RunState(RUNS[1], "SUCCEEDED", 0, 0, created_at=AT, ended_at=AT + 5000, settled=True))
    assert (moment(AT), zone(AT)) == ("2026-11-22 15:11:00 XYZ", ("XYZ", 7_200_000))
    for words, said in (((), "2026-11-22 15:11:00 XYZ to 15:11:05 XYZ"), (("--utc",), "2026-11-22 13:11:00 UTC to")):
        assert call("report", "--local", "--output=report.html", *words).exit_code == 0
        assert said in (project / "report.html").read_text(encoding="utf-8")


def test_the_log_of_a_node_begins_with_who_shared_its_container(project: Path) -> None:
    state = shared()
    save_run(project, state)
    (folder(project) / "logs" / state.run_id).mkdir(parents=True)
    silent = "No log: the job is SUCCEEDED.\n"
    told = "'node_1' ran in container 1, after 'node_0' and before 'node_3'.\n"
    assert call("logs", "node_1", "--local").stderr == told + silent
    assert call("logs", "node_2", "--local").stderr == silent


def test_the_tab_key_offers_the_runs_there_are(project: Path) -> None:
    for run_id, node in zip(RUNS, ("first", "second"), strict=True):
        groups = (GroupState(0, (node, f"its_{node}"), "SUCCEEDED"),)
        save_run(project, RunState(run_id, "SUCCEEDED", 1, 2, groups, settled=True))

    def offered(*words: str) -> list[str]:
        completing = ShellComplete(aws_batch, {}, "kedro", "_KEDRO_COMPLETE")
        return [item.value for item in completing.get_completions(list(words[:-1]), words[-1])]

    assert offered("status", "--local", "2026") == [RUNS[1], RUNS[0]]
    assert offered("resume", "--local", "2026-11-22") == [RUNS[1]]
    assert offered("status", "--local", "1999") == []
    for command in ("logs", "replay"):
        assert offered(command, "--local", "") == [RUNS[1], RUNS[0], "second", "its_second"]
        assert offered(command, "--local", "se") == ["second"]
        assert offered(command, "--local", RUNS[0], "") == ["first", "its_first"]
        assert offered(command, "--local", "1999-", "") == []
