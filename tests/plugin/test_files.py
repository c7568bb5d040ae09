"""The plugin's files are as readable as the user's umask allows, and secrets only for their owner."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch.files import PRIVATE, USUAL, file_name, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("mask", "wanted", "file", "folder"),
    [
        (0o022, USUAL, 0o644, 0o755),
        (0o077, USUAL, 0o600, 0o700),
        (0o002, USUAL, 0o664, 0o775),
        (0o000, PRIVATE, 0o600, 0o777),
        (0o022, PRIVATE, 0o600, 0o755),
    ],
)
def test_the_umask_holds_for_files_and_their_folders(
    tmp_path: Path, mask: int, wanted: int, file: int, folder: int
) -> None:
    path = tmp_path / "kept" / "report.html"
    with umask(mask):
        write_atomically(path, b"first", wanted)
        write_atomically(path, b"second", wanted)
    assert (mode(path), mode(path.parent), path.read_bytes()) == (file, folder, b"second")


def test_a_secret_is_nobody_else_s_even_where_the_file_was_readable_before(tmp_path: Path) -> None:
    path = tmp_path / "live.json"
    path.write_text("{}")
    path.chmod(0o666)
    write_atomically(path, b"secret", PRIVATE)
    assert mode(path) == 0o600


def test_what_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, None)  # type: ignore[arg-type]
    assert (list(tmp_path.iterdir()), path.read_bytes()) == ([path], b"old")


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_target_is_written(tmp_path: Path, there: bool) -> None:
    target, link = tmp_path / "elsewhere" / "graph.json", tmp_path / "link.json"
    if there:
        target.parent.mkdir()
        target.write_text("old")
    link.symlink_to("elsewhere/graph.json")
    write_atomically(link, b"new")
    assert (link.is_symlink(), target.read_bytes(), list(target.parent.iterdir())) == (True, b"new", [target])


@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_stays_and_gets_the_content(tmp_path: Path, linked: bool) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomically(link if linked else pipe, b"content")
        assert os.read(reader, 100) == b"content"
    finally:
        os.close(reader)
    assert (stat.S_ISFIFO(pipe.lstat().st_mode), sorted(tmp_path.iterdir())) == (True, [link, pipe])


def test_the_pipe_of_a_process_substitution_is_written() -> None:
    reader, writer = os.pipe()
    try:
        write_atomically(Path(f"/dev/fd/{writer}"), b"content")
        assert os.read(reader, 100) == b"content"
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("most", [80, 200])
@pytest.mark.parametrize("text", ["節" * 90, "x" * 300, "ns.a b/c", "größe"])
def test_a_name_that_somebody_gave_is_one_that_a_file_may_have_while_it_is_written(
    tmp_path: Path, text: str, most: int
) -> None:
    name = file_name(text, most)
    write_atomically(tmp_path / f"0001-{name}.log", b"x")
    assert len(name.encode()) <= most
    assert file_name(f"{text}!", most) != name or len(text) < 80


def test_two_long_names_that_begin_alike_are_two_files() -> None:
    assert file_name("x" * 300 + "a") != file_name("x" * 300 + "b")
