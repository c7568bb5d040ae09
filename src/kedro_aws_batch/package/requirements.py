"""Installs the functions' other requirements: pinned, and pure Python, so one zip fits every machine."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from kedro_aws_batch.package.errors import PackageError

_COMPILED = frozenset({".so", ".pyd", ".dylib", ".dll"})
#: Folders to leave out: Powertools carries a web page.
_FOR_BROWSERS = frozenset({".js", ".css"})
#: The files of a dist-info that name the code's owner. The rest describes the installation, and differs by installer.
_KEPT = ("METADATA", "LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")


def install(requirements: Path, target: Path) -> None:
    """Install exactly the requirements, by their hashes, without their own dependencies. Raises PackageError."""
    exactly = ["--no-deps", "--only-binary=:all:", "--require-hashes"]
    command = [*_installer(), "--target", str(target), *exactly, "-r", str(requirements)]
    try:
        # Nothing here needs a person, so the installer must not ask one.
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise PackageError(
            f"{command[0]} can't be run ({error}), so the functions' requirements can't be installed."
        ) from error
    if done.returncode:
        raise PackageError(
            f"The functions' requirements ({requirements}) can't be installed: {_why(done.stderr)}. "
            "They come from pip's package index: can you reach it?"
        )
    shutil.rmtree(target / "bin", ignore_errors=True)
    _refuse_compiled(target)
    _trim(target)


def _installer() -> Sequence[str]:
    if importlib.util.find_spec("pip") is not None:
        quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
        return [sys.executable, "-m", "pip", "install", *quiet, "--no-compile", "--no-warn-conflicts"]
    if (uv := shutil.which("uv")) is not None:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    raise PackageError(
        f"There is neither pip nor uv to install the functions' requirements: run `{sys.executable} -m ensurepip`."
    )


def _why(output: str) -> str:
    errors = [line for line in output.splitlines() if "error" in line.lower()]
    return (errors or output.strip().splitlines() or ["the installer gives no reason"])[-1].strip().rstrip(".")


def _refuse_compiled(target: Path) -> None:
    """Raise PackageError for files that run only on this kind of machine: the functions run on arm64 Linux."""
    found = sorted(path for path in target.rglob("*") if path.suffix in _COMPILED)
    found += [
        path
        for path in sorted(target.glob("*.dist-info/WHEEL"))
        if "Root-Is-Purelib: true" not in path.read_text("utf-8")
    ]
    if found:
        raise PackageError(
            f"{found[0].relative_to(target)} is not pure Python, so it doesn't run on every Lambda: "
            "leave its distribution out of requirements.txt, or choose one without compiled parts."
        )


def _trim(target: Path) -> None:
    for path in sorted(target.rglob("*")):
        if path.suffix in _FOR_BROWSERS:
            path.unlink()
    for metadata in target.glob("*.dist-info"):
        for path in sorted(metadata.iterdir()):
            if path.is_file() and not path.name.upper().startswith(_KEPT):
                path.unlink()
