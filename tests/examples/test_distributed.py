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


#: Containers that carry on, as the example says, and containers that end with their group.
WAYS = ["warm", pytest.param("one job a node", marks=pytest.mark.long)]


@pytest.fixture(scope="module", params=WAYS)
def distributed(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> tuple[Path, Run]:
    """Return a copy of the example after one distributed run of the whole. Not to be changed."""
    folder = tmp_path_factory.mktemp("distributed")
    project = copy_spaceflights(folder)
    if request.param != "warm":
        let_no_container_carry_on(project)
    return project, run_distributed(project, folder / "bucket", "--fresh")


def let_no_container_carry_on(project: Path) -> None:
    """Switch `warm_containers` off in the project's environment for AWS."""
    file = project / "conf/aws_batch/parameters.yml"
    file.write_text(file.read_text().replace("warm_containers: true", "warm_containers: false", 1))


def carries_on(project: Path) -> bool:
    return "warm_containers: true" in (project / "conf/aws_batch/parameters.yml").read_text()


def run_distributed(project: Path, bucket: Path, *words: str) -> Run:
    """Run ``kedro aws-batch run --local`` and return its results."""
    return results(project, bucket, run_python(project, "-m", "kedro", "aws-batch", "run", "--local", *words))


def results(project: Path, bucket: Path, printed: str) -> Run:
    """Return the results of a run that printed this; S3 is written out as files below the bucket."""
    started = re.search(r"^Run (\S+): (\d+) nodes? in (?:at most )?(\d+) jobs?$", printed, re.MULTILINE)
    assert started, printed
    place = project / ".kedro_aws_batch/local"
    for key, etag in json.loads((place / "index.json").read_text())["objects"]["spaceflights"].items():
        (bucket / key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(place / "objects" / etag, bucket / key)
    logs = {path.name: path.read_text().splitlines() for path in sorted((place / "logs" / started[1]).iterdir())}
    return Run(started[1], int(started[3]), bucket, logs)


def nodes_run(run: Run) -> list[str]:
    """Return the nodes in the lines by which groups begin.

    A container that carries on has one log for its groups, so a line may be in several files: with the same time.
    """
    begun = re.compile(r"\S+Z kedro run '?--nodes=([^' ]+)'? --env=aws_batch")
    firsts = [begun.match(line) for line in {line for lines in run.logs.values() for line in lines}]
    return sorted(name for first in firsts if first for name in first[1].split(","))


def containers(project: Path) -> list[str]:
    """Return the jobs that ran the newest run's groups."""
    told = json.loads(run_python(project, "-m", "kedro", "aws-batch", "status", "--local", "--json"))
    return sorted({group["job_id"] for group in told["groups"]})


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


def test_each_group_was_a_process_of_its_own_that_first_said_what_it_runs(distributed: tuple[Path, Run]) -> None:
    project, run = distributed

    assert len(run.logs) == run.jobs
    assert [name for name, lines in run.logs.items() if "Z kedro run " not in lines[0]] == []
    distinct = {line for lines in run.logs.values() for line in lines}
    assert sum("Kedro project" in line for line in distinct) == run.jobs
    assert nodes_run(run) == sorted(kedro_s_nodes(project, ["__default__"], {}))
    if carries_on(project):
        assert 2 <= len(containers(project)) <= run.jobs - 4
    else:
        assert len(containers(project)) == run.jobs


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
@pytest.mark.parametrize("distributed", ["one job a node"], indirect=True)
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


@pytest.mark.long
@pytest.mark.parametrize("distributed", ["warm"], indirect=True)
def test_containers_carry_on_beside_a_failing_group_and_a_resumed_run_ends_as_kedro_run(
    tmp_path: Path, distributed: tuple[Path, Run], run_outputs: dict[str, bytes]
) -> None:
    project = Path(shutil.copytree(distributed[0], tmp_path / "project"))
    kind = "candidate_modelling_pipeline.model_options.kind"
    words = ("--local", "--fresh", "--on-failure=continue", f"--params={kind}=wood")
    failed = run_python(project, "-m", "kedro", "aws-batch", "run", *words, exits=1)
    told = json.loads(run_python(project, "-m", "kedro", "aws-batch", "status", "--local", "--json"))
    again = ("--local", f"--params={kind}=forest")
    resumed = run_python(project, "-m", "kedro", "aws-batch", "resume", told["run_id"], *again)
    run = results(project, tmp_path / "bucket", resumed)

    assert "Unknown kind of model 'wood'" in failed
    found = {node: group["status"] for group in told["groups"] for node in group["nodes"]}
    assert found == {node: fates(node) for node in kedro_s_nodes(project, ["__default__"], {})}
    assert nodes_run(run) == sorted(node for node, status in found.items() if status != "SUCCEEDED")
    assert len(containers(project)) < run.jobs
    outputs = read_outputs(run.bucket)
    assert sorted(outputs) == sorted(run_outputs)
    assert [path for path in outputs if outputs[path] != run_outputs[path]] == []


def fates(node: str) -> str:
    """Return how a node ends in a run that continues, and whose candidate can't be trained."""
    if node == "candidate_modelling_pipeline.train_model_node":
        return "FAILED"
    after = ("candidate_modelling_pipeline.", "compare_models", "tabulate_metrics", "list_errors", "plot_predictions")
    return "SKIPPED" if node.startswith(after) else "SUCCEEDED"
