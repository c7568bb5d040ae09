"""The outputs of the example's runs, in a form that two runs can be compared by."""

import re
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]

_VERSIONED = re.compile(
    r"(?P<path>(?:.*/)?(?P<name>[^/]+))/(?P<version>\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z)/(?P=name)"
)


def read_outputs(root: str | Path, fs: Any = None) -> dict[str, bytes]:
    """Return the content of every file below the root, by its path without Kedro's versions; the newest counts.

    The root is a path or a URL (``s3://spaceflights``); a given fsspec filesystem is used as it is.
    """
    fs, paths = _list_files(root, fs)
    return {_without_version(path): fs.cat_file(full_path) for path, full_path in sorted(paths.items())}


def list_versions(root: str | Path, fs: Any = None) -> dict[str, list[str]]:
    """Return the versions of every versioned file below the root, oldest first."""
    _, paths = _list_files(root, fs)
    versions: dict[str, list[str]] = {}
    for match in filter(None, map(_VERSIONED.fullmatch, sorted(paths))):
        versions.setdefault(match["path"], []).append(match["version"])
    return versions


def _list_files(root: str | Path, fs: Any) -> tuple[Any, dict[str, str]]:
    """Return the filesystem, and the full path of each file by its path below the root."""
    if fs is None:
        fs, folder = fsspec.core.url_to_fs(str(root))
    else:
        folder = fs._strip_protocol(str(root))
    fs.invalidate_cache()
    return fs, {path[len(folder) :].lstrip("/"): path for path in fs.find(folder)}


def _without_version(path: str) -> str:
    match = _VERSIONED.fullmatch(path)
    return match["path"] if match else path
