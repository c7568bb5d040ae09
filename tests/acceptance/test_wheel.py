"""What a user installs: the wheel contains the service and nothing else, and works outside the checkout."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest

import kedro_aws_batch

from .support import layers, make_project

ROOT = Path(__file__).parents[2]
VERSION = kedro_aws_batch.__version__
SERVICE = ("adapters", "dag", "handlers", "resources", "runs")

# A user's program, in an environment that doesn't know the checkout.
PROGRAM = """
import importlib.util, json, sys, time
from pathlib import Path
import kedro_aws_batch
from kedro_aws_batch.client import Service
from kedro_aws_batch.local import EmbeddedAws, service_root

project = Path(sys.argv[1])
traces = {"STAND_IN_TRACES": sys.argv[2]}
seen = {
    "package": kedro_aws_batch.__file__,
    "service_root": str(service_root()),
    "found": [name for name in ("adapters", "dag", "handlers", "runs") if importlib.util.find_spec(name)],
}
jobs = {"graph_document": project / "graph.json", "jobs_cwd": project / "jobs", "job_environment": traces}
with EmbeddedAws(service=service_root(), **jobs) as aws:
    service = Service(aws.service_prefix, aws.client("lambda"))
    run_id = service.start_run({}).run_id
    while not (state := service.describe_run(run_id)).ended:
        time.sleep(0.1)
print(json.dumps({**seen, "run_id": run_id, "status": state.status, "counts": state.counts}))
"""

BARE = """
import importlib.metadata, importlib.util
import kedro_aws_batch.job, kedro_aws_batch.container.session
points = importlib.metadata.distribution("kedro-aws-batch").entry_points
for point in points:
    point.load()
moto = "with" if importlib.util.find_spec("moto") else "without"
print(f"{', '.join(sorted({point.name for point in points}))}, {moto} moto")
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Return a command's output, without this environment's variables."""
    ours = {"GITHUB_REPOSITORY", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} said:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout by its own build system, with the installed packages."""
    directory = tmp_path_factory.mktemp("dist")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory, ROOT)
    run(*build, cwd=directory)
    (built,) = directory.iterdir()
    return built


@pytest.fixture(scope="module")
def members(wheel: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(wheel) as archive:
        yield archive


def metadata(members: zipfile.ZipFile) -> Message:
    return HeaderParser().parsestr(members.read(f"kedro_aws_batch-{VERSION}.dist-info/METADATA").decode())


def source_files(folder: Path) -> set[str]:
    """Return the files of a folder of the checkout, without those made by running it."""
    files = (file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {file.relative_to(folder).as_posix() for file in files}


def test_the_wheel_holds_the_package_and_the_service_within_it_and_nothing_else(members: zipfile.ZipFile) -> None:
    package = {f"kedro_aws_batch/{name}" for name in source_files(ROOT / "src/kedro_aws_batch")}
    service = {f"{folder}/{name}" for folder in SERVICE for name in source_files(ROOT / folder)}
    service |= {"requirements.txt", "serverless.yml"}
    installed = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}

    assert set(members.namelist()) == {
        *package,
        *(f"kedro_aws_batch/_service/{name}" for name in service),
        *(f"kedro_aws_batch-{VERSION}.dist-info/{name}" for name in installed),
    }


def test_the_service_is_carried_as_it_is(members: zipfile.ZipFile) -> None:
    for folder in SERVICE:
        for name in source_files(ROOT / folder):
            assert members.read(f"kedro_aws_batch/_service/{folder}/{name}") == (ROOT / folder / name).read_bytes()


def test_the_metadata_says_what_is_installed_with_it(wheel: Path, members: zipfile.ZipFile) -> None:
    described = metadata(members)
    wanted = [each for each in described.get_all("Requires-Dist", []) if "extra ==" not in each]

    assert wheel.name == f"kedro_aws_batch-{VERSION}-py3-none-any.whl"
    assert {name: described[name] for name in ("Name", "Version", "Requires-Python", "License-Expression")} == {
        "Name": "kedro-aws-batch",
        "Version": VERSION,
        "Requires-Python": ">=3.10",
        "License-Expression": "Apache-2.0",
    }
    assert sorted(each.split(">")[0].split("<")[0] for each in wanted) == ["boto3", "kedro", "rich", "threadpoolctl"]
    assert {"local", "dev"} <= set(described.get_all("Provides-Extra", []))
    assert "Framework :: Kedro" in described.get_all("Classifier", [])
    assert described.get("Description-Content-Type", "text/markdown") == "text/markdown"
    assert str(described.get_payload()).strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()


def test_kedro_finds_the_commands_by_the_entry_point(members: zipfile.ZipFile) -> None:
    declared = configparser.ConfigParser()
    declared.read_string(members.read(f"kedro_aws_batch-{VERSION}.dist-info/entry_points.txt").decode())

    assert dict(declared["kedro.project_commands"]) == {"aws_batch": "kedro_aws_batch.cli:commands"}


def install(wheel: Path, extras: str, directory: Path, *more: str) -> Path:
    """Return the Python of a new environment with the wheel and more, and with the pinned versions of requirements."""
    uv = Path(sys.executable).with_name("uv")
    tool = uv if uv.exists() else Path(shutil.which("uv") or pytest.fail("uv, which `make` installs, was not found"))
    run(tool, "venv", "--quiet", "--python", sys.executable, directory / "venv", cwd=directory)
    installed = directory / "venv/bin/python"
    command = (
        tool,
        "pip",
        "install",
        "--quiet",
        "--python",
        installed,
        "--constraint",
        ROOT / "constraints.txt",
    )
    try:
        run(*command, "--offline", f"{wheel}{extras}", *more, cwd=directory)
    except AssertionError:  # `make` filled the cache; if it was emptied since, use the network
        run(*command, f"{wheel}{extras}", *more, cwd=directory)
    return installed


REBUILD = """
import sys
from pathlib import Path
from kedro_aws_batch.package.wheel import write_wheel
print(write_wheel(Path(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel without extras."""
    return install(wheel, "", tmp_path_factory.mktemp("bare"))


def test_an_installed_wheel_makes_itself_again_for_the_image(wheel: Path, bare: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(REBUILD, encoding="utf-8")
    made = []
    for place in ("one", "two"):
        made.append(Path(run(bare, tmp_path / "program.py", tmp_path / place, cwd=tmp_path).strip()))
        for file in bare.parents[1].glob("lib/python*/site-packages/kedro_aws_batch/*.py"):
            os.utime(file)

    assert [each.name for each in made] == [wheel.name] * 2
    assert made[0].read_bytes() == made[1].read_bytes()
    with zipfile.ZipFile(wheel) as built, zipfile.ZipFile(made[0]) as again:
        assert {name: again.read(name) for name in again.namelist()} == {
            name: _sorted(built.read(name)) if name.endswith("/RECORD") else built.read(name)
            for name in built.namelist()
        }


def _sorted(record: bytes) -> bytes:
    """Return a RECORD as ours is: its own line last."""
    lines = record.decode().splitlines()
    return "\n".join([*sorted(lines[:-1]), lines[-1], ""]).encode()


def test_an_installation_that_is_not_whole_makes_no_wheel(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(REBUILD, encoding="utf-8")
    (template,) = bare.parents[1].glob("lib/python*/site-packages/kedro_aws_batch/templates/package.json")
    template.rename(tmp_path / "package.json")
    with pytest.raises(
        AssertionError, match=r"lacks 'kedro_aws_batch/templates/package.json'. Install kedro-aws-batch"
    ):
        run(bare, tmp_path / "program.py", tmp_path, cwd=tmp_path)
    (tmp_path / "package.json").rename(template)


@pytest.mark.long
def test_the_installed_wheel_runs_a_pipeline_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    python = install(wheel, "[local]", tmp_path)
    project = make_project(tmp_path / "project", {"__default__": layers(1, 3, 1)})
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    seen: dict[str, Any] = json.loads(
        run(python, tmp_path / "program.py", project.root, project.traces_file, cwd=elsewhere)
    )

    package = Path(seen["package"]).parent
    assert package.is_relative_to(tmp_path / "venv")
    assert seen["service_root"] == str(package / "_service")
    assert seen["found"] == []
    assert (seen["status"], seen["counts"]["SUCCEEDED"]) == ("SUCCEEDED", 5)
    assert project.ran(seen["run_id"]) == dict.fromkeys(layers(1, 3, 1), 1)
    assert list(elsewhere.iterdir()) == []


def test_the_commands_the_hooks_and_the_job_need_no_extra(bare: Path, tmp_path: Path) -> None:
    """An image for AWS Batch has the plugin without `local`, and Kedro loads all its entry points there."""
    (tmp_path / "program.py").write_text(BARE, encoding="utf-8")

    assert run(bare, tmp_path / "program.py", cwd=tmp_path).splitlines()[-1] == "aws_batch, without moto"
