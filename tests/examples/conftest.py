"""The spaceflights example as Kedro sees it, and the results of ``kedro run``, each once a session."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.examples.outputs import read_outputs
from tests.examples.project import copy_spaceflights, run_python


@pytest.fixture(scope="session")
def spaceflights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return Kedro's account of the example: its pipelines, its nodes, and the contents of its environments."""
    project = copy_spaceflights(tmp_path_factory.mktemp("described"))
    description = run_python(project, Path(__file__).with_name("describe.py"), "base", "aws_batch")
    return dict(json.loads(description))


@pytest.fixture(scope="session")
def run_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the example after one ``kedro run`` of the whole. Not to be changed."""
    project = copy_spaceflights(tmp_path_factory.mktemp("run"))
    run_python(project, "-m", "kedro", "run")
    return project


@pytest.fixture(scope="session")
def run_outputs(run_project: Path) -> dict[str, bytes]:
    """Return the results of ``kedro run`` in ``data``, which a distributed run must equal, byte by byte."""
    return read_outputs(run_project / "data")
