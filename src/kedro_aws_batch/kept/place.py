"""Where a project's local runs save their state, and who may change it."""

from __future__ import annotations

import errno
import fcntl
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kedro_aws_batch.files import OWN_FOLDER, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = f"{OWN_FOLDER}/local"


def folder(project: Path) -> Path:
    """Return the folder of a project's saved local state."""
    return project / FOLDER


def require_there(project: Path) -> None:
    """Raise FileNotFoundError if a project was moved or deleted: a new folder in its old place would help nobody."""
    if not project.is_dir():
        raise FileNotFoundError(errno.ENOENT, "the project is not there any more", str(project))


@contextmanager
def locked(project: Path) -> Iterator[Path]:
    """Give the folder to one command at a time; the kernel frees the lock of a killed one."""
    require_there(project)
    place = folder(project)
    if not (place / ".gitignore").is_file():
        write_atomically(place / ".gitignore", b"*\n")
    with (place / "lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield place


def forget(project: Path) -> None:
    """Start from nothing."""
    with locked(project) as place:
        for each in place.iterdir():
            if each.is_dir():
                shutil.rmtree(each)
            elif each.name not in ("lock", ".gitignore"):
                each.unlink()
