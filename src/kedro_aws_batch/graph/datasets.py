"""What a catalog entry is, read from its configuration: nothing is instantiated, and no secret leaves this module."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.quiet import silent

from .runtime_params import begins_with_stand_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .project import Project

REMOTE, LOCAL, MEMORY = "remote", "local", "memory"
MEMORY_TYPES = ("MemoryDataset", "SharedMemoryDataset")
LOCAL_PROTOCOLS = ("file", "local")
EMBEDDED_DATABASES = re.compile(r"^(sqlite|duckdb)(\+\w+)?:///")


@dataclass(frozen=True)
class Dataset:
    """What the plugin knows of a dataset: its type, where its data lives, whether it keeps versions."""

    type: str
    location: str
    versioned: bool
    #: Where its file or folder is, protocol included; None for what has no path.
    path: str | None = None


def describe(project: Project, name: str, shared_paths: tuple[str, ...] = ()) -> Dataset:
    """Return what the dataset of this name is in the project's catalog; one without an entry lives in memory."""
    instance = getattr(project.catalog, "_datasets", {}).get(name)
    if instance is not None:  # added by a hook
        return _placed(_of_instance(instance), project.path, shared_paths)
    return _placed(of_config(entry(project.catalog, name)), project.path, shared_paths)


def entry(catalog: Any, name: str) -> Mapping[str, Any]:
    """Return the configuration of a dataset, patterns resolved. It may hold secrets."""
    found: Mapping[str, Any]
    lazy = getattr(catalog, "_lazy_datasets", {}).get(name)
    if lazy is not None:
        found = lazy.config
    else:
        with silent("kedro.io.catalog_config_resolver"):  # which warns of each name that a catch-all pattern takes
            found = catalog.config_resolver.resolve_pattern(name)
    return found


def bucket_of(dataset: Dataset) -> str | None:
    """Return the S3 bucket that a dataset's path is in, if it is in any."""
    match = re.match(r"s3[an]?://([^/${}<>]+)(?=/|$)", dataset.path or "")
    return match[1] if match else None


def of_config(config: Mapping[str, Any]) -> Dataset:
    """Return what a dataset of this configuration is."""
    type_ = _type_name(config.get("type", "MemoryDataset"))
    versioned = bool(config.get("versioned")) or bool(getattr(_own_class(config), "versioned", False))
    inner = config.get("dataset")
    if type_.rpartition(".")[2] == "CachedDataset" and isinstance(inner, dict):  # it persists, whatever Kedro says
        found = of_config(inner)
        return Dataset(type_, found.location, versioned or found.versioned, found.path)
    if isinstance(inner, dict) and "path" in config:  # a PartitionedDataset, whose partitions may be versioned
        versioned = versioned or bool(inner.get("versioned"))
    if _in_memory(type_, config):
        return Dataset(type_, MEMORY, versioned=False)
    path = next((config[key] for key in ("filepath", "path") if isinstance(config.get(key), str)), None)
    location = _location(path) if path else _location_of_connection(config)
    return Dataset(type_, location, versioned, path)


def _of_instance(dataset: Any) -> Dataset:
    type_ = f"{type(dataset).__module__}.{type(dataset).__qualname__}"
    inner = getattr(dataset, "_dataset", None)
    if type_.rpartition(".")[2] == "CachedDataset" and inner is not None:
        found = _of_instance(inner)
        return Dataset(type_, found.location, found.versioned, found.path)
    if getattr(dataset, "_EPHEMERAL", False):
        return Dataset(type_, MEMORY, versioned=False)
    path = getattr(dataset, "_filepath", None) or getattr(dataset, "_path", None)
    protocol = getattr(dataset, "_protocol", "file")
    if path is None:
        return Dataset(type_, REMOTE, versioned=False)
    full = str(path) if protocol in LOCAL_PROTOCOLS or "://" in str(path) else f"{protocol}://{path}"
    return Dataset(type_, _location(full), bool(getattr(dataset, "_version", None)), full)


def _type_name(type_: Any) -> str:
    return type_ if isinstance(type_, str) else f"{type_.__module__}.{type_.__qualname__}"


def _in_memory(type_: str, config: Mapping[str, Any]) -> bool:
    if type_.rpartition(".")[2] in MEMORY_TYPES:
        return True
    return any(base.__name__ in MEMORY_TYPES for base in getattr(_own_class(config), "__mro__", ()))


def _own_class(config: Mapping[str, Any]) -> type | None:
    """Return the class of a dataset type that is a project's own: Kedro's are known, and slow to import."""
    type_ = config.get("type")
    if isinstance(type_, type):
        return type_
    module, _, name = str(type_ or "").rpartition(".")
    if not module or module.partition(".")[0] in {"kedro", "kedro_datasets", "io", *_families()}:
        return None
    try:
        found = getattr(importlib.import_module(module), name, None)
    except Exception:  # noqa: BLE001  (anything may happen in there; `check` reports it)
        return None
    return found if isinstance(found, type) else None


@cache
def _families() -> frozenset[str]:
    """Return the first parts of kedro-datasets' short type names: `pandas` in `pandas.CSVDataset`."""
    spec = find_spec("kedro_datasets")
    folders = spec.submodule_search_locations or [] if spec else []
    return frozenset(child.name for folder in folders for child in Path(folder).iterdir() if child.is_dir())


def _location(path: str) -> str:
    """Return where a path leads: `dbfs:/…` and `s3://…` elsewhere, `C:/…` and `/mnt/…` to this machine."""
    protocol = re.match(r"^([A-Za-z][A-Za-z0-9+.-]+):/", path)
    if protocol is None or protocol[1] in LOCAL_PROTOCOLS:
        return LOCAL
    return MEMORY if protocol[1] == "memory" else REMOTE


def _location_of_connection(config: Mapping[str, Any]) -> str:
    """Return `local` for a database that is a file of this machine, else `remote`: SQL, APIs, and the like."""
    credentials = config.get("credentials")
    connection = credentials.get("con") if isinstance(credentials, dict) else None
    if isinstance(connection, str) and EMBEDDED_DATABASES.match(connection):
        return LOCAL
    backend = config.get("connection")
    if isinstance(backend, dict) and backend.get("backend") in ("duckdb", "sqlite"):
        return _location(str(backend.get("database", "")))
    return REMOTE


def _placed(dataset: Dataset, project: Path, shared_paths: tuple[str, ...]) -> Dataset:
    """Count a local path as remote where it lies in a folder that every job sees.

    So does one that begins with a runtime parameter that nobody has given: it may be anywhere, and Kedro took its name
    for a folder of the project.
    """
    if dataset.location != LOCAL or dataset.path is None:
        return dataset
    path = re.sub(r"^(file|local)://", "", dataset.path)
    unknown = path.removeprefix(f"{project.as_posix()}/")
    if begins_with_stand_in(unknown):
        return replace(dataset, location=REMOTE, path=unknown)
    if any(PurePosixPath(path).is_relative_to((project / folder).as_posix()) for folder in shared_paths):
        return replace(dataset, location=REMOTE)
    return dataset
