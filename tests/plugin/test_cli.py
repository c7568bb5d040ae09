from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dag.document import digest_of
from kedro_aws_batch.cli import COMMANDS

from .commands import call
from .project import REMOTE_CHAIN, Sources

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[Sources], Path]

PROJECT_COMMANDS = ("compile", "check", "run")


@pytest.fixture
def sound(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = make_project(Sources(catalog=REMOTE_CHAIN))
    monkeypatch.chdir(project)
    return project


@pytest.mark.usefixtures("sound")
def test_check_of_a_sound_project_says_so() -> None:
    result = call("check")
    assert (result.exit_code, result.output) == (
        0,
        "2 nodes in 3 pipelines: no problems. __default__ runs 2 nodes in 2 jobs.\n",
    )


def test_check_lists_the_problems_and_exits_with_1(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_project(Sources(catalog=REMOTE_CHAIN, configuration={"job_queue": "q"})))
    result = call("check")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: 1 problem to solve first:\n  1. parameters of 'aws_batch', aws_batch.job_definition: is missing. "
        "Name the job definition to submit to.\n"
    )


def test_check_tells_programs_what_is_wrong_too(sound: Path) -> None:
    result = call("check", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (
        0,
        {"nodes": 2, "pipelines": 3, "jobs": 2, "problems": [], "not_looked_into": []},
    )
    (sound / "conf/aws_batch/parameters.yml").write_text("aws_batch: {job_queue: q}")
    wrong = call("check", "--json")
    (problem,) = json.loads(wrong.stdout)["problems"]
    assert (wrong.exit_code, wrong.stderr) == (1, "")
    assert problem == {
        "where": "parameters of 'aws_batch', aws_batch.job_definition",
        "what": "is missing.",
        "to_do": "Name the job definition to submit to.",
        "warning": False,
    }


def test_compile_writes_the_document_to_a_file(sound: Path) -> None:
    (sound / "build").mkdir()
    result = call("compile", "--output", "build/graph.json")
    document = json.loads((sound / "build/graph.json").read_text(encoding="utf-8"))
    assert (result.exit_code, result.stdout) == (0, "")
    assert document["digest"] == digest_of(document)
    assert [path.name for path in (sound / "build").iterdir()] == ["graph.json"]


def test_compile_refuses_a_configuration_that_is_wrong(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(Sources(configuration={"job_queue": "q"}))
    monkeypatch.chdir(project)
    assert call("compile", "--output", "graph.json").exit_code == 1
    assert not (project / "graph.json").exists()


@pytest.mark.parametrize("command", [*PROJECT_COMMANDS, "status", "list", "logs", "cancel", "resume"])
@pytest.mark.usefixtures("sound")
def test_an_environment_that_does_not_exist_is_one_sentence(command: str) -> None:
    result = call(command, "--env", "aws_bach")
    assert result.exit_code == 1
    assert "Did you mean 'aws_batch'? There are: 'aws_batch', 'base', 'local'." in result.stderr


@pytest.mark.parametrize("command", [*PROJECT_COMMANDS, "status", "list --local"])
def test_outside_of_a_project_a_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*command.split())
    assert (result.exit_code, "is not in a Kedro project" in result.stderr) == (1, True)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_with_examples(command: str) -> None:
    result = call(command, "--help")
    assert result.exit_code == 0
    assert "Examples:\n" in result.output


def test_a_command_that_does_not_exist_is_a_usage_error_with_a_suggestion() -> None:
    result = call("chekc")
    assert (result.exit_code, "There is no command 'chekc'. Did you mean 'check'?" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pipelines=__defualt__"], "There is no pipeline '__defualt__'. Did you mean '__default__'?"),
        (["--nodes=frist"], "Pipeline does not contain nodes named ['frist']. Did you mean 'first'?"),
        (["--pipelines=opening", "--from-nodes=second"], "Pipeline does not contain nodes named ['second']."),
        (["--tags=aerly"], "No node has the tag 'aerly'. Did you mean 'early'?"),
        (["--namespaces=x"], "Pipeline does not contain nodes with the following namespaces: ['x']"),
        (["--to-outputs=finale"], "Pipeline does not contain datasets named ['finale']. Did you mean 'final'?"),
    ],
)
def test_a_name_that_the_project_does_not_have_is_refused(sound: Path, words: list[str], message: str) -> None:
    for way in (["--local"], ["--dry-run"], []):
        result = call("run", *way, *words)
        assert (result.exit_code, message in result.stderr) == (1, True)
    assert not (sound / ".kedro_aws_batch").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--fresh"],
        ["--start-seconds=1"],
        ["--local", "--fresh", "--resume-from=x"],
        ["--max-workers=0"],
        ["--local", "--detach"],
        ["--json"],
    ],
)
@pytest.mark.usefixtures("sound")
def test_options_that_contradict_each_other_or_make_no_sense_are_usage_errors(words: list[str]) -> None:
    assert call("run", *words).exit_code == 2


def test_a_project_with_problems_is_not_run(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_project(Sources(catalog={"raw": {"type": "pickle.PickleDataset", "filepath": "data/raw"}})))
    result = call("run", "--local")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "1. dataset 'raw': lies on this machine" in result.stderr


def shell(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(words, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_stdout_holds_the_document_alone_whatever_the_project_prints(make_project: Make) -> None:
    registry = """
    print("imported")
    def register_pipelines():
        return {"__default__": pipeline([node(same, "raw", "final", name="n")])}
    """
    project = make_project(Sources(registry, REMOTE_CHAIN))
    ended = shell(project, sys.executable, "-m", "kedro_aws_batch", "compile")
    assert json.loads(ended.stdout)["nodes"][0]["name"] == "n"
    assert "imported" in ended.stderr


def test_kedro_finds_the_commands(sound: Path) -> None:
    kedro = str(Path(sys.executable).parent / "kedro")
    assert shell(sound, kedro, "aws-batch", "check").stdout.endswith("__default__ runs 2 nodes in 2 jobs.\n")


#: Modules that make a start slow, or that `--help` doesn't need.
SLOW = ("boto3", "botocore", "flask", "jinja2", "kedro", "moto", "plotly", "rich", "yaml")


def test_no_help_imports_kedro_or_anything_else_that_is_slow(tmp_path: Path) -> None:
    script = f"""
import sys
from click.testing import CliRunner
from kedro_aws_batch.cli import COMMANDS, aws_batch
for words in ([], *([name] for name in COMMANDS)):
    result = CliRunner().invoke(aws_batch, [*words, "--help"])
    slow = [name for name in {SLOW} if name in sys.modules]
    print(*words, result.exit_code, *slow)
"""
    ended = shell(tmp_path, sys.executable, "-c", script)
    assert ended.stdout.splitlines() == ["0", *(f"{name} 0" for name in COMMANDS)]


def test_local_runs_that_ended_are_listed_without_what_is_slow_to_import(sound: Path) -> None:
    script = """
import sys
from click.testing import CliRunner
from kedro_aws_batch.cli import aws_batch
result = CliRunner().invoke(aws_batch, ["list", "--local"])
print(result.output.strip(), *(name for name in ("boto3", "kedro.config", "kedro.framework") if name in sys.modules))
"""
    assert shell(sound, sys.executable, "-c", script).stdout == "There are no runs yet.\n"
