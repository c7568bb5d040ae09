"""Where configuration comes from: the files that define a parameter or a catalog entry. Values stay in here."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]  # it has no types
from kedro.framework.project import settings
from omegaconf import OmegaConf

from kedro_aws_batch.quiet import silent

from .opening import as_deployed
from .project import base_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .project import Project

#: Kedro's own, unless settings.py has others.
_PATTERNS = {
    "catalog": ("catalog*", "catalog*/**", "**/catalog*"),
    "parameters": ("parameters*", "parameters*/**", "**/parameters*"),
    "globals": ("globals.yml",),
}
_SUFFIXES = {".yml", ".yaml", ".json"}
GIVEN = "run-time parameters"
#: `${globals:rate}`, `${runtime_params:day, monday}`.
_ASKED = re.compile(r"\$\{\s*(globals|runtime_params)\s*:\s*([\w.-]+)")
_ABSENT = object()


@dataclass(frozen=True)
class Origin:
    """Where a parameter or a catalog entry is defined."""

    #: Files, relative to the project, or GIVEN; what is named first wins over what follows.
    places: tuple[str, ...] = ()
    #: The pattern of the catalog that makes an entry.
    pattern: str | None = None
    #: What its text asks for: `global 'rate' of conf/base/globals.yml`.
    asks: tuple[str, ...] = ()


class _Part(NamedTuple):
    place: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Origins:
    """The files of a project's configuration, by what they define; none if they don't lie in a local folder."""

    project: Project
    _read: dict[tuple[str, str], list[_Part]] = field(default_factory=dict)

    def of_parameter(self, name: str) -> Origin:
        """Return where a node's input `params:…` or `parameters` comes from."""
        keys = () if name == "parameters" else tuple(name.removeprefix("params:").split("."))
        given = as_deployed(self.project.opening.params)
        return self._origin("parameters", keys, [_Part(GIVEN, given)] if given else [])

    def of_entry(self, name: str) -> Origin:
        """Return where the catalog entry of a dataset comes from: its own, or a pattern's."""
        if self._defining("catalog", (name,), []):
            return self._origin("catalog", (name,), [])
        resolver = self.project.catalog.config_resolver
        with silent("kedro.io.catalog_config_resolver"):  # it warns of each name that a catch-all pattern matches
            found = resolver.match_dataset_pattern(name) or resolver.match_user_catch_all_pattern(name)
        if not found:
            return Origin()
        origin = self._origin("catalog", (found,), [])
        return Origin(origin.places, found, origin.asks)

    def _origin(self, kind: str, keys: Sequence[str], above: Sequence[_Part]) -> Origin:
        found = self._defining(kind, keys, above)
        asked = (self._asked(_at(one.content, keys)) for one in found)
        return Origin(
            tuple(dict.fromkeys(one.place for one in found)),
            asks=tuple(dict.fromkeys(each for some in asked for each in some)),
        )

    def _defining(self, kind: str, keys: Sequence[str], above: Sequence[_Part]) -> list[_Part]:
        """Return what has a say in a value, the strongest first."""
        layers = [above, *(self._files(kind, environment) for environment in self._environments)]
        replaced = keys and len(self._environments) > 1 and self._merges.get(kind) != "soft"
        if replaced and any(keys[0] in one.content for layer in layers[:-1] for one in layer):
            layers = layers[:-1]  # Kedro takes nothing of a key from the base environment that another has
        found: list[_Part] = []
        for layer in layers:
            having = [one for one in layer if _at(one.content, keys) is not _ABSENT]
            found += having
            if any(not isinstance(_at(one.content, keys), dict) for one in having):
                break
        return found

    def _asked(self, value: Any) -> Iterator[str]:
        for kind, name in _ASKED.findall(json.dumps(value, default=str)):
            if kind == "runtime_params":
                yield f"run-time parameter '{name}'"
                continue
            places = [one.place for one in self._defining("globals", name.split("."), [])]
            yield f"global '{name}' of {' and '.join(places)}" if places else f"global '{name}'"

    @cached_property
    def _environments(self) -> list[str]:
        """Return the environments whose files are read, the strongest first."""
        return list(dict.fromkeys((self.project.environment, base_environment())))

    @property
    def _merges(self) -> Mapping[str, str]:
        return settings.CONFIG_LOADER_ARGS.get("merge_strategy") or {}

    def _files(self, kind: str, environment: str) -> list[_Part]:
        if (kind, environment) not in self._read:
            self._read[kind, environment] = list(self._parts(kind, environment))
        return self._read[kind, environment]

    def _parts(self, kind: str, environment: str) -> Iterator[_Part]:
        source = self.project.opening.conf_source or str(self.project.path / settings.CONF_SOURCE)
        folder = Path(source).absolute() / environment
        if "://" in source or not folder.is_dir():
            return
        patterns = (settings.CONFIG_LOADER_ARGS.get("config_patterns") or {}).get(kind, _PATTERNS[kind])
        for file in sorted(_matching(folder, patterns)):
            content = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
            if isinstance(content, dict):
                yield _Part(self._shown(file), {str(key): value for key, value in content.items()})

    def _shown(self, file: Path) -> str:
        here = file.is_relative_to(self.project.path)
        return file.relative_to(self.project.path).as_posix() if here else file.as_posix()


def _matching(folder: Path, patterns: Iterable[str]) -> set[Path]:
    """Return the files that Kedro reads: those that match, and aren't hidden."""
    found = (Path(one) for pattern in patterns for one in LocalFileSystem().glob(f"{folder.as_posix()}/{pattern}"))
    return {
        file
        for file in found
        if file.suffix in _SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    }


def _at(content: Any, keys: Sequence[str]) -> Any:
    """Return what lies at a place of a configuration, or _ABSENT."""
    for key in keys:
        if not isinstance(content, dict) or key not in content:
            return _ABSENT
        content = content[key]
    return content
