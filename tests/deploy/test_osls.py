"""`osls deploy` onto the embedded AWS, by CloudFormation, and the functions at work from the zip."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch.client import RunState, Service, Started
from kedro_aws_batch.local import EmbeddedAws
from kedro_aws_batch.package import Settings, stage
from tests.acceptance.support import Node, Project, finished, layers, make_project, statuses
from tests.local.support import until

from .conftest import osls

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEDULES = "- {schedule: rate(12 hours), pipeline: slow, description: Twice a day}\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    chain = {"first": Node(seconds=4), "second": Node(after=["first"])}
    return make_project(tmp_path / "project", {"__default__": layers(1, 3, 1), "slow": chain})


@pytest.fixture
def aws(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    """An embedded AWS with Batch and nothing else, whose CloudFormation is moto's."""
    # moto refuses a template for what cfn-lint only warns of: W3005, which is osls' own.
    monkeypatch.setattr("moto.cloudformation.models.validate_template_cfn_lint", lambda template: [])
    with EmbeddedAws(
        jobs_cwd=project.root / "jobs", service_prefix="flights-dev", stop_timeout=1, exit_grace=0.2
    ) as running:
        yield running


def run_osls(aws: EmbeddedAws, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = osls(directory, *arguments, **aws.environment, SLS_AWS_MONITORING_FREQUENCY="200")
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def deploy(aws: EmbeddedAws, project: Project, directory: Path, schedules: Path | None = None) -> Path:
    stage(project.graph, directory, Settings("flights", schedules=schedules))
    run_osls(aws, directory, "deploy", "--param=batch=own")
    return directory


def start(aws: EmbeddedAws, directory: Path, request: Any) -> Any:
    told = run_osls(aws, directory, "invoke", "--function=start_run", f"--data={json.dumps(request)}").stdout
    return json.loads(told[told.index("{") : told.rindex("}") + 1])


@pytest.mark.filterwarnings("ignore:Tried to parse")  # alarms and policies, which moto's CloudFormation leaves out
def test_a_deployment_runs_pipelines_is_replaced_while_it_does_and_goes(
    aws: EmbeddedAws, project: Project, tmp_path: Path
) -> None:
    schedules = tmp_path / "schedules.yml"
    schedules.write_text(SCHEDULES)
    service = Service("flights-dev", aws.client("lambda"))

    staged = deploy(aws, project, tmp_path / "staged", schedules)
    started = start(aws, staged, {})
    assert (started["nodes"], ended(aws, started["run_id"]).status) == (5, "SUCCEEDED")

    rules = aws.client("events").list_rules()["Rules"]
    (rule,) = [each["Name"] for each in rules if each.get("ScheduleExpression") == "rate(12 hours)"]
    aws.fire(rule)
    (in_flight,) = until(lambda: [run for run in service.list_runs() if run.status == "RUNNING"])
    changed = make_project(tmp_path / "changed", {"__default__": layers(2), "slow": {"first": Node()}})
    deploy(aws, changed, tmp_path / "changed/staged")
    assert start(aws, staged, {})["nodes"] == 2
    assert statuses(ended(aws, in_flight.run_id)) == {"first": "SUCCEEDED", "second": "SUCCEEDED"}

    run_osls(aws, staged, "remove")
    assert aws.client("lambda").list_functions()["Functions"] == []
    assert aws.client("dynamodb").list_tables()["TableNames"] == []


def ended(aws: EmbeddedAws, run_id: str) -> RunState:
    return finished(aws, Started(run_id, "RUNNING", 0, 0))


def test_a_deployment_without_an_image_is_refused_by_the_template(project: Project, tmp_path: Path) -> None:
    stage(project.graph, tmp_path / "staged", Settings("flights", buckets=["flights"]))
    osls(tmp_path / "staged", "package", "--param=batch=fargate")

    written = (tmp_path / "staged/.serverless/cloudformation-template-update-stack.json").read_text(encoding="utf-8")

    image = json.loads(written)["Parameters"]["Image"]
    assert (image["Default"], image["MinLength"]) == ("", 1)
    assert re.search(r'--param="image=', image["ConstraintDescription"])
