"""The versions that a job saves and loads: its run's, and those that existed when the run began.

Kedro decides once per process what is newest, and makes up a version if it is given none. A run in many processes
has to decide the same in each of them, whoever saves what meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

from kedro.io import AbstractVersionedDataset, core
from kedro.io.core import VersionNotFoundError

from kedro_aws_batch._service.dag.jobs import is_run_id
from kedro_aws_batch.moment import Moment

#: The keys for the last write in file systems' information: this machine's, S3's, Azure's and Google's.
_WRITTEN_AT = ("mtime", "LastModified", "last_modified", "updated")


@dataclass(frozen=True)
class AsOf:
    """The versions that existed when a run began."""

    run_id: str

    @cached_property
    def began(self) -> datetime:
        """Return when the run began."""
        return Moment(self.run_id).utc

    def names(self, version: str) -> bool:
        """Whether a version's name may be from before; the run's own and names that are not timestamps count."""
        return not is_run_id(version) or version <= self.run_id

    def holds(self, version: str, written: datetime | None) -> bool:
        """Whether a version, last written at this moment if known, is the run's own or from before.

        The name alone isn't enough: a run that began earlier may save its version during this one.
        """
        return version == self.run_id or (self.names(version) and (written is None or written <= self.began))


def save_as(run_id: str) -> None:
    """Make this process save as the run's version if Kedro is told none, for example in wrapped datasets."""
    core.generate_timestamp = lambda: run_id


def load_as_of(run_id: str) -> None:
    """Make this process load, as the newest version of a dataset, the newest that existed when the run began."""
    as_of = AsOf(run_id)
    before = AbstractVersionedDataset._fetch_latest_load_version  # noqa: SLF001  (there is no public door)

    def _fetch_latest_load_version(self: Any) -> str:
        glob = self._glob_function
        self._glob_function = lambda pattern: _newest(self, glob(pattern), as_of)
        try:
            return before(self)
        except VersionNotFoundError as error:
            raise VersionNotFoundError(f"{error}: none had been saved when run {run_id} began") from error
        finally:
            self._glob_function = glob

    _replace("_fetch_latest_load_version", _fetch_latest_load_version)


def overwrite_own_version(run_id: str) -> None:
    """Let datasets of this process overwrite this run's version: an earlier attempt may have written some of it."""
    before = AbstractVersionedDataset._get_save_path  # noqa: SLF001

    def _get_save_path(self: Any) -> Any:
        if not self._version or self.resolve_save_version() != run_id:
            return before(self)
        path = self._get_versioned_path(run_id)
        _remove_folder(self, str(path))
        return path

    _replace("_get_save_path", _get_save_path)


def list_as_of(partitioned: Any, run_id: str) -> None:
    """Make a PartitionedDataset of versioned partitions leave out partitions that have only later versions."""
    as_of, listed = AsOf(run_id), partitioned._list_partitions  # noqa: SLF001

    def _list_partitions() -> list[str]:
        found = partitioned._filesystem.find(partitioned._normalized_path, detail=True)  # noqa: SLF001
        held = {
            _folder_of_versions(path) for path, info in found.items() if as_of.holds(_version(path), written_at(info))
        }
        return [partition for partition in listed() if partition in held]

    partitioned._list_partitions = _list_partitions  # noqa: SLF001


def _replace(method: str, function: Any) -> None:
    setattr(AbstractVersionedDataset, method, function)  # mypy knows it as a method


def _newest(dataset: Any, paths: Iterable[str], as_of: AsOf) -> Iterator[str]:
    """Yield the path of the newest earlier version, if there is one, with as few requests as possible."""
    exists = dataset._exists_function  # noqa: SLF001
    for path in sorted(paths, reverse=True):
        version = _version(path)
        own = version == as_of.run_id
        if exists(path) if own else as_of.names(version) and as_of.holds(version, _last_written(dataset, path)):
            yield path
            return


def _version(path: str) -> str:
    return PurePath(path).parent.name


def _folder_of_versions(path: str) -> str:
    return str(path).rsplit("/", 2)[0]


def _last_written(dataset: Any, path: str) -> datetime | None:
    """Return when a version was last written; for a folder, the last of its files."""
    filesystem = getattr(dataset, "_fs", None)
    if filesystem is None:
        return written_at({"mtime": Path(path).stat().st_mtime}) if Path(path).is_file() else None
    info = filesystem.info(path)
    if info.get("type") != "directory":
        return written_at(info)
    moments = [written_at(one) for one in filesystem.find(path, detail=True).values()]
    return max((moment for moment in moments if moment is not None), default=None)


def written_at(info: Mapping[str, Any]) -> datetime | None:
    """Return when a file was last written, if its file system says so; S3 does in whole seconds, rounded down."""
    found = next((info[key] for key in _WRITTEN_AT if info.get(key)), None)
    if isinstance(found, (int, float)):
        return datetime.fromtimestamp(found, timezone.utc)
    if isinstance(found, str):
        found = datetime.fromisoformat(found.replace("Z", "+00:00"))
    if not isinstance(found, datetime):
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _remove_folder(dataset: Any, path: str) -> None:
    """Remove an earlier attempt's dataset if it is a folder; a file is simply overwritten."""
    filesystem = getattr(dataset, "_fs", None)
    if filesystem is not None and filesystem.isdir(path) and PurePath(path).name:
        filesystem.rm(path, recursive=True)
