"""Moves a base catalog to S3: its entries, and the globals at the beginning of their paths."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from kedro_aws_batch._service.dag.shape import given
from kedro_aws_batch.graph.datasets import of_config
from kedro_aws_batch.graph.places import LOCAL, PATH_KEYS, where_it_leads, without_local_protocol
from kedro_aws_batch.graph.runtime_params import with_param

from .errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_GLOBAL = re.compile(r"\$\{\s*globals:\s*([\w.]+)\s*(?:,[^}]*)?\}")
_OF_THE_GLOBALS = re.compile(r"\$\{\s*([\w.]+)\s*\}")
_DRIVE = re.compile(r"^[A-Za-z]:")
_OF_THE_CATALOG = re.compile(r"\$\{\s*(_[\w.]+)\s*\}")


@dataclass
class Moved:
    """The datasets of a base catalog that lay on this machine."""

    #: Their entries, on S3.
    entries: dict[str, Any] = field(default_factory=dict)
    #: The globals that put others on S3, as whole keys of the first level: an environment's replace the base's.
    globals: dict[str, Any] = field(default_factory=dict)
    #: The datasets that these globals put on S3.
    by_globals: list[str] = field(default_factory=list)
    #: The datasets whose paths begin with something that only Kedro resolves.
    left: list[str] = field(default_factory=list)
    #: Those whose paths begin with a global that is also used for something else, which S3 would break.
    shared: list[str] = field(default_factory=list)
    #: Those whose paths lead out of the project: with `..`, from a home or a drive.
    outside: list[str] = field(default_factory=list)


def move_catalog(base: Path, bucket: str) -> Moved:
    """Return the catalog of a base environment's folder, on a bucket."""
    catalog = dict(_all(base, "catalog"))
    known = _resolved(dict(_all(base, "globals")))
    own = {name: value for name, value in catalog.items() if name.startswith("_") and isinstance(value, str)}
    entries = {name: _with_own(raw, own) for name, raw in catalog.items() if name not in own}
    elsewhere = _used_elsewhere(base, entries)
    found = Moved()
    for name, entry in entries.items():
        path = _local_path(entry)
        if path is None:
            continue
        root = _global_of(path, known)
        if any(map(_leads_out, _paths(entry, known))):
            found.outside.append(name)
        elif not path.startswith("$"):
            found.entries[name] = _on_s3(entry, bucket)
        elif root is None:
            found.left.append(name)
        elif where_it_leads(root.value) != LOCAL:
            continue
        elif any(root.key == other or root.key.startswith(f"{other}.") for other in elsewhere):
            found.shared.append(name)
        else:
            first = root.key.partition(".")[0]
            found.globals = with_param(
                {first: known[first], **found.globals}, root.key, _moved_path(root.value, bucket)
            )
            found.by_globals.append(name)
    return found


def _used_elsewhere(base: Path, entries: Mapping[str, Any]) -> set[str]:
    """Return the globals that a base environment uses elsewhere than at the beginning of a path."""
    texts = (text for text in _texts(entries) if not (text.key in PATH_KEYS and _is_local(text.value)))
    found = {match[1] for text in texts for match in _GLOBAL.finditer(text.value)}
    later = (match for text in _texts(entries) for match in _GLOBAL.finditer(text.value, 1))
    found |= {match[1] for match in later}
    for kind in ("parameters", "credentials"):
        for text in _texts(dict(_all(base, kind))):
            for match in _GLOBAL.finditer(text.value):
                if match.start() or not text.value[match.end() :].startswith("/"):
                    found.add(match[1])
    for text in _texts(dict(_all(base, "globals"))):
        found |= {match[1] for match in _OF_THE_GLOBALS.finditer(text.value, 1)}
    return found


@dataclass(frozen=True)
class _Text:
    """A text within a configuration, and the last key that leads to it."""

    key: str
    value: str


def _texts(value: Any, key: str = "") -> Iterator[_Text]:
    if isinstance(value, str):
        yield _Text(key, value)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _texts(each, str(name))
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each, key)


def _paths(entry: Any, known: Mapping[str, Any]) -> Iterator[str]:
    """Yield an entry's local paths, with the globals that they begin with filled in."""
    for text in _texts(entry):
        if text.key in PATH_KEYS and _is_local(text.value):
            root = _global_of(text.value, known)
            yield root.value + root.rest if root else text.value


def _is_local(path: str) -> bool:
    return where_it_leads(path) == LOCAL


def _leads_out(path: str) -> bool:
    """Whether a path begins at a home or at a Windows drive, or leads out of the project."""
    plain = without_local_protocol(path)
    return plain.startswith("~") or "\\" in plain or bool(_DRIVE.match(plain)) or posixpath.normpath(plain)[:2] == ".."


@dataclass(frozen=True)
class _Global:
    """A global, by its dotted name."""

    key: str
    value: str
    #: What follows it in the path.
    rest: str


def _global_of(path: str, known: Mapping[str, Any]) -> _Global | None:
    """Return the global at the beginning of a path; None if there is none, or an unknown one."""
    match = _GLOBAL.match(path)
    value = given(known, match[1]) if match else None
    if match is None or not isinstance(value, str) or "$" in value:
        return None
    return _Global(match[1], value, path[match.end() :])


def _all(base: Path, kind: str) -> Iterator[tuple[str, Any]]:
    for file in sorted(base.glob(f"**/{kind}*.y*ml")):
        try:
            found = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeError) as error:
            raise ProjectError(f"'{file}' is not YAML in UTF-8: {error}") from error
        if not isinstance(found, dict):
            raise ProjectError(f"'{file}' has no names at its first level. Write `name: …` for each of its entries.")
        yield from ((str(name), value) for name, value in found.items())


def _resolved(values: dict[str, Any]) -> dict[str, Any]:
    """Return globals with references to others filled in; one that can't be resolved stays as written."""
    try:
        found = OmegaConf.to_container(OmegaConf.create(values), resolve=True)
    except OmegaConfBaseException:
        return values
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else values


def _with_own(value: Any, own: Mapping[str, str]) -> Any:
    """Return an entry with the catalog's own variables, `${_root}`, filled in, since another environment lacks them."""
    if isinstance(value, dict):
        return {key: _with_own(each, own) for key, each in value.items()}
    if isinstance(value, str):
        return _OF_THE_CATALOG.sub(lambda match: own.get(match[1], match[0]), value)
    return value


def _local_path(entry: Any) -> str | None:
    """Return the path of a dataset that lies on this machine, or may: one that begins with `${…}`."""
    if not isinstance(entry, dict) or "type" not in entry:
        return None
    found = of_config(entry)
    return found.path if found.location == LOCAL else None


def _on_s3(entry: Mapping[str, Any], bucket: str) -> dict[str, Any]:
    moved: dict[str, Any] = {}
    for key, value in entry.items():
        if key in PATH_KEYS and isinstance(value, str) and _is_local(value) and not value.startswith("$"):
            moved[key] = _moved_path(value, bucket)
        elif isinstance(value, dict) and ("type" in value or key == "checkpoint"):
            moved[key] = _on_s3(value, bucket)
        else:
            moved[key] = value
    return moved


def _moved_path(path: str, bucket: str) -> str:
    below = re.sub(r"^(\./)?/*(data(/|$))?", "", _normal(without_local_protocol(path)))
    return f"s3://{bucket}/{below}" if below or path.endswith("/") else f"s3://{bucket}"


def _normal(path: str) -> str:
    """Return a path without `..`, which S3 takes for a name."""
    ending = "/" if path.endswith("/") else ""
    return f"{posixpath.normpath(path)}{ending}" if ".." in path.split("/") else path
