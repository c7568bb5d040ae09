"""Commands and the runner open a project in the same way: with the given parameters."""

from __future__ import annotations

import shutil
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch.errors import ProjectError
from kedro_aws_batch.graph.check import check
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.datasets import buckets_of
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import catalog_of_plain_run, open_project, read_parameters, require_params

from .commands import call
from .project import CONFIGURATION, Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[[Sources], Path]

DAILY = Sources(
    catalog={
        "raw": pickled("s3://bucket/${runtime_params:day}/raw.pkl"),
        "middle": pickled("${runtime_params:place.root,s3://usual}/middle.pkl"),
        "final": pickled("${runtime_params:place.last}/final.pkl"),
    },
    base_catalog={"raw": pickled("data/${runtime_params:day}.pkl")},
    parameters={"rate": "${runtime_params:rate,1}"},
)


def paths(project: Path, **params: Any) -> dict[str, str | None]:
    compiled = compile_project(open_project(Opening(path=project, params=params)))
    return {name: dataset.path for name, dataset in compiled.datasets.items()}


def test_paths_are_those_of_the_parameters_and_where_nobody_gave_one_its_name_stands_in(make_project: Make) -> None:
    project = make_project(DAILY)
    assert paths(project) == {
        "raw": "s3://bucket/<day>/raw.pkl",
        "middle": "s3://usual/middle.pkl",
        "final": "<place.last>/final.pkl",
    }
    assert paths(project, day="monday", place={"root": "s3://other", "last": "s3://last"}) == {
        "raw": "s3://bucket/monday/raw.pkl",
        "middle": "s3://other/middle.pkl",
        "final": "s3://last/final.pkl",
    }


def test_what_a_configuration_asks_for_is_known_and_a_run_needs_what_has_no_default(make_project: Make) -> None:
    path = make_project(DAILY)
    project = open_project(Opening(path=path, params={"place": {"last": "s3://last"}}))
    assert project.asked == {"day": True, "place.root": False, "place.last": True, "rate": False}
    with pytest.raises(ProjectError) as raised:
        require_params(project)
    assert str(raised.value) == (
        "The project can't run like this. Its configuration needs the runtime parameter 'day' and has no default: "
        "give it with --params=day=…."
    )
    require_params(open_project(Opening(path=path, params={"day": 1, "place": {"last": "x"}})))


def test_a_project_that_lacks_parameters_can_be_checked_and_what_they_place_is_no_problem(make_project: Make) -> None:
    project = open_project(Opening(path=make_project(DAILY)))
    compiled = compile_project(project)
    assert check(project, compiled) == []
    assert [buckets_of(dataset) for dataset in compiled.datasets.values()] == [set(), {"usual"}, {"bucket"}]


def test_where_a_stand_in_makes_no_sense_the_missing_parameter_is_named(make_project: Make) -> None:
    settings = 'CONFIG_LOADER_ARGS = {"custom_resolvers": {"half": lambda n: int(n) // 2}}'
    catalog = {"raw": pickled("s3://b/${half:${runtime_params:n}}")}
    path = make_project(Sources(catalog=catalog, settings=settings))
    with pytest.raises(ProjectError, match=r"needs the runtime parameter 'n' and .* give it with --params=n=…"):
        open_project(Opening(path=path))
    assert paths(path, n=8)["raw"] == "s3://b/4"


def test_kedro_calls_resolvers_that_a_parameter_names_so_that_no_request_may(make_project: Make) -> None:
    settings = 'CONFIG_LOADER_ARGS = {"custom_resolvers": {"call": lambda text: f"called with {text}"}}'
    path = make_project(Sources(settings=settings))
    assert read_parameters(Opening(path=path, params={"x": "${call:theirs}"}))["x"] == "called with theirs"


def test_parameters_alone_are_read_with_what_was_given(make_project: Make) -> None:
    path = make_project(DAILY)
    assert read_parameters(Opening(path=path))["rate"] == 1
    assert read_parameters(Opening(path=path, params={"rate": 2})) == {"rate": 2, "aws_batch": CONFIGURATION}


def test_the_plain_run_s_catalog_has_the_same_parameters(make_project: Make) -> None:
    path = make_project(DAILY)
    (path / "conf/local/catalog.yml").write_text("middle: {type: MemoryDataset, metadata: '${runtime_params:day}'}")
    catalog = catalog_of_plain_run(open_project(Opening(path=path, params={"day": "monday"})))
    assert catalog == {
        "raw": pickled("data/monday.pkl"),
        "middle": {"type": "MemoryDataset", "metadata": "monday"},
    }


def test_without_a_local_environment_the_plain_run_s_catalog_is_the_base_s(make_project: Make) -> None:
    path = make_project(DAILY)
    shutil.rmtree(path / "conf/local")
    packed = path / "conf.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(path / "conf", "conf")
    for source in (None, str(packed)):
        project = open_project(Opening(path=path, params={"day": "monday"}, conf_source=source))
        assert catalog_of_plain_run(project) == {"raw": pickled("data/monday.pkl")}


def test_commands_take_the_parameters_of_the_project_they_open(
    make_project: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(DAILY)
    monkeypatch.chdir(project)
    (project / "params.yml").write_text("day: monday")
    assert call("check").exit_code == 0
    refused = call("run", "--dry-run", "--params=day=monday")
    assert (refused.exit_code, "the runtime parameter 'place.last'" in refused.output) == (1, True)
    local = call("check", "--params=place.root=data,day=monday")
    assert "dataset 'middle': lies on this machine (data/middle.pkl)" in local.output + local.stderr
    assert call("compile", "--params-file=params.yml", "--params=place.last=s3://b").exit_code == 0
    assert call("run", "--dry-run", "--params-file=params.yml", "--params=place.last=s3://b").exit_code == 0
