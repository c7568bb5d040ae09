"""The Lambda zip: the same input and the same Python give the same bytes, whenever and wherever."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kedro_aws_batch._service.dag.document import DOCUMENT_FILE
from kedro_aws_batch.package import bytecode
from kedro_aws_batch.package.errors import PackageError
from kedro_aws_batch.package.requirements import install
from kedro_aws_batch.package.zips import write_zip
from kedro_aws_batch.service_root import service_root

#: Lambda's Pythons, which our bytecode must fit. Not 3.10: it is deprecated since 31 October 2026; no function can be
#: created with it from 1 February 2027, and none updated from 3 March (developer guide, Lambda runtimes).
RUNTIMES = ("python3.11", "python3.12", "python3.13", "python3.14")
#: The service's packages, with their JSON schemas.
PACKAGES = ("adapters", "dag", "handlers", "runs")
#: Lambda's limit on a zip, in bytes. Ours has two million bytes plus the graph.
LARGEST = 50 * 1024 * 1024


@dataclass(frozen=True)
class Packaged:
    """A zip to deploy."""

    path: Path
    size: int  #: bytes
    digest: str  #: hex SHA-256
    runtime: str  #: Lambda's name of the Python whose bytecode it holds


def build_zip(graph_document: Path, target: Path) -> Packaged:
    """Write the functions' zip: the service, the graph document, pinned dependencies, bytecode. Raises PackageError."""
    runtime = this_runtime()
    root = service_root()
    with tempfile.TemporaryDirectory(prefix="kedro-aws-batch-package-") as directory:
        tree = Path(directory)
        install(root / "requirements.txt", tree)
        for package in PACKAGES:
            shutil.copytree(root / package, tree / package, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        _compile(tree)
        _copy_graph(graph_document, tree / DOCUMENT_FILE)
        write_zip(target, {path.relative_to(tree).as_posix(): path for path in tree.rglob("*") if path.is_file()})
    content = target.read_bytes()
    if len(content) > LARGEST:
        raise PackageError(
            f"{target} has {len(content):,} bytes, but Lambda accepts {LARGEST:,}: "
            f"most of them are the graph document {graph_document}."
        )
    return Packaged(target, len(content), hashlib.sha256(content).hexdigest(), runtime)


def this_runtime() -> str:
    """Return Lambda's name of the running Python. Raises PackageError if Lambda has no such Python."""
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if runtime in RUNTIMES and sys.implementation.name == "cpython":
        return runtime
    offered = ", ".join(name.removeprefix("python") for name in RUNTIMES)
    raise PackageError(
        f"Lambda takes no functions for {sys.implementation.name} {sys.version.split()[0]}, and functions run on the "
        f"Python that packages them. Package and deploy from an environment of this project with one of {offered}. "
        "Jobs run on the Python of their image, which may be another."
    )


def _copy_graph(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise PackageError(
            f"The graph document {source} can't be read ({error.strerror}): `kedro aws-batch compile` writes one."
        ) from error


def _compile(tree: Path) -> None:
    command = [sys.executable, "-S", bytecode.__file__, str(tree)]
    done = subprocess.run(command, env={"PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageError(f"The functions' code can't be compiled: {done.stderr.strip().splitlines()[-1]}")
