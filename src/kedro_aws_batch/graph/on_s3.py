"""Where datasets lie on S3, as far as that is the same in each run: there start_run asks about them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.signatures import UNTOLD

from .datasets import entry, is_kedros, of_config, type_name
from .places import MEMORY, Ground, inner_entries
from .shape import NOT_OPENED, entries_of, with_others
from .varying import reads_environment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from .datasets import CatalogDataset
    from .project import Project

#: Kedro takes what follows `?` or `#` for no part of a path.
_ON_S3 = re.compile(r"s3[an]?://([^/\x00-\x20?#]+)/([^\x00-\x1f\x7f?#]*)", re.IGNORECASE)
#: In the paths of versions, Kedro takes these for patterns.
_PATTERN = re.compile(r"[*\[]")
_KEYS = frozenset({"filepath", "path"})


@dataclass(frozen=True)
class Lying:
    """The datasets of a project, to be found on S3."""

    project: Project
    datasets: Mapping[str, CatalogDataset]
    made: Collection[str]  #: the datasets that hooks make
    moving: Sequence[str]  #: texts that each run has of its own
    clock: bool  #: whether any value may depend on the time

    def places(self) -> dict[str, str]:
        """Return `bucket/key` for each dataset other than in memory, or `?` and why start_run can't ask about it."""
        return {name: self._place(name) for name, one in self.datasets.items() if one.location != MEMORY}

    def _place(self, name: str) -> str:
        if name in self.made:
            return f"{UNTOLD}a hook makes it"
        config = entry(self.project.catalog, name)
        place = _place_of(self.datasets[name])
        if place.startswith(UNTOLD):
            return place
        if foreign := next(_foreign_types(config), None):
            return _only_its_author(foreign)
        if _names_endpoint(config):
            return f"{UNTOLD}its entry names another store than AWS' own S3"
        why = self._varies(name, place)
        return f"{UNTOLD}{why}" if why else place

    def _varies(self, name: str, place: str) -> str | None:
        """Return why it may lie elsewhere in another run."""
        if self.clock:
            return "a resolver of the project may read the time, so it may lie elsewhere in each run"
        if any(text in place for text in self.moving):
            return "it lies elsewhere in each run"
        if self._environment:
            return "a resolver of the project may read environment variables, so it may lie elsewhere for jobs"
        if self.project.asked and (self._elsewhere is None or self._elsewhere.get(name) != place):
            return "parameters of the run may say where it lies"
        return None

    @cached_property
    def _environment(self) -> bool:
        return reads_environment(self.project.opening)

    @cached_property
    def _elsewhere(self) -> Mapping[str, str] | None:
        """Return where datasets lie with other values for all runtime parameters; None if that can't be told."""
        names = [name for name in self.datasets if name not in self.made]
        opening = with_others(self.project, sorted(self.project.asked))
        try:
            entries = entries_of(self.project, opening, names)
        except NOT_OPENED:
            return None
        ground = Ground(self.project.path)
        return {name: _place_of(of_config(one, ground)) for name, one in entries.items()}


def _place_of(dataset: CatalogDataset) -> str:
    """Return the place of a dataset's data, or why it isn't known or isn't on S3."""
    kind = dataset.type.rpartition(".")[2]
    if not is_kedros(dataset.type):
        return _only_its_author(dataset.type)
    own = [place for place in dataset.places if not place.key.startswith("checkpoint.")]
    keys = {*_KEYS, "dataset.filepath"} if kind == "CachedDataset" else _KEYS
    if len(own) != 1 or own[0].key not in keys:
        return f"{UNTOLD}the entry of a {kind} does not say where all of its data lies"
    found = _ON_S3.fullmatch(own[0].path)
    if found is None:
        return f"{UNTOLD}it is not on S3"
    key = found[2].rstrip("/")
    if any(part in ("", ".", "..") for part in key.split("/")) or (dataset.versioned and _PATTERN.search(key)):
        return f"{UNTOLD}its path has signs that may mean another"
    return f"{found[1]}/{key}"


def _only_its_author(type_: str) -> str:
    return f"{UNTOLD}only the author of its type, {type_.rpartition('.')[2]}, knows where its data lies"


def _foreign_types(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the types within an entry that aren't Kedro's: of its partitions, or of what it wraps."""
    for wrapped in (config.get("dataset"), *(one for _, one in inner_entries(config))):
        inner = wrapped if isinstance(wrapped, dict) else {"type": wrapped or ""}
        type_ = type_name(inner.get("type", ""))
        if not is_kedros(type_):
            yield type_
        elif inner is wrapped:
            yield from _foreign_types(inner)


def _names_endpoint(config: Any) -> bool:
    """Return whether an entry names an endpoint, at any depth, as `endpoint_url` or `AWS_ENDPOINT_URL`."""
    if isinstance(config, dict):
        return any("endpoint" in str(key).lower() or _names_endpoint(value) for key, value in config.items())
    return isinstance(config, list) and any(map(_names_endpoint, config))
