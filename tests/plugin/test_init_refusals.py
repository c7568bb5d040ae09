"""What `init` refuses before it writes anything, and what it says if it can't write all."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch import scaffold
from kedro_aws_batch.files import write_atomically

from .commands import call
from .project import Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[Sources], Path]

ARGUMENTS = 'CONFIG_LOADER_ARGS = {{"base_env": "{}", "default_run_env": "{}"}}\n'
LOCAL = "is the environment of this machine, in which a plain `kedro run` runs."
BASE = "is the base, from which all environments take what they don't have."


def project_of(make_project: Make, base: str = "base", usual: str = "local") -> Path:
    catalog = {"raw": pickled("data/raw.pkl")}
    return make_project(Sources(base_catalog=catalog, settings=ARGUMENTS.format(base, usual)))


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/x", "a b", "-x", "a\nb", "$HOME", "größe"])
def test_an_environment_is_a_plain_folder(make_project: Make, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    project = project_of(make_project)
    before = files_in(project.parent)
    monkeypatch.chdir(project)
    result = call("init", f"--env={name}")
    assert result.stderr == (
        f"Error: '{name}' can't be an environment, whose name is that of its folder in conf. Take letters, digits, "
        "'.', '_' and '-', and begin with a letter or a digit, as in --env=aws_batch or --env=prod.\n"
    )
    assert (result.exit_code, files_in(project.parent)) == (1, before)


@pytest.mark.parametrize(
    ("base", "usual", "name", "why"),
    [
        ("base", "local", "base", BASE),
        ("common", "local", "common", BASE),
        ("base", "base", "base", BASE),
        ("base", "local", "local", LOCAL),
        ("base", "dev", "dev", LOCAL),
        ("base", "base", "local", LOCAL),
    ],
)
def test_the_base_and_the_environment_of_this_machine_stay_what_they_are(
    make_project: Make, monkeypatch: pytest.MonkeyPatch, base: str, usual: str, name: str, why: str
) -> None:
    project = project_of(make_project, base, usual)
    before = files_in(project)
    monkeypatch.chdir(project)
    result = call("init", f"--env={name}", "--force")
    assert result.stderr == f"Error: '{name}' {why} Make one for AWS Batch, as in --env=aws_batch or --env=prod.\n"
    assert (result.exit_code, files_in(project)) == (1, before)


def test_a_project_may_run_in_ours_by_default(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_of(make_project, usual="aws_batch")
    monkeypatch.chdir(project)
    assert call("init", "--force").exit_code == 0
    assert "s3://" in (project / "conf/aws_batch/catalog.yml").read_text(encoding="utf-8")


def test_what_was_written_is_said_if_the_rest_can_t_be(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_in_conf(path: Path, content: bytes) -> None:
        if "conf" not in path.parts:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        write_atomically(path, content)

    project = project_of(make_project)
    before = files_in(project)
    monkeypatch.chdir(project)
    monkeypatch.setattr(scaffold, "write_atomically", write_in_conf)
    result = call("init", "--force")
    said = [f"conf/aws_batch/{name}.yml" for name in ("catalog", "parameters", "schedules")]
    assert (result.exit_code, result.stdout.splitlines()) == (1, [f"wrote {name}" for name in said])
    assert result.stderr.startswith(f"Error: '{project / 'serverless.yml'}' can't be written or read: ")
    assert files_in(project) == before | set(said)
