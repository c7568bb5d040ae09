"""Files that are never half written, and how they are called after what people named."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path

#: A project's folder for things that are neither its code nor its data.
OWN_FOLDER = ".kedro_aws_batch"
#: File modes, before the umask applies: as for any program's file, or for the owner only.
USUAL, PRIVATE = 0o666, 0o600


def write_atomically(path: Path, content: bytes, mode: int = USUAL) -> None:
    """Write a file beside its place, sync it to disk, and rename it: readers see the old or the new one.

    The umask applies to the file and to new folders, as for any other program. A link stays, and its target is
    written. What is there and is no file, such as a device or a pipe, stays, too, and gets the content as it is.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def file_name(text: str, most: int = 200) -> str:
    """Return a name that somebody else gave, as a file's; of one beyond so many bytes the beginning and a digest.

    File systems take 255 bytes, and a file that is being written has a longer name than in the end.
    """
    name = re.sub(r"[^\w.-]+", "-", text)
    if len(name.encode()) <= most:
        return name
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{name.encode()[: most - 9].decode(errors='ignore')}-{digest}"


def _sync(folder: Path) -> None:
    """Sync the names in a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
