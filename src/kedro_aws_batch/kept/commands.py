"""The commands with a local run in progress: how others reach their embedded AWS, and notice their end.

Each command holds a lock on a file while it lives. However it ends, the kernel frees the lock, so a file that is left
behind never counts as a command.
"""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from kedro_aws_batch.files import PRIVATE

from .place import folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO


@dataclass(frozen=True)
class Live:
    """Where a command's embedded AWS is, and its key."""

    endpoint_url: str
    region: str
    #: The prefix of its functions' names.
    service: str
    access_key_id: str
    secret_access_key: str = field(repr=False)


class Command:
    """A plugin command in progress."""

    def __init__(self, place: Path, file: BinaryIO) -> None:
        self._place = place
        self._file = file
        #: Saved runs name the command that they belong to by this.
        self.name = place.stem
        #: Where the command's graph document is.
        self.graph = place.with_suffix(".graph")

    def reached_at(self, live: Live) -> None:
        """Let the same user's other commands find the embedded AWS, once it has started."""
        self._file.write(json.dumps(asdict(live)).encode())
        self._file.flush()


@contextmanager
def in_progress(project: Path) -> Iterator[Command]:
    """Make this command known to others while it lasts."""
    place = folder(project) / "commands" / f"{uuid.uuid4().hex}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    _clear(place.parent)
    new = place.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        new.rename(place)  # it is already locked when others first see it
        command = Command(place, file)
        try:
            yield command
        finally:
            place.unlink(missing_ok=True)
            command.graph.unlink(missing_ok=True)


def in_progress_now(project: Path) -> dict[str, Live | None]:
    """Return the living commands, and where their embedded AWS is, if it has started."""
    found = {}
    for place in (folder(project) / "commands").glob("*.json"):
        with suppress(FileNotFoundError):  # it has just ended
            if _lives(place):
                found[place.stem] = _read(place)
    return found


def _lives(place: Path) -> bool:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _read(place: Path) -> Live | None:
    try:
        return Live(**json.loads(place.read_bytes()))
    except ValueError:  # it is being written
        return None


def _clear(place: Path) -> None:
    """Remove the files of commands that were killed."""
    for each in place.glob("*.json"):
        with suppress(FileNotFoundError):
            if not _lives(each):
                each.unlink()
                each.with_suffix(".graph").unlink(missing_ok=True)
