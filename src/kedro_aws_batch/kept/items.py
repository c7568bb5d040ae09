"""The items of the run table as local runs save them: a line for each save, and an item's last line counts.

A line counts only if it is whole, so the items of one save are kept together.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.jobs import run_id_in
from kedro_aws_batch.files import write_atomically
from kedro_aws_batch.stored import StoredItem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

#: Bytes from which on it pays to drop overwritten items.
WORTHWHILE = 4_000_000


def read_items(file: Path, oldest: str = "") -> dict[str, StoredItem]:
    """Return the saved items, by table and key, without those of runs before the oldest saved one."""
    found: dict[str, StoredItem] = {}
    for line in file.read_bytes().split(b"\n") if file.is_file() else ():
        for table, key, attributes in _read_line(line):
            name = f"{table} {json.dumps(key, sort_keys=True)}"
            if attributes is None:
                found.pop(name, None)
            else:
                found[name] = StoredItem(table, key, attributes)
    found = {name: item for name, item in found.items() if not _is_of_a_run_before(name, oldest)}
    if file.is_file() and file.stat().st_size > WORTHWHILE:
        text = _line(found.values())
        if 2 * len(text) < file.stat().st_size:
            write_atomically(file, text)
    return found


def _is_of_a_run_before(name: str, run_id: str) -> bool:
    found = run_id_in(name)
    return found is not None and found < run_id


def _read_line(line: bytes) -> Iterable[tuple[str, dict[str, Any], dict[str, Any] | None]]:
    """Return the items of a line; none if its command was killed while it wrote it."""
    try:
        return list(json.loads(line)) if line else ()
    except ValueError:
        return ()


def _line(items: Iterable[StoredItem]) -> bytes:
    return json.dumps([(item.table, item.key, item.attributes) for item in items]).encode() + b"\n"


def append_items(file: Path, items: Collection[StoredItem]) -> None:
    """Add a line of items; if there is no room for it, the file stays as it was."""
    if not items:
        return
    with file.open("ab") as lines:
        before = lines.tell()
        try:
            lines.write((b"\n" if before else b"") + _line(items))  # the file may end in half a line
            lines.flush()
            os.fsync(lines.fileno())
        except OSError:
            os.truncate(file, before)
            raise
