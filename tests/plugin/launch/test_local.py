"""The settings of a local run's embedded AWS."""

from __future__ import annotations

from kedro_aws_batch.launch.local import _platform


def test_another_definition_runs_on_what_has_the_sizes_that_are_asked_for_with_it() -> None:
    asked = [
        {"vcpus": 4},
        {"vcpus": 0.25, "memory": 512, "job_definition": "small"},
        {"vcpus": 1, "memory": 2048, "job_definition": "either"},
        {"gpus": 1, "job_definition": "gpu"},
    ]
    nodes = [{"resources": resources} for resources in asked]

    found = {
        usual: [_platform(name, nodes, usual) for name in ("either", "gpu", "small")] for usual in ("EC2", "FARGATE")
    }
    assert found == {"EC2": ["EC2", "EC2", "FARGATE"], "FARGATE": ["FARGATE", "EC2", "FARGATE"]}
