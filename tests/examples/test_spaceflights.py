"""The spaceflights example: it has what real Kedro projects have, and gives the same result every time."""

from itertools import chain
from pathlib import Path
from typing import Any

from tests.examples.outputs import list_versions, read_outputs
from tests.examples.project import copy_spaceflights, run_python


def test_the_default_pipeline_is_the_sum_of_the_three(spaceflights: dict[str, Any]) -> None:
    pipelines = dict(spaceflights["pipelines"])
    whole = pipelines.pop("__default__")

    assert sorted(pipelines) == ["data_processing", "data_science", "reporting"]
    assert sorted(whole) == sorted(chain.from_iterable(pipelines.values()))
    assert len(whole) >= 12


def test_it_has_unnamed_tagged_namespaced_and_transcoded_nodes(spaceflights: dict[str, Any]) -> None:
    nodes = spaceflights["nodes"]

    assert [node["name"].partition("__")[0] for node in nodes if not node["named"]] == [
        "summarise_reviews",
        "fingerprint",
        "tabulate_metrics",
    ]
    assert {node["name"] for node in nodes if "training" in node["tags"]} == {
        "active_modelling_pipeline.train_model_node",
        "candidate_modelling_pipeline.train_model_node",
    }
    assert {node["namespace"] for node in nodes} == {None, "active_modelling_pipeline", "candidate_modelling_pipeline"}
    transcoded = {name for node in nodes for name in [*node["inputs"], *node["outputs"]] if "@" in name}
    assert transcoded == {"model_input_table@pandas", "model_input_table@text"}


def test_three_nodes_wait_for_nothing(spaceflights: dict[str, Any]) -> None:
    made = {name for node in spaceflights["nodes"] for name in node["outputs"]}
    made |= {name.partition("@")[0] for name in made}

    roots = [
        node["inputs"][0]
        for node in spaceflights["nodes"]
        if not any(name.partition("@")[0] in made for name in node["inputs"])
    ]

    assert sorted(roots) == ["companies", "reviews", "shuttles"]


def test_on_aws_every_dataset_lies_on_s3_where_it_lies_here_under_data(spaceflights: dict[str, Any]) -> None:
    local, remote = (spaceflights["environments"][name]["datasets"] for name in ("base", "aws_batch"))

    def moved(entry: dict[str, Any]) -> dict[str, Any]:
        assert entry["filepath"].startswith("data/")
        return entry | {"filepath": entry["filepath"].replace("data/", "s3://spaceflights/", 1)}

    assert remote == {name: moved(entry) for name, entry in local.items()}
    assert {name for name, entry in remote.items() if entry.get("versioned")} == {
        "active_modelling_pipeline.regressor",
        "candidate_modelling_pipeline.regressor",
        "active_metrics",
        "candidate_metrics",
    }


def test_a_parameter_given_at_run_time_leaves_its_neighbours_alone_in_both_environments(
    spaceflights: dict[str, Any],
) -> None:
    local, remote = (spaceflights["environments"][name]["parameters"] for name in ("base", "aws_batch"))

    assert remote.pop("aws_batch")["job_queue"] == "spaceflights_queue"
    assert remote == local
    assert sorted(local["split"]) == ["features", "seed", "target", "test_share"]
    assert local["split"]["test_share"] == 0.5


def test_two_runs_make_the_same_bytes_in_whole_or_pipeline_by_pipeline(
    tmp_path: Path, run_outputs: dict[str, bytes]
) -> None:
    project = copy_spaceflights(tmp_path)

    for pipeline in ["data_processing", "data_science", "reporting"]:
        run_python(project, "-m", "kedro", "run", f"--pipelines={pipeline}")

    outputs = read_outputs(project / "data")
    assert sorted(outputs) == sorted(run_outputs)
    assert [path for path in outputs if outputs[path] != run_outputs[path]] == []
    assert len(outputs) == 22


def test_a_run_saves_all_its_versions_under_one_name(run_project: Path) -> None:
    versions = list_versions(run_project / "data")

    assert sorted(versions) == [
        "06_models/active_modelling_pipeline/regressor.pickle",
        "06_models/candidate_modelling_pipeline/regressor.pickle",
        "08_reporting/active_metrics.json",
        "08_reporting/candidate_metrics.json",
    ]
    assert len({tuple(found) for found in versions.values()}) == 1
