"""A new user's project on AWS and back: `kedro new`, init, deploy by CloudFormation, runs, changes, removal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml
from moto.batch.models import ComputeEnvironment

from kedro_aws_batch.client import RunState, Service, Started
from kedro_aws_batch.local import EmbeddedAws, JobDefinitionSettings
from kedro_aws_batch.local.gateway import Gateway
from kedro_aws_batch.package import StageSettings, stage
from kedro_aws_batch.scaffold import TEMPLATES
from tests.acceptance.support import Project, finished, layers, make_project, statuses
from tests.local.support import until

from .conftest import GOLDEN, ROOT, Packager, osls, require_osls, settings_of
from .test_deployers import may

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kedro_aws_batch.local.loopback import Request, Response

PREFIX = "night-flights-dev"
#: `second` waits for a file, so that a run stays in flight as long as the test wants.
PIPELINES = """
import os
from pathlib import Path
from time import sleep

from kedro.pipeline import node, pipeline


def same(x):
    return x


def patient(x):
    while not Path(os.environ["GO"]).exists():  # outside of the job's own folder
        sleep(0.05)
    return x


def register_pipelines():
    first = node(same, "raw", "middle", name="first")
    slow = pipeline([first, node(patient, "middle", "final", name="second")])
    more = pipeline([node(same, "middle", "third", name="third")]) if CHANGED else pipeline([])
    return {"__default__": pipeline([first]) + more, "slow": slow}
"""
DATASETS = ("raw", "middle", "final", "third")
SCHEDULES = "- {schedule: rate(12 hours), pipeline: slow, description: Twice a day}\n"


class NewUser:
    """A user's commands in a project's folder, with the credentials of an embedded AWS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        quiet = {"KEDRO_DISABLE_TELEMETRY": "1", "SLS_AWS_MONITORING_FREQUENCY": "200", "COLUMNS": "200"}
        self.environment = {**kept, **quiet, "AWS_EC2_METADATA_DISABLED": "true"}

    def types(self, *words: str, fails: bool = False) -> str:
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=240
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def kedro(self, *words: str, fails: bool = False) -> str:
        return self.types(str(Path(sys.executable).with_name("kedro")), *words, fails=fails)

    def osls(self, *words: str) -> str:
        return self.types("npx", "osls", *words)

    def starts(self, request: Any) -> dict[str, Any]:
        told = self.osls("invoke", "--function=start_run", f"--data={json.dumps(request)}")
        found: dict[str, Any] = json.loads(told[told.index("{") : told.rindex("}") + 1])
        return found

    def writes_pipelines(self, changed: bool) -> None:
        registry = self.folder / "src/night_flights/pipeline_registry.py"
        registry.write_text(f"CHANGED = {changed}\n{PIPELINES}", encoding="utf-8")


@pytest.fixture
def user(tmp_path: Path) -> NewUser:
    """A user with a project fresh from `kedro new` and `kedro aws-batch init`, on their own queue."""
    require_osls()
    user = NewUser(tmp_path)
    user.kedro("new", "--name=Night Flights", "--tools=none", "--example=n")
    user.folder = tmp_path / "night-flights"
    user.writes_pipelines(changed=False)
    base = {name: {"type": "pickle.PickleDataset", "filepath": f"data/{name}.pkl"} for name in DATASETS}
    (user.folder / "conf/base/catalog.yml").write_text(yaml.safe_dump(base), encoding="utf-8")
    user.kedro("aws-batch", "init", "--bucket=night-data")
    on_own_queue(user, True)
    (user.folder / "conf/aws_batch/schedules.yml").write_text(SCHEDULES, encoding="utf-8")
    (user.folder / "node_modules").symlink_to(ROOT / "node_modules")
    return user


def on_own_queue(user: NewUser, own: bool) -> None:
    """Take the mark of a comment off or onto `batch: own` in serverless.yml."""
    written = (user.folder / "serverless.yml").read_text(encoding="utf-8")
    signs = ("\n    batch: own  #", "\n    # batch: own  #")
    assert signs[own] in written
    (user.folder / "serverless.yml").write_text(written.replace(signs[own], signs[not own]), encoding="utf-8")


def call_of_osls(request: Request) -> str | None:
    """Return the action that osls calls; of the services of REST only the service, and None for a call of others."""
    signed = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", request.header("Authorization"))
    if signed is None or not request.header("User-Agent").startswith("aws-sdk-"):
        return None
    form = re.search(rb"(?:^|&)Action=(\w+)", request.body)
    action = form[1].decode() if form else request.header("X-Amz-Target").rpartition(".")[2]
    return f"{'cloudwatch' if signed[1] == 'monitoring' else signed[1]}:{action or '*'}"


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What osls calls from now on."""
    seen: set[str] = set()
    answer = Gateway.__call__

    def listen(gateway: Gateway, request: Request) -> Response:
        if (call := call_of_osls(request)) is not None:
            seen.add(call)
        return answer(gateway, request)

    monkeypatch.setattr(Gateway, "__call__", listen)
    return seen


@contextmanager
def embedded(user: NewUser, monkeypatch: pytest.MonkeyPatch, queue: str, definition: str) -> Iterator[EmbeddedAws]:
    """An embedded AWS with only a queue and a definition, whose CloudFormation is moto's."""
    # moto refuses a template for a mere warning of cfn-lint, W3005, which osls causes.
    monkeypatch.setattr("moto.cloudformation.models.validate_template_cfn_lint", lambda _: [])
    batch: dict[str, Any] = {"job_queue": queue, "job_definition": definition}
    batch["job_definitions"] = {definition: JobDefinitionSettings(log_group=f"/aws/batch/{PREFIX}")}
    short: dict[str, Any] = {"stop_timeout": 1, "exit_grace": 0.2}
    short["job_environment"] = {"GO": str(user.folder / "go")}
    with EmbeddedAws(jobs_cwd=user.folder, service_prefix=PREFIX, **batch, **short) as running:
        user.environment |= running.environment
        s3 = running.client("s3")
        s3.create_bucket(Bucket="night-data")
        s3.put_object(Bucket="night-data", Key="raw.pkl", Body=b"K\x01.")  # the pickle of 1
        yield running


@pytest.fixture
def aws(user: NewUser, called: set[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:  # noqa: ARG001  (it listens from the start)
    """An embedded AWS with the queue and the definition that the project names."""
    with embedded(user, monkeypatch, "night_flights_queue", "night_flights_job") as running:
        yield running


@pytest.fixture
def bare(user: NewUser, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    """An embedded AWS without anything of the project, whose CloudFormation can make compute environments."""
    make = ComputeEnvironment.create_from_cloudformation_json

    def make_it(name: str, resource: Any, account: str, region: str, **more: Any) -> ComputeEnvironment:
        properties = resource["Properties"]
        # moto requires what is optional with a service-linked role, and leaves a parameter's list as one text.
        properties["ServiceRole"] = f"arn:aws:iam::{account}:role/embedded"
        for key in ("Subnets", "SecurityGroupIds"):
            properties["ComputeResources"][key] = properties["ComputeResources"][key].split(",")
        return make(name, resource, account, region, **more)

    monkeypatch.setattr(ComputeEnvironment, "create_from_cloudformation_json", staticmethod(make_it))
    with embedded(user, monkeypatch, "of_others", "of_others") as running:
        yield running


@pytest.mark.filterwarnings("ignore:Tried to parse")  # alarms and policies, which moto's CloudFormation leaves out
@pytest.mark.long
def test_a_new_user_deploys_runs_changes_and_removes_a_project(
    user: NewUser, aws: EmbeddedAws, called: set[str]
) -> None:
    service = Service(PREFIX, aws.client("lambda"))

    told = user.kedro("aws-batch", "deploy")
    assert "Jobs may read and write 'night-data'." in told
    started = user.starts({})
    assert (started["nodes"], ended(aws, started["run_id"]).status) == (1, "SUCCEEDED")

    assert "kedro run --nodes=first" in user.kedro("aws-batch", "logs")

    rules = aws.client("events").list_rules()["Rules"]
    (rule,) = [each["Name"] for each in rules if each.get("ScheduleExpression") == "rate(12 hours)"]
    aws.fire(rule)
    (in_flight,) = until(lambda: [run for run in service.list_runs() if run.status == "RUNNING"])

    user.writes_pipelines(changed=True)
    runner = ("run", "--env=aws_batch", "--runner=kedro_aws_batch.AWSBatchRunner")
    assert "node 'third' added" in user.kedro(*runner, fails=True)
    user.kedro("aws-batch", "deploy")
    assert "Completed 2 out of 2 tasks" in user.kedro(*runner)
    assert service.describe_run(in_flight.run_id).status == "RUNNING"
    (user.folder / "go").touch()
    assert statuses(ended(aws, in_flight.run_id)) == {"first": "SUCCEEDED", "second": "SUCCEEDED"}

    assert "night-flights-dev" in user.osls("info")
    user.osls("remove")
    assert aws.client("lambda").list_functions()["Functions"] == []
    assert aws.client("dynamodb").list_tables()["TableNames"] == []
    assert "There is no function 'night-flights-dev-list_runs'" in user.kedro("aws-batch", "list", fails=True)

    assert {action for action in called if not may(action)} == set()
    assert {"cloudformation:CreateChangeSet", "cloudformation:DeleteStack", "s3:*"} <= called


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Tried to parse")
@pytest.mark.parametrize(("batch", "spot", "kind"), [("fargate", "false", "FARGATE"), ("ec2", "true", "SPOT")])
def test_a_new_user_has_batch_made_and_runs_on_it(
    user: NewUser, bare: EmbeddedAws, batch: str, spot: str, kind: str
) -> None:
    client, ec2 = bare.client("batch"), boto3.client("ec2", **_reached(bare))
    on_own_queue(user, False)
    configuration = user.folder / "conf/aws_batch/parameters.yml"
    written = configuration.read_text()
    assert "\n  # launch_type: FARGATE  #" in written
    configuration.write_text(written.replace("# launch_type: FARGATE", f"launch_type: {batch.upper()}"))
    subnets = ",".join(each["SubnetId"] for each in ec2.describe_subnets()["Subnets"][:2])
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    network = (f"--param=subnets={subnets}", f"--param=security_groups={group}")

    assert "is not in us-east-1 in this account" in user.kedro("aws-batch", "check", "--aws", fails=True)
    user.kedro("aws-batch", "deploy", f"--param=spot={spot}", "--param=image=x:1", *network)
    assert "no problems" in user.kedro("aws-batch", "check", "--aws")

    (queue,) = client.describe_job_queues(jobQueues=["night_flights_queue"])["jobQueues"]
    (order,) = queue["computeEnvironmentOrder"]
    (made,) = client.describe_compute_environments(computeEnvironments=[order["computeEnvironment"]])[
        "computeEnvironments"
    ]
    resources = made["computeResources"]
    assert (resources["type"], resources["maxvCpus"], ",".join(resources["subnets"])) == (kind, 64, subnets)
    (definition,) = client.describe_job_definitions(jobDefinitionName="night_flights_job")["jobDefinitions"]
    assert definition["containerProperties"]["command"] == ["python", "-m", "kedro_aws_batch.job"]
    assert "SUCCEEDED in" in user.kedro("aws-batch", "run")
    assert "kedro run --nodes=first" in user.kedro("aws-batch", "logs")

    in_flight = user.starts({"pipeline": "slow"})["run_id"]
    stack = ("--param=image=x:1", f"--param=security_groups={group}", f"--param=spot={spot}")
    if batch == "fargate":
        one = user.kedro("aws-batch", "deploy", *stack, f"--param=subnets={subnets.partition(',')[0]}", fails=True)
        assert f"takes away the compute environment (subnets changed), and run {in_flight} is RUNNING" in one
    other = "EC2" if batch == "fargate" else "FARGATE"
    configuration.write_text(written.replace("# launch_type: FARGATE", f"launch_type: {other}"))
    moved = user.kedro("aws-batch", "deploy", *stack, f"--param=subnets={subnets}", fails=True)
    assert f"runs on {batch}, and can't be moved to {other.lower()}. Name another one" in moved
    kept = user.kedro("aws-batch", "remove", fails=True)
    assert f"1 run is open: '{in_flight}'. Removing the stack would end its jobs." in kept
    (user.folder / "go").touch()
    assert ended(bare, in_flight).status == "SUCCEEDED"
    user.kedro("aws-batch", "remove")
    assert bare.client("lambda").list_functions()["Functions"] == []


def _reached(aws: EmbeddedAws) -> dict[str, Any]:
    keys = {"aws_access_key_id": aws.access_key.id, "aws_secret_access_key": aws.access_key.secret}
    return {"endpoint_url": aws.endpoint_url, "region_name": "us-east-1", **keys}


def ended(aws: EmbeddedAws, run_id: str) -> RunState:
    return finished(aws, Started(run_id, "RUNNING", 0, 0))


def test_a_project_and_a_directory_that_stands_alone_make_the_same_stack(package: Packager, tmp_path: Path) -> None:
    alone = package("own")
    there = tmp_path / "build/aws_batch/dev"
    there.mkdir(parents=True)
    (there / "packaged.json").write_text(json.dumps({"scheduleMark": alone.schedule_mark}))
    stage(GOLDEN, there, settings_of(tmp_path, project=tmp_path))
    values = {"region": "us-east-1", "project": "flights", "service": "s-dev", "service_name": "s", "stage": "dev"}
    text = Template((TEMPLATES / "serverless.yml").read_text(encoding="utf-8")).substitute(values)
    (tmp_path / "serverless.yml").write_text(text, encoding="utf-8")

    done = osls(tmp_path, "package", "--param=batch=own")

    assert done.returncode == 0, done.stdout + done.stderr
    made = tmp_path / ".serverless/cloudformation-template-update-stack.json"
    assert timeless(made) == timeless(alone.path)


def timeless(template: Path) -> str:
    """Return a template without its time of creation, which is in the place of its zip."""
    return re.sub(r"(serverless/[\w-]+/dev/)[^/]+/", r"\1", template.read_text(encoding="utf-8"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project", {"__default__": layers(1, 3, 1)})


def test_a_deployment_without_an_image_is_refused_by_the_template(project: Project, tmp_path: Path) -> None:
    stage(project.graph, tmp_path / "staged", StageSettings("flights", buckets=["flights"]))
    osls(tmp_path / "staged", "package", "--param=batch=fargate")

    written = (tmp_path / "staged/.serverless/cloudformation-template-update-stack.json").read_text(encoding="utf-8")

    image = json.loads(written)["Parameters"]["Image"]
    assert (image["Default"], image["MinLength"]) == ("", 1)
    assert re.search(r'--param="image=', image["ConstraintDescription"])
