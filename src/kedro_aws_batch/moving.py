"""Moves a base catalog to S3: its entries, and the globals at the beginning of their paths."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from kedro_aws_batch._service.dag.shape import given
from kedro_aws_batch.graph.datasets import of_config
from kedro_aws_batch.graph.places import LOCAL, PATH_KEYS, without_local_protocol
from kedro_aws_batch.graph.runtime_params import with_param

from .errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_GLOBAL = re.compile(r"\$\{\s*globals:\s*([\w.]+)\s*(?:,[^}]*)?\}")
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


def move_catalog(base: Path, bucket: str) -> Moved:
    """Return the catalog of a base environment's folder, on a bucket."""
    catalog = dict(_all(base, "catalog"))
    known = _resolved(dict(_all(base, "globals")))
    own = {name: value for name, value in catalog.items() if name.startswith("_") and isinstance(value, str)}
    found = Moved()
    for name, raw in catalog.items():
        entry = _with_own(raw, own)
        path = _local_path(entry)
        if path is None:
            continue
        if not path.startswith("$"):
            found.entries[name] = _on_s3(entry, bucket)
        elif (root := _global_of(path, known)) is None:
            found.left.append(name)
        elif "://" not in root.value or root.value.startswith(("file://", "local://")):
            first = root.key.partition(".")[0]
            found.globals = with_param(
                {first: known[first], **found.globals}, root.key, _moved_path(root.value, bucket)
            )
            found.by_globals.append(name)
    return found


@dataclass(frozen=True)
class _Global:
    """A global, by its dotted name."""

    key: str
    value: str


def _global_of(path: str, known: Mapping[str, Any]) -> _Global | None:
    """Return the global at the beginning of a path; None if there is none, or an unknown one."""
    match = _GLOBAL.match(path)
    value = given(known, match[1]) if match else None
    return _Global(match[1], value) if match and isinstance(value, str) and "$" not in value else None


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
        if key in PATH_KEYS and isinstance(value, str):
            moved[key] = _moved_path(value, bucket)
        elif isinstance(value, dict) and ("type" in value or key == "checkpoint"):
            moved[key] = _on_s3(value, bucket)
        else:
            moved[key] = value
    return moved


def _moved_path(path: str, bucket: str) -> str:
    below = re.sub(r"^(\./)?/*(data(/|$))?", "", without_local_protocol(path))
    return f"s3://{bucket}/{below}" if below or path.endswith("/") else f"s3://{bucket}"
