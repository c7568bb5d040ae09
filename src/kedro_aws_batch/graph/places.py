"""Where a catalog entry's data lies: every place in it, including those of datasets within it."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from .runtime_params import begins_with_stand_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REMOTE, LOCAL, MEMORY = "remote", "local", "memory"
LOCAL_PROTOCOLS = ("file", "local")
#: The keys with a dataset's path: those that Kedro's context makes absolute.
PATH_KEYS = ("filepath", "path", "filename")
EMBEDDED_DATABASE = re.compile(r"^(?:sqlite|duckdb)(?:\+\w+)?:///([^?]+)")
#: A protocol of one letter is a drive.
_PROTOCOL = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/")
#: Their file holds a query, which is code and so part of the image.
_READS_CODE = re.compile(r"QueryDataset$")


def without_local_protocol(path: str) -> str:
    """Return a path of this machine without `file://`, by which some write it."""
    return re.sub(r"^(file|local)://", "", path)


@dataclass(frozen=True)
class DataPlace:
    """A place in an entry."""

    #: The key in the entry, with dots: `filepath`, `dataset.filepath`, `checkpoint.filepath`, `credentials.con`.
    key: str
    path: str
    location: str

    @property
    def is_secret(self) -> bool:
        """Whether it came from credentials, which are never shown."""
        return self.key.rpartition(".")[0].endswith("credentials")

    @property
    def normal(self) -> str:
        """Return the path in a form that is equal for the same place: one protocol for S3, no superfluous slashes."""
        path = self.path.rpartition("::")[2]
        protocol, separator, rest = path.rpartition("://")
        protocol = re.sub(r"^s3[an]$", "s3", protocol)
        rest = posixpath.normpath(rest)
        return rest if protocol in ("", *LOCAL_PROTOCOLS) else f"{protocol}{separator}{rest}"


@dataclass(frozen=True)
class Ground:
    """What paths are relative to: the project, and the folders that every job sees."""

    project: Path = Path()
    shared_paths: tuple[str, ...] = ()

    def place(self, key: str, path: str) -> DataPlace:
        """Return the place that a path leads to.

        A folder that every job sees counts as remote. So does a path that begins with a runtime parameter that nobody
        has given: it may lead anywhere, though Kedro took the parameter's name for a folder of the project.
        """
        location = where_it_leads(path)
        if location != LOCAL:
            return DataPlace(key, path, location)
        unknown = path.removeprefix(f"{self.project.as_posix()}/")
        if begins_with_stand_in(unknown):
            return DataPlace(key, unknown, REMOTE)
        absolute = self.project / without_local_protocol(path)
        shared = (PurePosixPath((self.project / folder).as_posix()) for folder in self.shared_paths)
        seen = any(PurePosixPath(absolute.as_posix()).is_relative_to(folder) for folder in shared)
        return DataPlace(key, path, REMOTE if seen else LOCAL)


def where_it_leads(path: str) -> str:
    """Return where a path leads: `dbfs:/…` and `s3://…` elsewhere, `C:/…` and `/mnt/…` to this machine.

    In a chain, `simplecache::s3://…`, the last link says where the data lies.
    """
    protocol = _PROTOCOL.match(path.rpartition("::")[2])
    if protocol is None or protocol[1] in LOCAL_PROTOCOLS:
        return LOCAL
    return MEMORY if protocol[1] == "memory" else REMOTE


def own_places(type_: str, config: Mapping[str, Any], ground: Ground) -> Iterator[DataPlace]:
    """Yield the entry's own places."""
    for key in PATH_KEYS:
        if isinstance(config.get(key), str) and not (key == "filepath" and _READS_CODE.search(type_)):
            yield ground.place(key, config[key])
    credentials = config.get("credentials")
    if isinstance(credentials, dict):
        for key, value in credentials.items():
            if isinstance(value, str) and (database := EMBEDDED_DATABASE.match(value)):
                yield ground.place(f"credentials.{key}", database[1])
    connection = config.get("connection")
    if isinstance(connection, dict) and connection.get("backend") in ("duckdb", "sqlite"):
        yield ground.place("connection.database", str(connection.get("database", "")))
    elif isinstance(connection, str) and (database := EMBEDDED_DATABASE.match(connection)):
        yield ground.place("connection", database[1])


def inner_entries(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the datasets within an entry, with their keys: the one that it wraps, and its checkpoint."""
    for key, value in config.items():
        if isinstance(value, dict) and ("type" in value or key == "checkpoint"):
            yield key, value
        elif isinstance(value, list):
            yield from ((f"{key}.{at}", one) for at, one in enumerate(value) if isinstance(one, dict) and "type" in one)


def files_of_credentials(config: Any, project: Path, key: str = "") -> Iterator[str]:
    """Yield the keys of credentials that name a file of this machine."""
    if isinstance(config, dict):
        for name, value in config.items():
            yield from files_of_credentials(value, project, f"{key}.{name}" if key else str(name))
    elif isinstance(config, str) and _is_file(config, project):
        yield key


def _is_file(text: str, project: Path) -> bool:
    try:
        return "/" in text and (project / text).is_file()
    except (OSError, ValueError):  # too long for a path, or with characters that it can't have
        return False
