"""Zip files with the same bytes for the same members, whenever and wherever they are written."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

#: The earliest time that a zip can hold.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644 << 16
_UNIX = 3


def write_zip(target: Path, members: Mapping[str, Path | bytes]) -> None:
    """Write a zip of files and bytes, sorted by their names in it, wholly or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(members.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, _READABLE, _UNIX
            archive.writestr(entry, content if isinstance(content, bytes) else content.read_bytes())
    unfinished.replace(target)
