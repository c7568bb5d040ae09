"""The plugin's files are as readable as the user's umask allows, and secrets only for their owner."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch.files import PRIVATE, USUAL, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
