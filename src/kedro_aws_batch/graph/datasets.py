"""Dataset types and places, read from catalog entries: nothing is instantiated, and no secret leaves this module."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset, MemoryDataset

from kedro_aws_batch.quiet import silent

from .places import (
    LOCAL,
    LOCAL_PROTOCOLS,
    MEMORY,
    REMOTE,
    DataPlace,
    Ground,
    inner_entries,
    own_places,
    sql_table_of,
    unclear,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from .project import Project

MEMORY_TYPES = ("MemoryDataset", "SharedMemoryDataset")
#: These hold one or more files for each id.
PARTITIONED_TYPES = ("PartitionedDataset", "IncrementalDataset")
#: Such a dataset writes a file on its own machine and sends it to the tracking server; other jobs find it only there.
_SENDS_ITS_FILE = "MlflowArtifactDataset"


@dataclass(frozen=True)
class CatalogDataset:
    """A dataset's type, where its data lives, and whether it keeps versions."""

    type: str
    location: str
    versioned: bool
    #: Every place in its entry.
    places: tuple[DataPlace, ...] = ()
    #: Whether the place of its data is known: an unknown type may put it anywhere.
    seen: bool = True
    #: The keys that may name a place of this machine; only the author of its type knows.
    unclear: tuple[str, ...] = ()
    #: Its table of a database, if it is one.
    table: str | None = None
    #: What happens to its partitions when others are saved: `kept` or `overwritten`; None if it has none.
    partitions: str | None = None

    @property
    def place(self) -> DataPlace | None:
        """Return the place that decides where it lives: one on this machine, if there is any; else its own."""
        here = (place for place in self.places if place.location == LOCAL)
        return next(here, self.places[0] if self.places else None)

    @property
    def path(self) -> str | None:
        """Return the path of that place, protocol included; None if it has no path."""
        return None if self.place is None or self.place.is_secret else self.place.path


def dataset_of(project: Project, name: str, shared_paths: tuple[str, ...] = ()) -> CatalogDataset:
    """Return a dataset of the project's catalog by its name; without an entry it lives in memory."""
    ground = Ground(project.path, shared_paths)
    instance = getattr(project.catalog, "_datasets", {}).get(name)
    if instance is not None:  # added by a hook
        return of_instance(instance, ground)
    return of_config(entry(project.catalog, name), ground)


def entry(catalog: Any, name: str) -> Mapping[str, Any]:
    """Return the configuration of a dataset, with patterns resolved. It may hold secrets."""
    found: Mapping[str, Any]
    lazy = getattr(catalog, "_lazy_datasets", {}).get(name)
    if lazy is not None:
        found = lazy.config
    else:
        with silent("kedro.io.catalog_config_resolver"):  # it warns of each name that a catch-all pattern matches
            found = catalog.config_resolver.resolve_pattern(name)
    return found


def buckets_of(dataset: CatalogDataset) -> set[str]:
    """Return the S3 buckets of a dataset's places."""
    paths = (place.path.rpartition("::")[2] for place in dataset.places if not place.is_secret)
    return {match[1] for path in paths if (match := re.match(r"s3[an]?://([^/${}<>]+)(?=/|$)", path))}


def of_config(config: Mapping[str, Any], ground: Ground | None = None) -> CatalogDataset:
    """Return the dataset of this configuration, including all that it wraps."""
    ground = ground or Ground()
    type_ = type_name(config.get("type", "MemoryDataset"))
    if _in_memory(type_, config):
        return CatalogDataset(type_, MEMORY, versioned=False)
    own = tuple(own_places(type_, config, ground))
    inner = {key: of_config({"type": "text.TextDataset", **each}, ground) for key, each in inner_entries(config)}
    within = tuple(replace(place, key=f"{key}.{place.key}") for key, each in inner.items() for place in each.places)
    class_ = _own_class(config)
    may_be_places = tuple(unclear(config, ground)) if class_ else ()
    versioned = bool(config.get("versioned")) or bool(getattr(class_, "versioned", False))
    return CatalogDataset(
        type=type_,
        location=_location(type_, config, own, inner.values()),
        versioned=versioned or any(each.versioned for each in inner.values()),
        places=own + within,
        seen=(bool(own or within) or class_ is None) and not may_be_places,
        unclear=may_be_places,
        table=sql_table_of(type_, config),
        partitions=_partitions(_names(type_, class_), bool(config.get("overwrite"))),
    )


def _names(type_: str, class_: type | None) -> set[str]:
    """Return the names of a type and of its base classes, as far as known."""
    return {type_.rpartition(".")[2], *(base.__name__ for base in getattr(class_, "__mro__", ()))}


def _partitions(names: Collection[str], overwrite: bool) -> str | None:
    if not any(name in names for name in PARTITIONED_TYPES):
        return None
    return "overwritten" if overwrite else "kept"


def _location(
    type_: str, config: Mapping[str, Any], own: Sequence[DataPlace], inner: Collection[CatalogDataset]
) -> str:
    """Return where a dataset lives: on this machine if any part of it does, else where its own path leads."""
    locations = [place.location for place in own] + [each.location for each in inner if each.places or not own]
    if type_.rpartition(".")[2] == _SENDS_ITS_FILE and LOCAL in locations:
        return REMOTE if config.get("run_id") else MEMORY
    if LOCAL in locations:
        return LOCAL
    return locations[0] if locations else REMOTE


def of_instance(dataset: Any, ground: Ground) -> CatalogDataset:
    """Return a dataset that a hook made, including all that it wraps."""
    type_ = f"{type(dataset).__module__}.{type(dataset).__qualname__}"
    if isinstance(dataset, MemoryDataset):
        held = dataset.exists()  # as in every process whose catalog it is put in
        return CatalogDataset(type_, REMOTE if held else MEMORY, versioned=False)
    inner = {key: of_instance(each, ground) for key, each in _inner_instances(dataset)}
    checkpoint = getattr(dataset, "_checkpoint_config", None)
    if isinstance(checkpoint, dict):
        inner["checkpoint"] = of_config({"type": "text.TextDataset", **checkpoint}, ground)
    own = tuple(_own_place(dataset, ground))
    within = tuple(replace(place, key=f"{key}.{place.key}") for key, each in inner.items() for place in each.places)
    known = not getattr(dataset, "_EPHEMERAL", False) or bool(inner)
    return CatalogDataset(
        type=type_,
        location=_location(type_, {}, own, inner.values()) if known else MEMORY,
        versioned=bool(getattr(dataset, "_version", None)) or any(each.versioned for each in inner.values()),
        places=own + within,
        seen=bool(own or within) or not known,
        partitions=_partitions(_names(type_, type(dataset)), bool(getattr(dataset, "_overwrite", False))),
    )


def _own_place(dataset: Any, ground: Ground) -> Iterator[DataPlace]:
    path, protocol = (getattr(dataset, name, None) for name in ("_filepath", "_protocol"))
    path = path or getattr(dataset, "_path", None)
    if path is not None:
        here = (protocol or "file") in LOCAL_PROTOCOLS
        yield ground.place("filepath", str(path) if here or "://" in str(path) else f"{protocol}://{path}")


def _inner_instances(dataset: Any) -> Iterator[tuple[str, Any]]:
    """Yield the datasets that a dataset wraps, by the names of its attributes; not the cache of a CachedDataset."""
    for key, value in getattr(dataset, "__dict__", {}).items():
        if isinstance(value, AbstractDataset) and not (key == "_cache" and type(dataset).__name__ == "CachedDataset"):
            yield key.strip("_"), value


def type_name(type_: Any) -> str:
    """Return the name of a type, which an entry has as such or as the type itself."""
    return type_ if isinstance(type_, str) else f"{type_.__module__}.{type_.__qualname__}"


def _in_memory(type_: str, config: Mapping[str, Any]) -> bool:
    if type_.rpartition(".")[2] in MEMORY_TYPES:
        return True
    return any(base.__name__ in MEMORY_TYPES for base in getattr(_own_class(config), "__mro__", ()))


def _own_class(config: Mapping[str, Any]) -> type | None:
    """Return the class of the project's own dataset type. Kedro's types are known, and slow to import."""
    type_ = config.get("type")
    if isinstance(type_, type):
        return type_
    module, _, name = str(type_ or "").rpartition(".")
    if is_kedros(str(type_ or "")):
        return None
    try:
        found = getattr(importlib.import_module(module), name, None)
    except Exception:  # noqa: BLE001  (anything may happen in there; `check` reports it)
        return None
    return found if isinstance(found, type) else None


def is_kedros(type_: str) -> bool:
    """Whether a type, as an entry names it, is one of Kedro's or of kedro-datasets'."""
    module = type_.rpartition(".")[0]
    return not module or module.partition(".")[0] in {"kedro", "kedro_datasets", "io", *_families()}


@cache
def _families() -> frozenset[str]:
    """Return the first parts of kedro-datasets' short type names: `pandas` in `pandas.CSVDataset`."""
    spec = find_spec("kedro_datasets")
    folders = spec.submodule_search_locations or [] if spec else []
    return frozenset(child.name for folder in folders for child in Path(folder).iterdir() if child.is_dir())
