"""The example of a split node: its slices save what `kedro run` saves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dag.document import read_document
from dag.preview import preview
from kedro_aws_batch.graph.check import check
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.problems import errors
from kedro_aws_batch.graph.project import open_project

EXAMPLE = Path(__file__).parents[2] / "examples/many_texts"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    copy = tmp_path / "many_texts"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("data", "__pycache__"))
    return copy


def test_the_example_is_sound_and_is_an_array_of_twenty_and_one_job(project: Path) -> None:
    opened = open_project(Opening(path=project))
    compiled = compile_project(opened)
    assert errors(check(opened, compiled)) == []
    found = preview(read_document(json.dumps(compiled.document)), {})
    assert [(job.array, len(job.groups)) for job in found.jobs] == [(True, 20), (False, 1)]


@pytest.mark.long
def test_kedro_run_counts_the_texts_that_the_script_makes(project: Path) -> None:
    for command in (["scripts/make_texts.py"], ["-m", "kedro", "run"]):
        subprocess.run([sys.executable, *command], cwd=project, check=True, capture_output=True)
    summary = json.loads((project / "data/03_primary/summary.json").read_text(encoding="utf-8"))
    assert (summary["texts"], len(summary["commonest"])) == (3_000, 10)
