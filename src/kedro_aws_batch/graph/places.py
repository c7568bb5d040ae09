"""Where a catalog entry's data lies: every place in it, including those of datasets within it."""

from __future__ import annotations

import hashlib
import hmac
import posixpath
import re
import secrets
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
#: Keys of paths that are some types' own.
_KEYS_OF_TYPES = {"FAISSVectorStoreDataset": ("index_path",), "ExternalTableDataset": ("location",)}
#: Databases within the process that uses them. Their URL names a file, or nothing if they live in memory.
_EMBEDDED_DATABASE = re.compile(r"^(?:sqlite|duckdb)(?:\+\w+)?://(?:/([^?]*))?", re.IGNORECASE)
_EMBEDDED = ("duckdb", "sqlite")
#: Databases that MotherDuck keeps.
_HOSTED = ("md:", "motherduck:")
#: A protocol of one letter is a drive.
_PROTOCOL = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/")
#: The protocols of one store that go by several names.
_ALSO = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfss": "abfs", "az": "abfs"}
#: Their file holds a query, which is code and so part of the image.
READS_CODE = re.compile(r"(?:Query|PolarsDatabase)Dataset$")
#: They keep their tables in a database in memory if their entries name no other.
_IN_MEMORY_BY_DEFAULT = re.compile(r"(?:^|\.)ibis\.(?:\w+\.)?TableDataset$")
#: The keys of an entry with what its reader and writer are told: a path in there isn't the place of the data.
_ARGUMENTS = ("load_args", "save_args", "fs_args", "metadata", "credentials", "validator")
#: The keys of an entry that lead to its table.
_DATABASE_KEYS = ("credentials", "connection", "url", "catalog", "database", "project", "dataset")
_SALT = secrets.token_bytes(16)
#: How the place of a table begins.
TABLE = "table "
#: The ends of the names by which custom types call their paths.
_CALLED_A_PATH = re.compile(r"(?:path|file|filename|dir|directory|folder|location|root)$", re.IGNORECASE)


def without_local_protocol(path: str) -> str:
    """Return a path of this machine without `file://`, by which some write it."""
    return re.sub(r"^(file|local):(//)?(?=/)", "", path, flags=re.IGNORECASE)


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
        path = without_local_protocol(self.path.rpartition("::")[2])
        protocol, separator, rest = path.rpartition("://")
        protocol = _ALSO.get(protocol.lower(), protocol.lower())
        return f"{protocol}{separator}{posixpath.normpath(rest)}"


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
    found = _PROTOCOL.match(path.rpartition("::")[2])
    protocol = found[1].lower() if found else "file"
    if protocol in LOCAL_PROTOCOLS:
        return LOCAL
    return MEMORY if protocol == "memory" else REMOTE


def own_places(type_: str, config: Mapping[str, Any], ground: Ground) -> Iterator[DataPlace]:
    """Yield the entry's own places."""
    for key in (*PATH_KEYS, *_KEYS_OF_TYPES.get(type_.rpartition(".")[2], ())):
        if isinstance(config.get(key), str) and not (key == "filepath" and READS_CODE.search(type_)):
            yield ground.place(key, config[key])
    yield from _databases(type_, config, ground)
    if type_.rpartition(".")[2] == "ChromaDBDataset":
        yield from _chroma(config, ground)


def _databases(type_: str, config: Mapping[str, Any], ground: Ground) -> Iterator[DataPlace]:
    """Yield the embedded databases that an entry names: by a URL, or by a backend and a file."""
    credentials, connection = config.get("credentials"), config.get("connection")
    urls = {f"credentials.{key}": value for key, value in credentials.items()} if isinstance(credentials, dict) else {}
    for key, value in {**urls, "connection": connection}.items():
        if isinstance(value, str) and (url := _EMBEDDED_DATABASE.match(value)):
            yield _database(ground, key, url[1])
    for key, one in (("database", config), ("connection.database", connection)):
        if isinstance(one, dict) and one.get("backend") in _EMBEDDED:
            yield _database(ground, key, one.get("database"))
    if _IN_MEMORY_BY_DEFAULT.search(type_) and not connection and not credentials:
        yield _database(ground, "connection.database", None)


def sql_table_of(type_: str, config: Mapping[str, Any]) -> str | None:
    """Return the table of a database that an entry names, in a form that is equal for the same table.

    It holds a digest of all that leads to the database, of which some is secret: so another process gets another one.
    """
    name = next((config[key] for key in ("table_name", "table") if isinstance(config.get(key), str)), None)
    if name is None or "filepath" in config:  # then the table is how a file is called in a query
        return None
    arguments = [config.get(key) for key in ("load_args", "save_args")]
    schemas = (one.get("schema") for one in (config, *arguments) if isinstance(one, dict))
    where = [config.get(key) for key in _DATABASE_KEYS]
    told = repr([type_.rpartition(".")[0], next(filter(None, schemas), None), where])
    return f"{TABLE}{name} in {hmac.new(_SALT, told.encode(), hashlib.sha256).hexdigest()[:8]}"


def _database(ground: Ground, key: str, file: Any) -> DataPlace:
    """Return the place of an embedded database: a file, or the process if there is none."""
    path = str(file or ":memory:")
    if path.startswith((":memory:", "file::memory:")):
        return DataPlace(key, path, MEMORY)
    return DataPlace(key, path, REMOTE) if path.startswith(_HOSTED) else ground.place(key, path.removeprefix("file:"))


def _chroma(config: Mapping[str, Any], ground: Ground) -> Iterator[DataPlace]:
    kind, settings = config.get("client_type", "ephemeral"), config.get("client_settings") or {}
    if kind == "ephemeral":
        yield DataPlace("client_type", "", MEMORY)
    elif kind == "persistent" and "path" not in settings:
        yield ground.place("client_settings.path", "chroma_db")


def inner_entries(config: Any, prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the datasets within an entry, at any depth, with their keys: those that it wraps, and its checkpoint."""
    each = config.items() if isinstance(config, dict) else enumerate(config)
    for key, value in each:
        if key in _ARGUMENTS or not isinstance(value, (dict, list)):
            continue
        if isinstance(value, dict) and ("type" in value or key == "checkpoint" or _has_a_path(value)):
            yield f"{prefix}{key}", value
        else:
            yield from inner_entries(value, f"{prefix}{key}.")


def _has_a_path(config: Mapping[str, Any]) -> bool:
    """Whether a mapping within an entry names a path, by a key that Kedro makes absolute."""
    paths = (config.get(key) for key in PATH_KEYS)
    return any(isinstance(path, str) and ("/" in path or "." in path) for path in paths)


def unclear(config: Mapping[str, Any], ground: Ground) -> Iterator[str]:
    """Yield the keys of a custom type's entry that may name a place of this machine; only its author knows."""
    for key, value in config.items():
        if key not in (*PATH_KEYS, "type") and isinstance(value, str) and _may_be_local(key, value, ground):
            yield key


def _may_be_local(key: str, value: str, ground: Ground) -> bool:
    if "/" not in value or value.startswith("//") or ground.place(key, value).location != LOCAL:
        return False
    try:
        return bool(_CALLED_A_PATH.search(key)) or (ground.project / value).exists()
    except (OSError, ValueError):  # too long for a path, or with characters that it can't have
        return False


def credentials_within(config: Any) -> Iterator[Any]:
    """Yield the credentials in an entry, at any depth, and what file systems are told besides."""
    if isinstance(config, list):
        config = dict(enumerate(config))
    for key, value in config.items() if isinstance(config, dict) else ():
        if key in ("credentials", "fs_args"):
            yield value
        else:
            yield from credentials_within(value)


def files_of_credentials(config: Any, project: Path, key: str = "") -> Iterator[str]:
    """Yield the keys of credentials that name a file of this machine."""
    if isinstance(config, dict):
        for name, value in config.items():
            yield from files_of_credentials(value, project, f"{key}.{name}" if key else str(name))
    elif isinstance(config, str) and _is_file(config, project):
        yield key


def _is_file(text: str, project: Path) -> bool:
    try:
        return "/" in text and (project / Path(text).expanduser()).is_file()
    except (OSError, ValueError, RuntimeError):  # too long for a path, or with characters that it can't have
        return False
