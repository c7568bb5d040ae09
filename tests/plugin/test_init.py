"""What `init` makes of a project's configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from .commands import call
from .project import Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[Sources], Path]


def test_init_moves_the_local_datasets_to_s3_and_leaves_the_others(bare: Path) -> None:
    result = call("init", "--bucket=mine")
    assert result.exit_code == 0, result.output
    assert yaml.safe_load((bare / "conf/aws_batch/catalog.yml").read_text()) == {
        "raw": {"type": "pandas.CSVDataset", "filepath": "s3://mine/01_raw/raw.csv", "load_args": {"sep": ";"}},
        "{name}_model": pickled("s3://mine/06/{name}.pkl", versioned=True),
        "cached": {"type": "CachedDataset", "dataset": pickled("s3://mine/cached.pkl")},
    }
    assert "3 datasets moved to s3://mine/" in result.output
    assert re.findall(r"^  (kedro aws-batch .*?)  ", result.output, re.MULTILINE) == [
        "kedro aws-batch check",
        "kedro aws-batch run --local",
        "kedro aws-batch deploy",
    ]


def test_what_init_writes_passes_the_check(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    base = {name: pickled(f"data/{name}.pkl") for name in ("raw", "middle", "final")}
    project = make_project(Sources(base_catalog=base))
    monkeypatch.chdir(project)
    assert call("init", "--bucket=mine", "--force").exit_code == 0
    result = call("check")
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_name_that_no_bucket_can_have_is_refused_before_it_is_in_the_catalog(bare: Path) -> None:
    refused = call("init", "--bucket=s3://mine")
    assert (refused.exit_code, (bare / "Dockerfile").exists()) == (1, False)
    assert refused.stderr.startswith("Error: 's3://mine' is not a bucket: write its name, or name/prefix for a part")


def test_what_is_there_stays_and_is_named_unless_forced(bare: Path) -> None:
    (bare / "Dockerfile").write_text("FROM scratch\n")
    result = call("init")
    assert result.exit_code == 0
    assert "wrote package.json\n" in result.output
    assert "wrote Dockerfile" not in result.output
    assert "kept the existing Dockerfile: make sure that its image has the project and installs" in result.output
    assert (bare / "Dockerfile").read_text() == "FROM scratch\n"
    again = call("init", "--bucket=other")
    assert "kept the existing conf/aws_batch/catalog.yml\n" in again.output
    assert "moved to" not in again.output
    assert call("init", "--force").exit_code == 0
    assert "FROM python:" in (bare / "Dockerfile").read_text()


ROOTS = {"root": "data", "paths": {"raw": "${root}/01_raw", "far": "s3://far"}, "other": 1}


def test_paths_that_begin_with_globals_or_with_the_catalog_s_own_variables_go_to_s3(bare: Path) -> None:
    (bare / "conf/base/globals.yml").write_text(yaml.safe_dump(ROOTS))
    catalog = {
        "_own": "data/02",
        "a": pickled("${globals:root}/a.pkl"),
        "b": pickled("${globals:paths.raw}/b.pkl"),
        "c": pickled("${_own}/c.pkl"),
        "far": pickled("${globals:paths.far}/d.pkl"),
        "e": pickled("${oc.env:HOME}/e.pkl"),
    }
    (bare / "conf/base/catalog.yml").write_text(yaml.safe_dump(catalog))
    result = call("init", "--bucket=mine")
    there = bare / "conf/aws_batch"
    assert yaml.safe_load((there / "catalog.yml").read_text()) == {"c": pickled("s3://mine/02/c.pkl")}
    assert yaml.safe_load((there / "globals.yml").read_text()) == {
        "root": "s3://mine",
        "paths": {"raw": "s3://mine/01_raw", "far": "s3://far"},
    }
    assert "1 dataset moved to s3://mine/ in conf/aws_batch/catalog.yml\n" in result.output
    assert "2 datasets moved to s3://mine/ in conf/aws_batch/globals.yml\n" in result.output
    assert "1 dataset kept paths that begin with ${…}, which only Kedro resolves: 'e'.\n" in result.output


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"catalog.yml": {"a17": pickled("s3://${globals:name}/a17.pkl")}},
        {"catalog.yml": {"own": {"type": "${globals:name}.Own", "filepath": "s3://b/x"}}},
        {"catalog.yml": {"c": pickled("s3://b/c.pkl", load_args={"sheet": "${globals:name}"})}},
        {"parameters.yml": {"title": "${globals:name}"}},
        {"globals.yml": {"title": "of ${name}"}},
    ],
)
def test_a_global_that_is_not_only_the_beginning_of_paths_stays_as_it_is(
    bare: Path, elsewhere: dict[str, dict[str, Any]]
) -> None:
    files: dict[str, dict[str, Any]] = {
        "globals.yml": {"name": "data", "root": "data"},
        "catalog.yml": {"a3": pickled("${globals:name}/a3.pkl"), "b": pickled("${globals:root}/b.pkl")},
        "parameters.yml": {"folder": "${globals:root}/models"},
    }
    for name, content in files.items():
        (bare / "conf/base" / name).write_text(yaml.safe_dump({**content, **elsewhere.get(name, {})}))
    result = call("init", "--bucket=mine")
    assert yaml.safe_load((bare / "conf/aws_batch/globals.yml").read_text()) == {"root": "s3://mine"}
    assert (
        "1 dataset not moved, since the global at the beginning of the path is also used for something else: 'a3'.\n"
        in result.output
    )


def test_paths_that_lead_out_of_the_project_are_named_and_stay(bare: Path) -> None:
    (bare / "conf/base/globals.yml").write_text(yaml.safe_dump({"up": "../shared"}))
    checkpoint = {"type": "partitions.IncrementalDataset", "path": "data/in", "checkpoint": {"filepath": "s3://o/c"}}
    catalog = {
        "up": pickled("../a.pkl"),
        "far": pickled("data/../../a.pkl"),
        "home": pickled("~/a.pkl"),
        "drive": pickled("C:\\data\\x.pkl"),
        "slashed": pickled("C:/data/x.pkl"),
        "by": pickled("${globals:up}/a.pkl"),
        "within": pickled("data/01/../a.pkl"),
        "parts": checkpoint,
    }
    (bare / "conf/base/catalog.yml").write_text(yaml.safe_dump(catalog, sort_keys=False))
    result = call("init", "--bucket=mine")
    assert yaml.safe_load((bare / "conf/aws_batch/catalog.yml").read_text()) == {
        "within": pickled("s3://mine/a.pkl"),
        "parts": {**checkpoint, "path": "s3://mine/in"},
    }
    assert (
        "6 datasets not moved, since the path leads out of the project, by `..`, `~` or a Windows drive: 'up', 'far', "
        "'home', 'drive', 'slashed' and 1 more.\n" in result.output
    )


@pytest.mark.parametrize("name", ["catalog.yml", "globals.yml"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"- raw\n- middle\n", "has no names at its first level. Write `name: …` for each of its entries.\n"),
        (b"just text", "has no names at its first level."),
        ("größe: 1\n".encode("latin-1"), "is not YAML in UTF-8: "),
        (b"a: [", "is not YAML in UTF-8: "),
    ],
)
def test_a_base_that_is_no_configuration_is_named(bare: Path, name: str, content: bytes, said: str) -> None:
    file = bare / "conf/base" / name
    file.write_bytes(content)
    result = call("init", "--bucket=mine")
    assert (result.exit_code, result.stderr.startswith(f"Error: '{file}' {said}")) == (1, True), result.stderr
    assert not (bare / "serverless.yml").exists()


def test_the_base_may_have_another_name(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(Sources(settings='CONFIG_LOADER_ARGS = {"base_env": "common"}\n'))
    (project / "conf/common").mkdir()
    (project / "conf/common/catalog.yml").write_text(yaml.safe_dump({"raw": pickled("data/raw.pkl")}))
    monkeypatch.chdir(project)
    assert call("init", "--env=cloud", "--bucket=mine").exit_code == 0
    assert yaml.safe_load((project / "conf/cloud/catalog.yml").read_text()) == {"raw": pickled("s3://mine/raw.pkl")}


def test_a_second_environment_is_a_stage_of_its_own_and_leaves_what_the_first_has(bare: Path) -> None:
    call("init", "--bucket=mine")
    before = {name: (bare / name).read_bytes() for name in ("serverless.yml", "Dockerfile", "package.json")}
    (bare / "serverless.yml").write_bytes(before["serverless.yml"] + b"# mine\n")
    result = call("init", "--env=prod", "--bucket=its-own")
    assert result.exit_code == 0
    assert (bare / "serverless.yml").read_bytes() == before["serverless.yml"] + b"# mine\n"
    assert "kept the existing serverless.yml: put settings of only the stage prod below `prod`" in result.output
    first, second = (
        yaml.safe_load((bare / f"conf/{name}/parameters.yml").read_text())["aws_batch"]
        for name in ("aws_batch", "prod")
    )
    assert second["service"] == f"{first['service'].removesuffix('-dev')}-prod"
    assert {first[key] for key in ("job_queue", "job_definition")}.isdisjoint(
        {second[key] for key in ("job_queue", "job_definition")}
    )


def test_many_datasets_of_one_folder_are_one_problem(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"d{number}" for number in range(290)]
    registry = """
    def register_pipelines():
        return {"__default__": pipeline([node(pair, [f"d{n}" for n in range(290)], "final", name="all")])}
    """
    catalog = {name: pickled(f"data/{name}.pkl") for name in names} | {"final": pickled("s3://bucket/final.pkl")}
    monkeypatch.chdir(make_project(Sources(registry, catalog)))
    result = call("check")
    assert result.stderr.splitlines()[0] == "Error: 1 problem to solve first:"
    assert "290 datasets, 'd0', 'd1', 'd10' and 287 more: lie on this machine (below data), which jobs" in result.stderr


def test_an_import_that_fails_keeps_its_cause(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = """
    def register_pipelines():
        try:
            import no_such_spark
        except ImportError as error:
            raise ImportError("An error occurred while importing the 'spark.pipelines.reporting' module.") from error
    """
    monkeypatch.chdir(make_project(Sources(registry)))
    said = call("check").stderr
    assert (
        "importing the 'spark.pipelines.reporting' module. ModuleNotFoundError: No module named 'no_such_spark'" in said
    )
