"""A setting of a run means the same in parameters.yml and by --params, on AWS, in a dry run and locally."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .commands import call
from .project import CONFIGURATION, REMOTE_CHAIN, Sources

if TYPE_CHECKING:
    Make = Callable[[Sources], Path]

REGISTRY = """
def register_pipelines():
    return {"__default__": pipeline([
        node(same, "raw", "middle", name="first", tags=["long"]), node(same, "middle", "final", name="second"),
    ])}
"""
NESTED = """
def register_pipelines():
    return {"__default__": pipeline([
        node(same, "raw", "middle", name="first", namespace="a.b"),
        node(same, "middle", "final", name="second", namespace="a.c"),
    ])}
"""


@pytest.fixture
def enter(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    def make(registry: str = REGISTRY, **configuration: Any) -> Path:
        project = make_project(Sources(registry, REMOTE_CHAIN, {**CONFIGURATION, **configuration}))
        monkeypatch.chdir(project)
        return project

    return make


Enter = Callable[..., Path]


def resources(*words: str) -> dict[str, Any]:
    """Return the resources that each node's job would ask for."""
    result = call("run", "--dry-run", "--json", *words)
    assert result.exit_code == 0, result.stderr
    return {" ".join(group["nodes"]): group["resources"] for group in json.loads(result.output)["groups"]}


REFUSED = [
    (
        ["resources.default.environment.AWS_BATCH_X=1"],
        [
            (
                "resources.default.environment: has 'AWS_BATCH_X': "
                "AWS Batch keeps names that begin with AWS_BATCH to itself."
            )
        ],
    ),
    (
        ["resources.default.share_identifier=team-a"],
        ["resources.default.share_identifier: must be letters and digits, not 'team-a'."],
    ),
    (
        ["memory_retry.factor=2", "memory_retry.max=2.5"],
        [
            (
                "memory_retry: must be like {factor: 2, max: 32000}: a factor above 1, and the most MiB, "
                "not {'factor': 2, 'max': 2.5}."
            )
        ],
    ),
    (
        ["on_failure=abrot", "resources.nodes.frist.memory=0"],
        [
            "on_failure: must be one of abort, drain, continue, not 'abrot'. Did you mean 'abort'?",
            "resources.nodes.frist.memory: must be a whole number of MiB, at least 4, not 0.",
        ],
    ),
    (["request_environment=[PATH]"], ["request_environment: can't be changed for one run."]),
    (
        ["resources.default.environment.LD_PRELOAD=x"],
        [
            (
                "resources.default.environment: 'LD_PRELOAD' is not a variable that a run may set. If whoever starts "
                "runs may choose it, add it to aws_batch.request_environment in conf/aws_batch/parameters.yml and "
                "deploy again."
            )
        ],
    ),
    (["launch_type=FARGATE"], ["launch_type: can't be changed for one run."]),
]


@pytest.mark.parametrize(("params", "wrong"), REFUSED)
def test_what_a_run_may_not_ask_for_is_refused_alike_before_anything_is_there(
    enter: Enter, params: list[str], wrong: list[str]
) -> None:
    project = enter()
    words = [f"--params=aws_batch.{each}" for each in params]
    problems = "\n".join(f"  {number}. params.aws_batch.{each}" for number, each in enumerate(wrong, start=1))
    for way in (["--local"], ["--dry-run"], ["--local", "--dry-run"], []):
        result = call("run", *way, *words)
        counted = f"{len(wrong)} problem{'s' if len(wrong) > 1 else ''}"
        said = result.stderr.removeprefix("Opening the project in environment 'aws_batch'…\n")
        assert (result.exit_code, said) == (1, f"Error: {counted} to solve first:\n{problems}\n")
    assert not (project / ".kedro_aws_batch").exists()


def test_the_service_refuses_in_the_same_words(enter: Enter) -> None:
    """Only the functions check the requests of schedules and other programs."""
    enter()
    told = call("run", "--dry-run", "--params=aws_batch.memory_retry=2,aws_batch.group_by=x").stderr
    from dag.errors import InvalidRequestError  # noqa: PLC0415

    from ..dag.build import plan_of  # noqa: PLC0415

    with pytest.raises(InvalidRequestError) as refused:
        plan_of([[]], {"params": {"aws_batch": {"memory_retry": 2, "group_by": "x"}}})
    assert [str(problem) in told for problem in refused.value.problems] == [True, True]


def test_a_flag_reaches_the_job_as_yaml_writes_it_either_way(enter: Enter) -> None:
    enter(resources={"default": {"environment": {"FLAG": True, "RATE": 0.5}}})
    assert resources()["first"]["environment"] == {"FLAG": "true", "RATE": "0.5"}
    enter(request_environment=["FLAG", "RATE"])
    words = [
        "--params=aws_batch.resources.default.environment.FLAG=true,aws_batch.resources.default.environment.RATE=0.5"
    ]
    assert resources(*words)["first"]["environment"] == {"FLAG": "true", "RATE": "0.5"}


def test_null_takes_a_time_out_back_either_way(enter: Enter) -> None:
    enter(resources={"default": {"timeout": 300}, "tags": {"long": {"timeout": None}}})
    assert [asked.get("timeout") for asked in resources().values()] == [None, 300]
    enter(resources={"default": {"timeout": 300}})
    found = resources("--params=aws_batch.resources.tags.long.timeout=null")
    assert [asked.get("timeout") for asked in found.values()] == [None, 300]


def test_namespaces_make_the_same_groups_in_check_and_in_the_run(enter: Enter) -> None:
    nodes = {"a.b.first": {"vcpus": 8, "memory": 16384}, "a.c.second": {"vcpus": 4, "memory": 30720}}
    enter(NESTED, launch_type="FARGATE", resources={"nodes": nodes})
    assert list(resources()) == ["a.b.first", "a.c.second"]
    wrong = "nodes 'a.b.first', 'a.c.second': Fargate has no size of 8 vCPU with 30720 MiB."
    assert wrong in call("run", "--params=aws_batch.group_by=[namespace]").stderr
    enter(NESTED, launch_type="FARGATE", resources={"nodes": nodes}, group_by=["namespace"])
    for words in (["check"], ["run", "--local"], ["run", "--dry-run"], ["run"], ["package"]):
        assert wrong in call(*words).stderr


def test_a_run_s_own_default_goes_before_what_is_deployed_for_a_node_here_and_on_aws(enter: Enter) -> None:
    enter(resources={"nodes": {"first": {"memory": 8000}}})
    override = "--params=aws_batch.resources.default.memory=4000"
    assert [asked["memory"] for asked in resources(override).values()] == [4000, 4000]
    assert [asked["memory"] for asked in resources(override, "--local").values()] == [4000, 4000]
