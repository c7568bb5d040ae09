"""The example, distributed on the embedded AWS, against ``kedro run`` of the same."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.examples.outputs import list_versions, read_outputs
from tests.examples.project import copy_spaceflights, run_python

#: Whole runs, at times on a busy machine.
pytestmark = pytest.mark.timeout(900)

NODES_OF = """
import json, sys
from pathlib import Path
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline
bootstrap_project(Path.cwd())
from kedro.framework.project import pipelines
names, filters = json.loads(sys.argv[1])
whole = sum((pipelines[name] for name in names), start=Pipeline([]))
print(json.dumps([node.name for node in whole.filter(**filters).nodes]))
"""


@dataclass(frozen=True)
class Run:
    """A distributed run, and its results."""

    run_id: str
    jobs: int
    bucket: Path  #: a copy of the embedded S3
    logs: dict[str, list[str]]  #: by file


@pytest.fixture(scope="module")
def distributed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """Return a copy of the example after one distributed run of the whole. Not to be changed."""
    folder = tmp_path_factory.mktemp("distributed")
    project = copy_spaceflights(folder)
    return project, run_distributed(project, folder / "bucket", "--fresh")


def run_distributed(project: Path, bucket: Path, *words: str) -> Run:
    """Run ``kedro aws-batch run --local`` and return its results; S3 is written out as files below the bucket."""
    printed = run_python(project, "-m", "kedro", "aws-batch", "run", "--local", *words)
    started = re.search(r"^Run (\S+): (\d+) nodes? in (\d+) jobs?$", printed, re.MULTILINE)
    assert started, printed
    place = project / ".kedro_aws_batch/local"
    for key, etag in json.loads((place / "index.json").read_text())["objects"]["spaceflights"].items():
        (bucket / key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(place / "objects" / etag, bucket / key)
    logs = {path.name: _printed(path) for path in sorted((place / "logs" / started[1]).iterdir())}
    return Run(started[1], int(started[3]), bucket, logs)


def _printed(log: Path) -> list[str]:
    """Return a job's output: each line of its log begins with its time."""
    return [line.partition("Z ")[2] for line in log.read_text().splitlines()]


def nodes_run(run: Run) -> list[str]:
    """Return the nodes in the first lines of the jobs' logs."""
    firsts = [re.match(r"kedro run '?--nodes=([^' ]+)'? --env=aws_batch", lines[0]) for lines in run.logs.values()]
    return sorted(name for first in firsts if first for name in first[1].split(","))


def test_every_object_is_that_of_kedro_run_byte_by_byte(
    distributed: tuple[Path, Run], run_outputs: dict[str, bytes]
) -> None:
    outputs = read_outputs(distributed[1].bucket)

    assert sorted(outputs) == sorted(run_outputs)
    assert [path for path in outputs if outputs[path] != run_outputs[path]] == []


def test_all_that_is_versioned_has_the_run_s_id_as_its_version(distributed: tuple[Path, Run]) -> None:
    versions = list_versions(distributed[1].bucket)

    assert len(versions) == 4
    assert [path for path, found in versions.items() if found != [distributed[1].run_id]] == []


def test_each_job_was_a_process_of_its_own_that_first_said_what_it_runs(distributed: tuple[Path, Run]) -> None:
    project, run = distributed

    assert len(run.logs) == run.jobs
    assert [name for name, lines in run.logs.items() if not lines[0].startswith("kedro run ")] == []
    assert {sum("Kedro project" in line for line in lines) for lines in run.logs.values()} == {1}
    assert nodes_run(run) == sorted(kedro_s_nodes(project, ["__default__"], {}))


FILTERS = [
    ("--tags=training", ["__default__"], {"tags": ["training"]}),
    ("--pipelines=data_processing", ["data_processing"], {}),
    ("--pipelines=data_science,reporting", ["data_science", "reporting"], {}),
    (
        "--namespaces=active_modelling_pipeline",
        ["__default__"],
        {"node_namespaces": ["active_modelling_pipeline"]},
    ),
    ("--from-nodes=split_table_node", ["__default__"], {"from_nodes": ["split_table_node"]}),
    ("--to-outputs=train_features", ["__default__"], {"to_outputs": ["train_features"]}),
    ("--from-inputs=model_input_table", ["__default__"], {"from_inputs": ["model_input_table"]}),
    ("--from-inputs=model_input_table@text", ["__default__"], {"from_inputs": ["model_input_table@text"]}),
    ("--from-inputs=params:split", ["__default__"], {"from_inputs": ["params:split"]}),
    (
        "--nodes=split_table_node,active_modelling_pipeline.train_model_node",
        ["__default__"],
        {"node_names": ["split_table_node", "active_modelling_pipeline.train_model_node"]},
    ),
]


@pytest.mark.long
@pytest.mark.parametrize(("words", "pipelines", "filters"), FILTERS, ids=[words for words, *_ in FILTERS])
def test_a_part_of_it_leaves_what_the_same_part_of_kedro_run_leaves(
    tmp_path: Path,
    distributed: tuple[Path, Run],
    run_project: Path,
    words: str,
    pipelines: list[str],
    filters: dict[str, list[str]],
) -> None:
    """With another parameter, after a run of everything, so that what is done and what isn't differ."""
    alone = Path(shutil.copytree(run_project, tmp_path / "alone"))
    project = Path(shutil.copytree(distributed[0], tmp_path / "project"))
    params = "--params=split.test_share=0.4"

    run_python(alone, "-m", "kedro", "run", words, params)
    run = run_distributed(project, tmp_path / "bucket", words, params)

    assert nodes_run(run) == sorted(kedro_s_nodes(project, pipelines, filters))
    expected, outputs = read_outputs(alone / "data"), read_outputs(run.bucket)
    assert sorted(outputs) == sorted(expected)
    assert [path for path in outputs if outputs[path] != expected[path]] == []
    expected_versions, versions = list_versions(alone / "data"), list_versions(run.bucket)
    assert {path: len(found) for path, found in versions.items()} == {
        path: len(found) for path, found in expected_versions.items()
    }


def kedro_s_nodes(project: Path, pipelines: list[str], filters: dict[str, list[str]]) -> list[str]:
    """Return the nodes that Kedro's own filter leaves."""
    return list(json.loads(run_python(project, "-c", NODES_OF, json.dumps([pipelines, filters]))))
