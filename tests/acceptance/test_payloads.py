"""Payloads of every size reach the jobs: with the request, compressed, or asked for."""

from __future__ import annotations

import random

import pytest

from .support import Node, Project, finished, make_project, service

PIPELINES = {"__default__": {"first": Node(), **{f"wide_{number}": Node(after=["first"]) for number in range(4)}}}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("project"), PIPELINES, array_jobs=True)


def test_a_payload_that_does_not_fit_into_a_request_is_asked_for(project: Project) -> None:
    noise = "".join(random.Random(3).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=20_000))
    with project.aws() as aws:
        state = finished(aws, service(aws).start_run({"params": {"noise": noise}}))
        jobs = aws.client("batch").describe_jobs(jobs=[group.job_id or "" for group in state.groups])["jobs"]
        names = {variable["name"] for job in jobs for variable in job["container"]["environment"]}

    assert state.status == "SUCCEEDED"
    assert project.ran(state.run_id) == dict.fromkeys(PIPELINES["__default__"], 1)
    assert {group.job_id.count(":") for group in state.groups[1:] if group.job_id} == {1}  # children of an array
    assert {"KEDRO_AWS_BATCH_JOB", "AWS_DEFAULT_REGION"} <= names
