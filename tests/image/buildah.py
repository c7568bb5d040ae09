"""Images without a registry and without Docker: buildah builds and runs them on a base of Debian's packages."""

from __future__ import annotations

import ast
import fcntl
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[2]
#: Made once, since it takes a minute.
BASES = ROOT / ".venv/image"
#: The parts of the official image of Python that our Dockerfile relies on.
PACKAGES = ("ca-certificates", "python-is-python3", "python3-venv")
#: pip's settings about its index; the rest of its configuration concerns only this machine.
_OF_THE_INDEX = (
    "cert", "client-cert", "default-timeout", "extra-index-url", "find-links", "index-url", "no-index", "proxy",
    "retries", "timeout", "trusted-host",
)  # fmt: skip


def require_buildah() -> None:
    """Skip a test if images can't be built; on CI, fail."""
    missing = [tool for tool in ("buildah", "mmdebstrap") if shutil.which(tool) is None]
    why = f"{' and '.join(missing)} not found" if missing else "root is needed" if os.getuid() else ""
    if why and os.environ.get("CI"):
        pytest.fail(f"CI must build the image, but {why}: `make image-tools` installs them as root where there is apt.")
    if why:
        pytest.skip(f"the image can't be built here: {why}")


def release() -> str:
    """Return the name of this machine's Debian, which its apt is set up for."""
    text = Path("/etc/os-release").read_text(encoding="utf-8")
    found = re.search(r"^VERSION_CODENAME=(\w+)$", text, re.MULTILINE)
    assert found is not None, text
    return found[1]


def base() -> Path:
    """Return a Debian with Python, as a tar file, made of packages if it isn't there yet, by one process at a time."""
    made = BASES / f"{release()}.tar"
    BASES.mkdir(parents=True, exist_ok=True)
    with (BASES / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            unfinished = made.with_suffix(".part.tar")
            run(["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", release(), unfinished])
            unfinished.replace(made)
    return made


def run(command: Sequence[str | Path], cwd: Path | None = None) -> str:
    """Return a command's output; if it fails, fail with it."""
    done = subprocess.run(
        command,
        cwd=cwd,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-10_000:]}"
    return done.stdout


@dataclass(frozen=True)
class Buildah:
    """buildah with a storage of its own, which no other container tool sees."""

    folder: Path

    @property
    def command(self) -> list[str]:
        """Return the words that call it."""
        places = [f"--root={self.folder / 'root'}", f"--runroot={self.folder / 'run'}"]
        return ["buildah", *places, "--storage-driver=vfs"]

    def tag_base(self, name: str) -> None:
        """Make an image of this name that is only the base."""
        container = run([*self.command, "from", "scratch"]).split()[-1]
        run([*self.command, "add", "--quiet", container, base(), "/"])
        run([*self.command, "commit", "--quiet", "--rm", container, name])

    def build(self, folder: Path, tag: str) -> str:
        """Build a folder's Dockerfile, and return the output. Pulls nothing."""
        volumes = [f"--volume={each}:{each}:ro" for each in pip_s_files()]
        settings = self.folder / "pip.conf"
        settings.write_text("[global]\n" + "".join(f"{key} = {value}\n" for key, value in pip_s_index().items()))
        volumes.append(f"--volume={settings}:/etc/pip.conf:ro")
        return run([*self.command, "bud", "--isolation=chroot", "--pull-never", *volumes, f"--tag={tag}", "."], folder)

    def start(self, image: str) -> str:
        """Return a new container of an image."""
        return run([*self.command, "from", "--pull-never", image]).split()[-1]

    def inside(self, container: str, *command: str) -> str:
        """Return a command's output in a container."""
        return run([*self.command, "run", "--isolation=chroot", container, "--", *command])


def pip_s_files() -> Iterator[Path]:
    """Yield the files of this machine that pip's index settings refer to; an index on disk has its files beside it."""
    words = sorted({word for value in pip_s_index().values() for word in value.split()})
    for word in words:
        path = Path(word.removeprefix("file://"))
        if path.is_absolute() and path.exists():
            yield path.parent if word.startswith("file://") else path


def pip_s_index() -> dict[str, str]:
    """Return pip's index settings, from files or the environment: the image's packages come from there."""
    listed = run([sys.executable, "-m", "pip", "config", "list"])
    found = re.findall(r"^(\S+\.|:env:\.)([\w-]+)=(.*)$", listed, re.MULTILINE)
    found.sort(key=lambda each: each[0] == ":env:.")  # which goes before the files
    return {key: " ".join(ast.literal_eval(value).split()) for _, key, value in found if key in _OF_THE_INDEX}
