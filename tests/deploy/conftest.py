from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kedro_aws_batch.package import Packaged, StageSettings, stage

#: All of it packages, which is refused on an older Python.
collect_ignore_glob = ["test_*.py"] if sys.version_info < (3, 11) else []
ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/graph_document.json"
OSLS = ROOT / "node_modules/.bin/osls"
#: The distributions of Lambda's Python besides the standard library.
LAMBDA_PROVIDES = ("boto3", "botocore", "s3transfer", "dateutil", "six", "urllib3", "jmespath")

#: The parameters of each variant.
BATCH = {
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/flights:1",
    "subnets": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "security_groups": "sg-0123456789abcdef0",
}
VARIANTS: Mapping[str, Mapping[str, str]] = {
    "fargate": {**BATCH, "batch": "fargate"},
    "ec2-spot": {**BATCH, "batch": "ec2", "spot": "true"},
    "own": {"batch": "own"},
}
SCHEDULES = """
- schedule: cron(0 3 * * ? *)
  pipeline: __default__
  params: {rate: 0.5}
- schedule: rate(12 hours)
  tags: [etl]
  description: Twice a day
- schedule: cron(0 6 ? * MON-FRI *)
  timezone: Europe/Berlin
  pipeline: __default__
"""


@dataclass(frozen=True)
class Staged:
    """A directory that can be deployed."""

    directory: Path
    packaged: Packaged


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    root = tmp_path_factory.mktemp("deploy")
    return Staged(root / "staged", stage(GOLDEN, root / "staged", settings_of(root)))


def settings_of(root: Path, project: Path | None = None) -> StageSettings:
    """Return the packaging settings of all tests."""
    schedules = root / "schedules.yml"
    schedules.write_text(SCHEDULES)
    return StageSettings(buckets=["flights", "shared/raw/"], tags={"team": "ml"}, schedules=schedules, project=project)


@pytest.fixture(scope="session")
def unpacked(staged: Staged, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(staged.packaged.path) as archive:
        archive.extractall(root)
    return root


@pytest.fixture(scope="session")
def lambda_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with only what Lambda provides."""
    site = tmp_path_factory.mktemp("provided")
    provide(site, *LAMBDA_PROVIDES)
    return site


def provide(site: Path, *names: str) -> None:
    """Have a directory hold these modules and packages of ours."""
    for name in names:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        if not (site / source.name).exists():
            (site / source.name).symlink_to(source)


@dataclass(frozen=True)
class Template:
    """A CloudFormation template, as osls makes it."""

    path: Path
    body: Mapping[str, Any]

    @property
    def resources(self) -> dict[str, Any]:
        return dict(self.body["Resources"])

    @property
    def schedule_mark(self) -> str:
        variables = self.properties("StartUnderscorerunLambdaFunction")["Environment"]["Variables"]
        return str(variables["SCHEDULE_MARK"])

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of all resources of a type, by their logical names."""
        return {name: each["Properties"] for name, each in self.resources.items() if each["Type"] == kind}

    def properties(self, name: str) -> dict[str, Any]:
        return dict(self.resources[name]["Properties"])


def require_osls() -> None:
    """Skip a test where osls isn't, but on CI, where it fails."""
    if not OSLS.exists():
        if os.environ.get("CI"):
            pytest.fail("osls is not installed: run npm ci")
        pytest.skip("osls is not installed: run npm ci")


def osls(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run osls in a staged directory, with only the test's credentials."""
    require_osls()
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    quiet = {"SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off", "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(
        [str(OSLS), *arguments],
        cwd=directory,
        env={**kept, **quiet, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def params(values: Mapping[str, str]) -> list[str]:
    return [f"--param={name}={value}" for name, value in values.items()]


Packager = Callable[..., Template]


@pytest.fixture(scope="session")
def staged_for_fargate(staged: Staged, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packaged directory of a project with launch_type FARGATE."""
    directory = tmp_path_factory.mktemp("fargate") / "staged"
    shutil.copytree(staged.directory, directory)
    told = json.loads((directory / "packaged.json").read_text(encoding="utf-8"))
    assert (told["launchType"], told["platform"]) == ("ec2", "EC2")
    told |= {"launchType": "fargate", "platform": "FARGATE"}
    (directory / "packaged.json").write_text(json.dumps(told), encoding="utf-8")
    return directory


@pytest.fixture(scope="session")
def package(staged: Staged, staged_for_fargate: Path, tmp_path_factory: pytest.TempPathFactory) -> Packager:
    """Makes the template of a variant and stage, each once."""
    made: dict[Any, Template] = {}

    def make(variant: str, stage_name: str = "dev", **more: str) -> Template:
        key = (variant, stage_name, *sorted(more.items()))
        if key not in made:
            target = tmp_path_factory.mktemp("packaged")
            given = params({**VARIANTS[variant], **more})
            directory = staged_for_fargate if variant == "fargate" else staged.directory
            done = osls(directory, "package", f"--package={target}", f"--stage={stage_name}", *given)
            assert done.returncode == 0, done.stdout + done.stderr
            path = target / "cloudformation-template-update-stack.json"
            made[key] = Template(path, json.loads(path.read_text(encoding="utf-8")))
        return made[key]

    return make


@pytest.fixture(scope="session", params=list(VARIANTS))
def template(request: pytest.FixtureRequest, package: Packager) -> Template:
    """The template of each variant."""
    return package(request.param)
