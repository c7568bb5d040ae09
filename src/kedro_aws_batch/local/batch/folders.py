"""A separate folder for each attempt: the contents of the project's image, and nothing of other jobs.

It is a copy, since nothing else works the same everywhere: overlays need Linux and a privilege, and writing into a hard
link writes into the project. A folder is used again after its changes are undone: an unchanged file costs only a look,
a new one up to a hundred times that. Large files, which jobs hardly ever change, are links.
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

#: What no image should have, whatever .dockerignore says: our own state, versions, other programs' libraries.
_NEVER = frozenset({OWN_FOLDER, ".git", "node_modules"})
#: What a folder leaves out if the project has no .dockerignore: jobs must not rely on these.
_USUAL = (".*", "build", "data", "logs", "notebooks")
#: Bytecode. An image compiles it itself; here the project's is as good, and goes where its source goes.
_BYTECODE = re.compile(r"(?:^|/)__pycache__(?:/.*)?$")


@dataclass(frozen=True)
class Folder:
    """Where an attempt runs, and its replacement for a container's /tmp."""

    project: Path
    temporary: Path


class Folders:
    """Lends folders to attempts."""

    def __init__(self, project: Path, shared: Sequence[str] = ()) -> None:
        self._project = project.resolve()
        # If a shared folder contains the project, jobs have no folder of their own.
        places = [Path(os.path.normpath(self._project / path)) for path in shared]
        self._all_shared = any(self._project.is_relative_to(place) for place in places)
        self._shared = [place for place in places if place.is_relative_to(self._project)]
        self._lock = threading.Lock()
        self._made = 0
        self._free: list[Path] = []
        self._copies: dict[Path, Copy] = {}
        #: Removed when the embedded AWS ends, or by the reaper if it can't.
        self.root = Path(tempfile.mkdtemp(prefix="kedro-aws-batch-"))

    @contextmanager
    def folder(self) -> Iterator[Folder]:
        """Lend a folder, as new."""
        place = self._take()
        lent = Folder(self._project if self._all_shared else self._copies[place].root, place / "tmp")
        try:
            lent.temporary.mkdir()
            if not self._all_shared:
                self._fill(self._copies[place])
            yield lent
        finally:
            # Processes that a job left running may still be writing.
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
    """Yield the paths in an image, relative to the project, folders before their contents."""
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
