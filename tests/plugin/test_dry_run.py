"""`run --dry-run`, `compile --explain` and the jobs in the output of `check`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .commands import call
from .project import CONFIGURATION, REMOTE_CHAIN, Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[Sources], Path]

GROUPED = """
def register_pipelines():
    return {"__default__": pipeline([
        node(same, "raw", "held", name="first"), node(same, "held", "final", name="second"),
        node(same, "final", "copy", name="third"),
    ])}
"""
CATALOG = {**REMOTE_CHAIN, "copy": pickled("s3://bucket/copy.pkl")}
RESOURCES = {"default": {"vcpus": 2}, "nodes": {"third": {"memory": 3000, "environment": {"A": "1"}}}}


@pytest.fixture
def grouped(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = make_project(Sources(GROUPED, CATALOG, {**CONFIGURATION, "resources": RESOURCES, "max_workers": 4}))
    monkeypatch.chdir(project)
    return project


def test_a_dry_run_says_what_would_run_where_and_in_which_order(grouped: Path) -> None:
    result = call("run", "--dry-run")
    assert (result.exit_code, result.output.splitlines()) == (
        0,
        [
            "3 nodes in 2 jobs, in 2 steps; the jobs of a step don't depend on each other.",
            "",
            "Step 1: 1 job (kedro_run on main_queue)",
            "  first, second  [vcpus 2; the definition's memory, timeout]",
            "      together, because 'held' stays in memory",
            "",
            "Step 2: 1 job (kedro_run on main_queue)",
            "  third  [vcpus 2, memory 3000, environment A; the definition's timeout]",
            "",
            "Would run at most 4 jobs at once; when one fails: abort. Nothing was submitted.",
            "How long it takes only the deployed service knows, which can't be called from here.",
        ],
    )
    assert not (grouped / ".kedro_aws_batch").exists()


def test_a_dry_run_promises_no_number_of_containers_where_they_carry_on(
    make_project: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_project(Sources(GROUPED, CATALOG, {**CONFIGURATION, "warm_containers": True})))
    lines = call("run", "--dry-run").output.splitlines()
    assert lines[0].startswith("3 nodes in at most 2 jobs, in 2 steps; ")
    carrying = (
        "Containers carry on: one that has done its nodes takes others that are ready and fit, so fewer may start"
    )
    assert lines[-3:-1] == [
        f"{carrying} than are listed.",
        "Would run as many jobs at once as are ready; when one fails: abort. Nothing was submitted.",
    ]


@pytest.mark.usefixtures("grouped")
def test_a_dry_run_takes_filters_and_this_run_s_settings() -> None:
    overrides = "--params=aws_batch.resources.nodes.third.vcpus=8"
    found = json.loads(call("run", "--dry-run", "--json", "--from-nodes=third", overrides, "--max-workers=1").output)
    assert [(group["nodes"], group["resources"]["vcpus"]) for group in found["groups"]] == [(["third"], 8)]
    assert found["settings"]["max_workers"] == 1


@pytest.mark.usefixtures("grouped")
def test_a_filter_that_cuts_off_what_is_left_in_memory_is_refused() -> None:
    result = call("run", "--dry-run", "--nodes=second")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "'first', which leaves it in memory, is not among the nodes to run. Run 'first' as well" in result.stderr


@pytest.mark.usefixtures("grouped")
def test_a_dry_run_says_that_it_looked_at_no_earlier_run_if_the_run_would() -> None:
    said = "Earlier runs weren't looked at. With --reuse, a dry run says what of this would not run.\n"
    assert said in call("run", "--dry-run", "--params=aws_batch.reuse=true").output
    for words in ([], ["--params=aws_batch.reuse=true", "--no-reuse"]):
        assert said not in call("run", "--dry-run", *words).output


@pytest.mark.usefixtures("grouped")
def test_what_the_service_would_refuse_is_the_dry_run_s_error() -> None:
    result = call("run", "--dry-run", "--params=aws_batch.max_wrokers=1")
    assert (result.exit_code, "Did you mean 'max_workers'?" in result.stderr) == (1, True)


@pytest.mark.usefixtures("grouped")
def test_compile_explains_which_nodes_share_a_job() -> None:
    assert call("compile", "--explain").output.splitlines() == [
        "__default__: 3 nodes in 2 jobs",
        "  first, second",
        "      together, because 'held' stays in memory",
    ]


@pytest.mark.usefixtures("grouped")
def test_check_tells_which_nodes_share_a_job_too() -> None:
    assert call("check").output.splitlines() == [
        "3 nodes in 1 pipeline: no problems. __default__ runs 3 nodes in 2 jobs.",
        "  first, second",
        "      together, because 'held' stays in memory",
    ]


def test_check_tells_what_only_the_service_s_planning_finds(
    make_project: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes that share a job only because they would wait for each other name different queues."""
    registry = """
    def register_pipelines():
        return {"__default__": pipeline([
            node(lambda x: (x, x), "raw", ["held", "middle"], name="a"), node(same, "middle", "final", name="b"),
            node(pair, ["held", "final"], "copy", name="c"),
        ])}
    """
    settings = {**CONFIGURATION, "resources": {"nodes": {"b": {"job_queue": "other_queue"}, "a": {"job_queue": "q"}}}}
    monkeypatch.chdir(make_project(Sources(registry, CATALOG, settings)))
    result = call("check")
    assert result.exit_code == 1
    assert (
        "nodes 'a', 'b', 'c': share a job (data in memory, confirms, or group_by), but their job_queue differs: "
        in result.stderr
    )


def test_check_warns_where_runtime_parameters_would_drop_others(
    make_project: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(Sources(catalog=REMOTE_CHAIN))
    monkeypatch.chdir(project)
    (project / "conf/base/parameters.yml").write_text("split: {test_share: 0.2, seed: 1}\nalone: {one: 1}\n")
    assert call("check").stderr == (
        "Warning: settings.py: nested runtime parameters, like 'split', drop their neighbours in the base "
        'environment. Add "merge_strategy": {"parameters": "soft"} to CONFIG_LOADER_ARGS.\n'
    )
    assert call("run", "--dry-run").stderr == ""
    assert call("run", "--dry-run", "--params=alone.one=2").stderr == ""  # which has no neighbours
    assert "like 'split', drop their" in call("run", "--dry-run", "--params=split.seed=2").stderr
    soft = 'CONFIG_LOADER_ARGS = {"base_env": "base", "merge_strategy": {"parameters": "soft"}}\n'
    mended = make_project(Sources(catalog=REMOTE_CHAIN, settings=soft))
    monkeypatch.chdir(mended)
    shutil.copy(project / "conf/base/parameters.yml", mended / "conf/base/parameters.yml")
    assert call("check").stderr == ""
