"""What catalog entries say, and which code their types lead to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.graph.places import READS_CODE

from .functions import UntoldError, recognise
from .modules import digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .modules import Code, Modules

#: What of an entry makes no data: secrets, and what plugins alone read.
_SILENT = ("credentials", "metadata")


@dataclass(frozen=True)
class EntryRead:
    """What tells a catalog entry from others, and what its types lead to."""

    text: str
    code: Code


def read_entry(config: Mapping[str, Any], project: Path, modules: Modules) -> EntryRead:
    """Return what an entry says. Raises UntoldError.

    Secrets are no part of it. The same project elsewhere has the same.
    """
    found = recognise(_without_secrets(config), modules)
    text = f"{found.text} {_query(config, project)}".replace(f"{project.as_posix()}/", "")
    return EntryRead(text, modules.code({*found.modules, *_types(config)}, found.functions))


def _without_secrets(config: Any) -> Any:
    if isinstance(config, dict):
        return {key: _without_secrets(value) for key, value in config.items() if key not in _SILENT}
    return [_without_secrets(one) for one in config] if isinstance(config, list) else config


def _types(config: Any) -> set[str]:
    """Return the modules that the types of an entry, and of those within it, may be in."""
    if isinstance(config, list):
        return {name for one in config for name in _types(one)}
    if not isinstance(config, dict):
        return set()
    name = config.get("type")
    own = (
        {name.rpartition(".")[0], f"kedro_datasets.{name}".rpartition(".")[0]}
        if isinstance(name, str) and "." in name
        else set()
    )
    return own | {name for one in config.values() for name in _types(one)}


def _query(config: Mapping[str, Any], project: Path) -> str:
    """Return the digest of a query that the project has in a file: it is code."""
    if not READS_CODE.search(str(config.get("type", ""))) or not isinstance(config.get("filepath"), str):
        return ""
    file = project / config["filepath"]
    if not file.is_file():
        raise UntoldError(f"its query lies in '{config['filepath']}', which is not a file of this project")
    return digest(file.read_bytes())
