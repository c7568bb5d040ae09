"""The effect of `run`'s options on its request to the service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch._service.dag.variables import CONF_SOURCE
from kedro_aws_batch.cli.filters import merged
from kedro_aws_batch.errors import ProjectError
from kedro_aws_batch.launch.sources import for_jobs, with_conf_source

from . import commands
from .project import CONFIGURATION, REMOTE_CHAIN, Sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Make = Callable[[Sources], Path]


@pytest.fixture
def project(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project of two nodes, one with the tag `early`."""
    found = make_project(Sources(catalog=REMOTE_CHAIN, configuration={**CONFIGURATION, "array_jobs": False}))
    monkeypatch.chdir(found)
    return found


def call(*words: str) -> Result:
    return commands.call("run", "--dry-run", "--json", *words)


def planned(*words: str) -> Any:
    result = call(*words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def nodes(*words: str) -> list[str]:
    return [name for group in planned(*words)["groups"] for name in group["nodes"]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["first", "second"]),
        (["-t", "early", "-t", "early"], ["first"]),
        (["--nodes=first,second", "--nodes=second"], ["first", "second"]),
        (["--pipelines=opening", "--pipelines=ending"], ["first", "second"]),
        (["--pipeline=ending"], ["second"]),
        (["--from-inputs=middle"], ["second"]),
        (["--to-outputs=middle"], ["first"]),
    ],
)
@pytest.mark.usefixtures("project")
def test_filters_may_be_given_more_than_once_and_mean_all_of_it(words: list[str], expected: list[str]) -> None:
    assert nodes(*words) == expected


def test_a_params_file_holds_anything_and_params_go_before_it(project: Path) -> None:
    text = 'aws_batch: {max_workers: 5, on_failure: drain}\nnote: "commas, \\"quotes\\",\\nlines and 🚀"\n'
    (project / "params.yml").write_text(text, encoding="utf-8")
    settings = planned("--params-file=params.yml", "--params=aws_batch.max_workers=7")["settings"]
    assert (settings["max_workers"], settings["on_failure"]) == (7, "drain")


def test_params_are_merged_at_all_depths() -> None:
    assert merged({"a": {"b": 1, "c": {"d": 2}}, "e": [1]}, {"a": {"c": {"f": 3}}, "e": [2]}) == {
        "a": {"b": 1, "c": {"d": 2, "f": 3}},
        "e": [2],
    }


def test_a_config_file_for_kedro_run_is_understood_and_the_command_line_goes_before_it(project: Path) -> None:
    config = "run:\n  node_names: [second]\n  env: aws_batch\n  runner: SequentialRunner\n  tags: early, x\n"
    (project / "run.yml").write_text(config, encoding="utf-8")
    assert "No node has the tag 'x'." in call("--config=run.yml").stderr
    (project / "run.yml").write_text("run:\n  node_names: second\n  params: {aws_batch: {max_workers: 3}}\n")
    found = planned("--config=run.yml")
    assert ([group["nodes"] for group in found["groups"]], found["settings"]["max_workers"]) == ([["second"]], 3)
    assert nodes("--config=run.yml", "--nodes=first") == ["first"]


@pytest.mark.parametrize(
    ("files", "words", "message"),
    [
        ({"run.yml": "run:\n  nodse: a\n"}, ["--config=run.yml"], "unknown key 'nodse'. Did you mean 'nodes'?"),
        ({"run.yml": "tags: a\n"}, ["--config=run.yml"], "has no section 'run'"),
        ({"params.yml": "- 1\n"}, ["--params-file=params.yml"], "must contain keys and values"),
        ({"params.yml": "{"}, ["--params-file=params.yml"], "can't be read"),
        ({}, ["--load-versions=middle"], "is not like dataset:2026"),
        ({}, ["--load-versions=middle:../x"], "is not like dataset:2026"),
        ({}, ["--conf-source=nowhere"], "'nowhere' does not exist."),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    project: Path, files: dict[str, str], words: list[str], message: str
) -> None:
    for name, text in files.items():
        (project / name).write_text(text)
    result = call(*words)
    assert (result.exit_code, message in result.stderr) == (2, True), result.output


@pytest.mark.usefixtures("project")
def test_versions_to_load_reach_the_plan() -> None:
    assert "load_versions names 'midle'" in call("--load-versions=midle:1").stderr
    assert nodes("--load-versions=middle:2026-01-01T00.00.00.000Z", "--nodes=second") == ["second"]


def test_the_configuration_s_folder_reaches_the_jobs_if_they_can_have_it(project: Path, tmp_path: Path) -> None:
    (project / "conf").rename(project / "settings")
    refused = call("--conf-source=settings").stderr
    assert "conf_source: 'settings' is not a configuration that runs may use." in refused
    parameters = project / "settings/aws_batch/parameters.yml"
    parameters.write_text(parameters.read_text().replace("aws_batch:\n", "aws_batch:\n  conf_sources: [settings]\n"))
    environment = planned("--conf-source=settings")["groups"][0]["resources"]["environment"]
    assert environment == {CONF_SOURCE: "settings"}
    assert for_jobs("s3://bucket/conf", project) == "s3://bucket/conf"
    assert for_jobs("conf", project) is None
    with pytest.raises(ProjectError, match="lies outside the project"):
        for_jobs(str(tmp_path), project)


def test_the_configuration_s_folder_is_added_to_what_a_request_has() -> None:
    request = {"params": {"a": 1}}
    assert with_conf_source(request, "settings") == {**request, "conf_source": "settings"}
    assert with_conf_source(request, None) == request
