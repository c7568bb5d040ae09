from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from .commands import call
from .project import Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[Sources], Path]

BASE: dict[str, Any] = {
    "raw": {"type": "pandas.CSVDataset", "filepath": "data/01_raw/raw.csv", "load_args": {"sep": ";"}},
    "{name}_model": pickled("data/06/{name}.pkl", versioned=True),
    "cached": {"type": "CachedDataset", "dataset": pickled("data/cached.pkl")},
    "remote": pickled("s3://elsewhere/remote.pkl"),
    "held": {"type": "MemoryDataset"},
}


@pytest.fixture
def bare(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = make_project(Sources(base_catalog=BASE))
    for file in ("catalog.yml", "parameters.yml"):
        (project / "conf/aws_batch" / file).unlink()
    monkeypatch.chdir(project)
    return project


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


def test_nothing_that_is_there_is_overwritten_unless_forced(bare: Path) -> None:
    (bare / "Dockerfile").write_text("FROM scratch\n")
    refused = call("init")
    assert refused.exit_code == 1
    assert refused.stderr == "Error: There is already 'Dockerfile': nothing was written. To overwrite: --force.\n"
    assert not (bare / "package.json").exists()
    assert call("init", "--force").exit_code == 0
    assert "FROM python:" in (bare / "Dockerfile").read_text()


def test_the_image_has_bytecode_a_user_that_is_not_root_and_no_secrets(bare: Path) -> None:
    call("init")
    dockerfile = (bare / "Dockerfile").read_text()
    lines = dockerfile.splitlines()
    assert any("compileall" in line and "unchecked-hash" in line for line in lines)
    assert lines.index("USER kedro") > max(place for place, line in enumerate(lines) if line.startswith("RUN"))
    assert "$$" not in dockerfile
    assert {"conf/local", "data", "**/credentials*"} <= set((bare / ".dockerignore").read_text().splitlines())


@pytest.mark.parametrize("lists", [["requirements.txt", "README.md"], ["README.md"], []])
def test_the_image_is_made_of_what_the_project_has(bare: Path, lists: list[str]) -> None:
    for name in lists:
        (bare / name).write_text("")
    call("init")
    lines = (bare / "Dockerfile").read_text().splitlines()

    copies = [line.split()[1:] for line in lines if line.startswith("COPY ") and "--from=" not in line]
    whole = copies.index([".", "."])
    assert [name for *names, _ in copies for name in names if "*" not in name and not (bare / name).exists()] == []
    before = {found.name for *names, _ in copies[:whole] for name in names for found in bare.glob(name)}
    assert before == ({"requirements.txt"} if "requirements.txt" in lists else {"pyproject.toml", "src", *lists})
    assert all(target.endswith("/") for *names, target in copies if len(names) > 1)
    ignored = (bare / ".dockerignore").read_text().splitlines()
    assert not {"src", "conf", "conf/aws_batch", "conf/base", "pyproject.toml", "README.md", *lists} & set(ignored)


def test_the_deploying_tool_is_pinned(bare: Path) -> None:
    call("init")
    ours = json.loads((Path(__file__).parents[2] / "package.json").read_text())["devDependencies"]["osls"]
    assert json.loads((bare / "package.json").read_text())["devDependencies"] == {"osls": ours}


def test_package_fills_the_directory_that_is_deployed(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(Sources(catalog={name: pickled(f"s3://data/{name}") for name in ("raw", "middle", "final")}))
    monkeypatch.chdir(project)
    result = call("package")
    assert result.exit_code == 0, result.output
    staged = project / "build/aws_batch/dev"
    assert (staged / "service.yml").is_file()
    document = json.loads(zipfile.ZipFile(staged / "service.zip").read("graph.json"))
    assert [node["name"] for node in document["nodes"]] == ["first", "second"]
    assert result.output.startswith("build/aws_batch/dev: 2 nodes, ")
    assert "Jobs may read and write 'data'." in result.output


def test_what_init_writes_for_deploying_names_the_project_and_fits_its_parameters(bare: Path) -> None:
    call("init")
    service = yaml.safe_load((bare / "conf/aws_batch/parameters.yml").read_text())["aws_batch"]["service"]
    assert service.removesuffix("-dev").replace("-", "_") == bare.name[:32].rstrip("_")
    assert service.endswith("-dev")
    written = yaml.safe_load((bare / "serverless.yml").read_text())
    assert set(written["params"]["default"]) == {"region", "image", "subnets", "security_groups"}
    assert yaml.safe_load((bare / "conf/aws_batch/schedules.yml").read_text()) is None


def test_every_param_that_the_project_s_serverless_yml_tells_of_is_one_that_exists(bare: Path) -> None:
    call("init")
    told = re.findall(r"^    (?:# )?(\w+): ", (bare / "serverless.yml").read_text(), re.MULTILINE)
    settings = yaml.safe_load((Path(__file__).parents[2] / "resources/settings.yml").read_text())
    assert set(told) - {"buckets"} <= set(settings)
    assert {"image", "alarm_email", "spot"} <= set(told)
