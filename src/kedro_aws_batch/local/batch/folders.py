"""A folder of its own for each attempt: what an image of the project would hold, and nothing of other jobs.

Copied, since nothing else is the same everywhere: overlays take Linux and a privilege, and what is written into a hard
link in place is written into the project. Folders are used again once they are as they were, for a file that is left
as it is costs a look, and a new one up to a hundred times that. Large files, which jobs hardly change, are linked to.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kedro_aws_batch.files import OWN_FOLDER
from kedro_aws_batch.local.batch.copies import Copy
from kedro_aws_batch.local.batch.ignored import Ignored

#: What no image should hold, whatever .dockerignore says: our own state, versions, other programs' libraries.
_NEVER = frozenset({OWN_FOLDER, ".git", "node_modules"})
#: What stays out of a folder for a project without a .dockerignore: what jobs must not count on.
_USUAL = (".*", "build", "data", "logs", "notebooks")
#: In an image bytecode is compiled anew; here the project's is as good, and goes where its source goes.
_BYTECODE = re.compile(r"(?:^|/)__pycache__(?:/.*)?$")


@dataclass(frozen=True)
class Folder:
    """Where an attempt runs, and what stands in for its container's /tmp."""

    project: Path
    temporary: Path


class Folders:
    """Lends folders to attempts."""

    def __init__(self, project: Path, shared: Sequence[str] = ()) -> None:
        self._project = project.resolve()
        # Where a shared folder holds the project, jobs have nothing of their own.
        places = [Path(os.path.normpath(self._project / path)) for path in shared]
        self._all_shared = any(self._project.is_relative_to(place) for place in places)
        self._shared = [place for place in places if place.is_relative_to(self._project)]
        self._lock = threading.Lock()
        self._made = 0
        self._free: list[Path] = []
        self._copies: dict[Path, Copy] = {}
        #: Removed when the embedded AWS ends, and by the reaper if it can't.
        self.root = Path(tempfile.mkdtemp(prefix="kedro-aws-batch-"))

    @contextmanager
    def folder(self) -> Iterator[Folder]:
        """Have a folder for a while, as new."""
        place = self._take()
        lent = Folder(self._project if self._all_shared else self._copies[place].root, place / "tmp")
        try:
            lent.temporary.mkdir()
            if not self._all_shared:
                self._fill(self._copies[place])
            yield lent
        finally:
            # What a job left running may be writing still.
            shutil.rmtree(lent.temporary, ignore_errors=True)
            self._copies[place].clear()
            with self._lock:
                self._free.append(place)

    def remove(self) -> None:
        """Remove all folders."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _take(self) -> Path:
        with self._lock:
            if self._free:
                return self._free.pop()
            place = self.root / str(self._made)
            self._made += 1
            self._copies[place] = Copy(place / self._project.name)
        place.mkdir()
        return place

    def _fill(self, copy: Copy) -> None:
        own = self._project / ".dockerignore"
        lines = own.read_text(encoding="utf-8").splitlines() if own.is_file() else _USUAL
        shared = {path.relative_to(self._project).as_posix() for path in self._shared}
        copy.fill(self._project, [*_held(self._project, Ignored.read(lines), shared)])
        for path in self._shared:
            path.mkdir(parents=True, exist_ok=True)
            copy.link(path.relative_to(self._project).as_posix(), path)


def _held(project: Path, ignored: Ignored, shared: set[str]) -> Iterator[str]:
    """Yield what an image holds, relative to the project, folders before what is in them."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        for entry in os.scandir(project / folder):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name in _NEVER or path in shared:
                continue
            out = _BYTECODE.sub("", path) in ignored
            if not entry.is_dir(follow_symlinks=False):
                if not out:
                    yield path
            elif (not out or ignored.has_exceptions) and not Path(entry.path, "pyvenv.cfg").exists():
                if not out:
                    yield path
                waiting.append(path)
