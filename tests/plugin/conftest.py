from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from dynaconf.loaders import py_loader  # type: ignore[import-untyped]
from dynaconf.utils import files  # type: ignore[import-untyped]

from tests.forking import Interpreter

from .jobs import surroundings
from .project import Sources, pickled, write_project

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

    Ended = subprocess.CompletedProcess[str]
    Forked = Callable[..., Ended]


#: A base catalog with what init moves, and what it leaves.
BASE: dict[str, Any] = {
    "raw": {"type": "pandas.CSVDataset", "filepath": "data/01_raw/raw.csv", "load_args": {"sep": ";"}},
    "{name}_model": pickled("data/06/{name}.pkl", versioned=True),
    "cached": {"type": "CachedDataset", "dataset": pickled("data/cached.pkl")},
    "remote": pickled("s3://elsewhere/remote.pkl"),
    "held": {"type": "MemoryDataset"},
}


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Undo a command's changes to the process: its search path, its environment, and boto3's remembered keys."""
    path, environment = list(sys.path), dict(os.environ)
    os.environ["KEDRO_DISABLE_TELEMETRY"] = "1"
    boto3.DEFAULT_SESSION = None
    yield
    sys.path[:] = path
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture(scope="session", autouse=True)
def _quick_stacks() -> Iterator[None]:
    """Tell dynaconf the files of its callers without the text of their lines, which it does not read.

    The stack of a test is deep and its modules are many: that text was two thirds of what a command costs in a test.
    """
    with pytest.MonkeyPatch.context() as patch:
        for module in (files, py_loader):
            patch.setattr(module, "inspect", SimpleNamespace(stack=_stack))
        yield


def _stack() -> list[SimpleNamespace]:
    """Return what `inspect.stack` would say of the caller and of its callers."""
    frames = list[SimpleNamespace]()
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        frames.append(SimpleNamespace(filename=frame.f_code.co_filename))
        frame = frame.f_back
    return frames


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[[Sources], Path]:
    return lambda sources: write_project(tmp_path, sources)


@pytest.fixture(scope="session")
def interpreter() -> Iterator[Interpreter]:
    """A process that forks for each command, and has imported what those on this machine need."""
    with Interpreter("kedro.framework.cli.cli", "kedro_aws_batch.local") as made:
        yield made


@pytest.fixture
def forked(interpreter: Interpreter) -> Forked:
    """Return what runs a command on this machine in a process of its own, which need not import what all of them do."""

    def run(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return interpreter.run(["kedro_aws_batch", *words, "--local"], project, environment, timeout=240)

    return run


@pytest.fixture(scope="module")
def run_job() -> Iterator[Forked]:
    """Return what runs a job of nodes and, if given, more of a payload and of an environment."""
    with Interpreter() as interpreter:

        def run(project: Path, nodes: list[str], payload: dict[str, Any] | None = None, **environment: str) -> Ended:
            told = surroundings(nodes, payload, **environment)
            return interpreter.run(["kedro_aws_batch.job"], project, told, timeout=60)

        yield run


@pytest.fixture
def bare(make_project: Callable[[Sources], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    project = make_project(Sources(base_catalog=BASE))
    for file in ("catalog.yml", "parameters.yml"):
        (project / "conf/aws_batch" / file).unlink()
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def deployable(make_project: Callable[[Sources], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that lacks only the files of init for packaging."""
    base = {name: pickled(f"data/{name}.pkl") for name in ("raw", "middle", "final")}
    project = make_project(Sources(base_catalog=base))
    monkeypatch.chdir(project)
    return project
