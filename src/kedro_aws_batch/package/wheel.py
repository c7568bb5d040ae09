"""The wheel of the running kedro-aws-batch, for the jobs' image: it and the functions have the same version."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path, PurePosixPath

from kedro_aws_batch.files import write_atomically
from kedro_aws_batch.package.errors import PackageError
from kedro_aws_batch.package.zips import write_zip
from kedro_aws_batch.service_root import service_root

DISTRIBUTION, PACKAGE = "kedro-aws-batch", "kedro_aws_batch"
#: The names of our wheels, of any version.
WHEELS = f"{PACKAGE}-*.whl"
#: The files of a dist-info that a wheel has. The rest describes the installation; RECORD is made again.
_METADATA = ("METADATA", "WHEEL", "entry_points.txt", "licenses")
_AGAIN = f"Install {DISTRIBUTION} again, from a wheel or from its checkout."


def write_wheel(directory: Path) -> Path:
    """Write the wheel into a directory, remove other versions there, and return it. Raises PackageError.

    The same installed distribution gives the same bytes, also on another machine. A checkout is built.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".wheel-", dir=directory) as temporary:
        root = service_root()
        write = _build if (root / "pyproject.toml").is_file() else _rebuild
        made = write(root, Path(temporary))
        for earlier in directory.glob(WHEELS):
            earlier.unlink()
        wheel = directory / made.name
        write_atomically(wheel, made.read_bytes())  # whoever builds wheels gives them a mode of their own
        return wheel


def _build(checkout: Path, target: Path) -> Path:
    command = _builder(checkout, target)
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    found = sorted(target.glob(WHEELS))
    if done.returncode or not found:
        why = (done.stderr.strip() or done.stdout.strip() or "no reason is given").splitlines()[-1]
        raise PackageError(f"The wheel for the image can't be built from '{checkout}': {why}")
    return found[0]


def _builder(checkout: Path, target: Path) -> Sequence[str]:
    """Return the command that builds a checkout: with hatchling, or with a tool that fetches it."""
    if importlib.util.find_spec("hatchling") is not None:
        return [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)]
    if importlib.util.find_spec("pip") is not None:
        quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
        return [sys.executable, "-m", "pip", "wheel", *quiet, "--no-deps", "--wheel-dir", str(target), str(checkout)]
    if (uv := shutil.which("uv")) is not None:
        return [uv, "build", "--quiet", "--wheel", "--out-dir", str(target), str(checkout)]
    raise PackageError(
        f"The wheel for the image can't be built, since there is neither hatchling nor pip nor uv: "
        f"run `{sys.executable} -m ensurepip`."
    )


def _rebuild(_: Path, target: Path) -> Path:
    """Make the wheel from the installed files of one."""
    ours = distribution(DISTRIBUTION)
    members = _installed(ours)
    (described,) = {name.partition("/")[0] for name in members if PurePosixPath(name).parts[0].endswith(".dist-info")}
    record = f"{described}/RECORD"
    whole: dict[str, Path | bytes] = {**members, record: _record(members, record)}
    wheel = target / f"{described.removesuffix('.dist-info')}-py3-none-any.whl"
    write_zip(wheel, whole)
    return wheel


def _installed(ours: Distribution) -> Mapping[str, Path]:
    """Return the files that came in the wheel, by their names there. Raises PackageError if some are missing."""
    files = {file.as_posix(): Path(str(ours.locate_file(file))) for file in ours.files or () if _carried(file)}
    if not files:
        raise PackageError(f"The installation of {DISTRIBUTION} has no list of its files. {_AGAIN}")
    missing = [name for name, path in files.items() if not path.is_file()]
    if missing:
        raise PackageError(f"The installation of {DISTRIBUTION} lacks '{missing[0]}'. {_AGAIN}")
    return files


def _carried(file: PurePosixPath) -> bool:
    top, *rest = file.parts
    if top == PACKAGE:
        return file.suffix != ".pyc"
    return top.endswith(".dist-info") and rest[0] in _METADATA


def _record(members: Mapping[str, Path], name: str) -> bytes:
    """Return the RECORD of a wheel: each file with its digest and size."""
    lines = [f"{each},{_digest(path.read_bytes())},{path.stat().st_size}" for each, path in sorted(members.items())]
    return "\n".join([*lines, f"{name},,", ""]).encode()


def _digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
