"""A copy of a folder that is updated again and again, at the price of a look at each file."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

#: From so many bytes on a file is linked, since copying it takes some ms.
LINKED_FROM = 8 * 1024 * 1024

#: A mark that changes when a path does; empty if there is nothing.
_Look = tuple[int, ...]


@dataclass
class Copy:
    """A copy, and for each path in it the mark of the source when it was copied, and of the copy right after.

    Between two `fill`s its user may change it freely; then comes `clear`.
    """

    root: Path
    _known: dict[str, tuple[_Look, _Look]] = field(default_factory=dict)

    def fill(self, project: Path, paths: Iterable[str]) -> None:
        """Make the copy hold exactly these paths of a project, as they are now."""
        self.root.mkdir(exist_ok=True)
        wanted = dict.fromkeys(_with_folders(paths))
        if gone := self._known.keys() - wanted.keys():
            self._known = {path: looks for path, looks in self._known.items() if path not in gone}
            self.clear()
        for path in wanted:
            now = _look(project / path)
            if path not in self._known or self._known[path][0] != now:
                self._bring(project / path, path, now)

    def link(self, path: str, target: Path) -> None:
        """Make a path lead to a folder elsewhere, until the next `fill`."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)

    def clear(self) -> None:
        """Remove what was added or changed."""
        if self.root.is_dir():
            left = set(self._as_they_were())
            self._known = {path: looks for path, looks in self._known.items() if path in left}

    def _bring(self, source: Path, path: str, now: _Look) -> None:
        place = self.root / path
        if not (now and stat.S_ISDIR(now[0]) and place.is_dir()):
            _remove(place)
            _copy(source, place)
        self._known[path] = now, _look(place)

    def _as_they_were(self) -> Iterator[str]:
        """Yield the unchanged paths, and remove all others."""
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            try:
                entries = list(os.scandir(self.root / folder))
            except FileNotFoundError:  # the job, or its cleanup, removed it meanwhile
                continue
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if path not in self._known or self._known[path][1] != _look(Path(entry.path)):
                    _remove(Path(entry.path))
                    continue
                yield path
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)


def _with_folders(paths: Iterable[str]) -> Iterator[str]:
    """Yield the paths, each after its folders."""
    for path in paths:
        parts = path.split("/")
        yield from ("/".join(parts[: count + 1]) for count in range(len(parts)))


def _look(path: Path) -> _Look:
    try:
        seen = path.lstat()
    except OSError:
        return ()
    if stat.S_ISDIR(seen.st_mode):  # its times only say that something is in it
        return (seen.st_mode,)
    return seen.st_mode, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def _copy(source: Path, place: Path) -> None:
    if source.is_symlink():
        place.symlink_to(source.readlink())
    elif source.is_dir():
        place.mkdir()
    elif source.is_file():  # no sockets, no pipes
        if source.stat().st_size < LINKED_FROM:
            shutil.copy2(source, place)  # with its time, by which bytecode recognises its source
        else:
            place.symlink_to(source)


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)
