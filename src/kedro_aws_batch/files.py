"""Files that are never half written."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

#: Who may read and write a file, before the umask takes away: as any program's file, or its owner alone.
USUAL, PRIVATE = 0o666, 0o600


def write_atomically(path: Path, content: bytes, mode: int = USUAL) -> None:
    """Write a file beside its place and rename it into it, so that readers see the old or the new one.

    The umask holds for the file and for the folders that are made, as for those of any other program.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
