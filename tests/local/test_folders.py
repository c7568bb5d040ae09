"""Each job has its own folder, with the contents of the image."""

from __future__ import annotations

import ast
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch.local import EmbeddedAws
from kedro_aws_batch.local.batch.copies import LINKED_FROM
from kedro_aws_batch.local.batch.folders import Folders
from kedro_aws_batch.local.batch.ignored import Ignored

from .support import log_of, submit, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def held(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


PROJECT = {
    "pyproject.toml": "",
    "src/demo/nodes.py": "",
    "src/demo/__pycache__/nodes.pyc": "",
    "conf/base/catalog.yml": "",
    "conf/local/credentials.yml": "",
    "data/01_raw/raw.csv": "",
    ".kedro_aws_batch/local/index.json": "",
    ".git/HEAD": "",
    ".env": "",
    "venv/pyvenv.cfg": "",
    "venv/lib/module.py": "",
}


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Folders]:
    made = Folders(write(tmp_path / "project", PROJECT), ["data/shared", "/mnt/efs"])
    yield made
    made.remove()


def test_without_a_dockerignore_a_folder_holds_neither_data_nor_what_is_hidden(folders: Folders) -> None:
    with folders.folder() as folder:
        assert folder.project.name == "project"
        assert held(folder.project) == [
            "conf/base/catalog.yml",
            "conf/local/credentials.yml",
            "pyproject.toml",
            "src/demo/__pycache__/nodes.pyc",
            "src/demo/nodes.py",
        ]


def test_a_dockerignore_says_what_stays_out_but_our_own_state_always_does(folders: Folders, tmp_path: Path) -> None:
    write(tmp_path / "project", {".dockerignore": "# no sources\nsrc\n!src/demo/nodes.py\nconf/*/cred*\n"})
    with folders.folder() as folder:
        assert held(folder.project) == [
            ".dockerignore",
            ".env",
            "conf/base/catalog.yml",
            "data/01_raw/raw.csv",
            "pyproject.toml",
            "src/demo/nodes.py",
        ]


def test_what_one_job_writes_in_place_is_not_there_for_the_next_nor_in_the_project(
    folders: Folders, tmp_path: Path
) -> None:
    nodes = "src/demo/nodes.py"
    with folders.folder() as one, folders.folder() as other:
        (one.project / nodes).write_text("changed", encoding="utf-8")
        (one.project / "data").mkdir(exist_ok=True)
        (one.project / "data/left.txt").touch()
        assert ((other.project / nodes).read_text(), (other.project / "data/left.txt").exists()) == ("", False)
    with folders.folder() as again:
        assert again.project in {one.project, other.project}
        assert ((again.project / nodes).read_text(), held(again.project)) == ("", held(other.project))
    assert (tmp_path / "project" / nodes).read_text() == ""
    assert not (tmp_path / "project/data/left.txt").exists()


def test_a_folder_that_is_used_again_is_as_new_whatever_was_done_to_it(folders: Folders, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "src/link").symlink_to("demo/nodes.py")
    (project / "src/old.py").touch()
    with folders.folder() as first:
        whole = held(first.project)
        times = (first.project / "pyproject.toml").stat()
        (first.project / "pyproject.toml").write_text("")
        os.utime(first.project / "pyproject.toml", ns=(times.st_atime_ns, times.st_mtime_ns))
        (first.project / "conf/base/catalog.yml").chmod(0o444)
        shutil.rmtree(first.project / "src/demo")
        (first.project / "src/demo").symlink_to("/")
        (first.project / "src/link").unlink()
        (first.project / "added/deep").mkdir(parents=True)
        (first.project / "added/deep/file").touch()
        (first.temporary / "left").touch()
    (project / "src/old.py").unlink()
    (project / "src/demo/nodes.py").write_text("newer")
    with folders.folder() as again:
        assert again == first
        assert held(again.project) == [path for path in whole if path != "src/old.py"]
        assert (again.project / "src/demo/nodes.py").read_text() == "newer"
        assert (again.project / "conf/base/catalog.yml").stat().st_mode & 0o200
        assert not (again.project / "added").exists()
        assert held(again.temporary) == []
    assert held(project / "src/demo") == ["__pycache__/nodes.pyc", "nodes.py"]


def test_shared_folders_are_seen_by_all(folders: Folders, tmp_path: Path) -> None:
    with folders.folder() as one:
        (one.project / "data/shared/passed.txt").write_text("on", encoding="utf-8")
    with folders.folder() as other:
        assert (other.project / "data/shared/passed.txt").read_text(encoding="utf-8") == "on"
    assert (tmp_path / "project/data/shared/passed.txt").exists()


@pytest.mark.parametrize("shared", [".", "..", "/"])
def test_a_shared_folder_that_holds_the_project_leaves_jobs_in_it(tmp_path: Path, shared: str) -> None:
    folders = Folders(tmp_path, [shared])
    with folders.folder() as folder:
        assert folder.project == tmp_path.resolve()
    assert tmp_path.exists()
    folders.remove()


def test_large_files_are_linked_to_and_bytecode_stays_younger_than_its_source(folders: Folders, tmp_path: Path) -> None:
    project = tmp_path / "project"
    with (project / "src/model.bin").open("wb") as file:
        file.truncate(LINKED_FROM)
    os.utime(project / "src/demo/nodes.py", (1_000, 1_000))
    with folders.folder() as folder:
        assert (folder.project / "src/model.bin").is_symlink()
        assert (folder.project / "src/model.bin").stat().st_size == LINKED_FROM
        assert (folder.project / "src/demo/nodes.py").stat().st_mtime == 1_000


def test_links_are_kept_as_an_image_keeps_them(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "project/src/link").symlink_to("demo/nodes.py")
    with folders.folder() as folder:
        assert (folder.project / "src/link").readlink() == Path("demo/nodes.py")


@pytest.mark.parametrize(
    ("line", "inside", "outside"),
    [
        ("data", ["src/data", "database"], ["data", "data/a/b"]),
        ("**/data", ["database"], ["data", "src/data", "src/data/a"]),
        ("*.zip", ["src/a.zip"], ["a.zip"]),
        ("**/*.zip", [], ["a.zip", "src/a.zip"]),
        (".*", ["src/.env"], [".git", ".git/HEAD"]),
        ("conf/?ocal/", ["conf/x/local"], ["conf/local", "conf/local/a"]),
        ("a[bc]", ["ad"], ["ab", "ac/d"]),
        ("/src/**/cache", ["src"], ["src/cache", "src/a/b/cache"]),
        (r"a\*", ["ab"], ["a*"]),
    ],
)
def test_the_lines_of_a_dockerignore_mean_what_docker_says(line: str, inside: list[str], outside: list[str]) -> None:
    ignored = Ignored.read(["", "# comment", line])
    assert [path for path in inside + outside if path in ignored] == outside


def test_the_last_line_that_matches_decides() -> None:
    ignored = Ignored.read(["*", "!src", "src/private"])
    assert [path in ignored for path in ("data", "src/demo", "src/private/a")] == [True, False, True]


def test_a_job_finds_the_project_and_nothing_of_the_job_before_it(tmp_path: Path) -> None:
    project = write(tmp_path / "demo", {"hello.py": "print('hello')"})
    source = "import hello, os, tempfile; open('left.txt', 'w'); print(os.listdir()); print(tempfile.mkdtemp())"
    with EmbeddedAws(jobs_cwd=project) as aws:
        logs = [log_of(aws, wait_for(aws, submit(aws, ["python", "-c", source]))) for _ in range(2)]
    assert [{*ast.literal_eval(lines[1])} - {"__pycache__"} for lines in logs] == [{"hello.py", "left.txt"}] * 2
    assert not any(Path(lines[2]).parents[2].exists() for lines in logs)
    assert held(project) == ["hello.py"]
