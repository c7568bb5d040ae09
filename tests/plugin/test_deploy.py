"""What `kedro aws-batch deploy` refuses before anything is packaged, and what packaging takes from the project."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from .commands import call
from .project import CONFIGURATION, REMOTE_CHAIN, Sources

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[Sources], Path]

NETWORK = ("--param=subnets=subnet-1", "--param=security_groups=sg-1")


@pytest.fixture
def project(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with what init writes for deploying, and without osls."""
    made = make_project(Sources(catalog=REMOTE_CHAIN, configuration={**CONFIGURATION, "service": "flights-dev"}))
    monkeypatch.chdir(made)
    other = make_project(Sources())
    monkeypatch.chdir(other)
    assert call("init", "--force").exit_code == 0
    (made / "serverless.yml").write_text((other / "serverless.yml").read_text())
    monkeypatch.chdir(made)
    return made


def change(project: Path, **params: Any) -> None:
    """Set params of all stages in serverless.yml."""
    written = yaml.safe_load((project / "serverless.yml").read_text())
    written["params"]["default"].update(params)
    (project / "serverless.yml").write_text(yaml.safe_dump(written, sort_keys=False))


def packaged(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / "build/aws_batch/dev/packaged.json").read_text())
    return found


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            NETWORK,
            "the stage 'dev' needs `image`, the image of the jobs, that is pushed to a registry. Say so",
        ),
        (
            ("--param=image=x:1",),
            "needs `subnets`, the ids of the subnets in which jobs run; `security_groups`,",
        ),
        (("--param=imgae=x:1",), "Nothing reads the param 'imgae'. Did you mean 'image'?"),
        (("--param=batch=fargat",), "`batch` can't be 'fargat': write fargate, ec2 or own."),
        (("--param=image",), "--param takes name=value, which 'image' is not."),
        (
            ("--stage=prod",),
            "'flights-dev', so it is deployed as the stage 'dev', not 'prod'. Give --env",
        ),
        (("--env=aws_btch",), "There is no environment 'aws_btch'"),
        (("--param=batch=own",), "osls, which deploys, isn't installed in"),
    ],
)
def test_what_would_fail_on_aws_is_refused_in_one_sentence(project: Path, words: tuple[str, ...], message: str) -> None:
    result = call("deploy", *words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (project / "build").exists()


def test_a_graph_that_fails_the_check_is_not_deployed(project: Path) -> None:
    (project / "conf/aws_batch/catalog.yml").write_text("raw: {type: pickle.PickleDataset, filepath: data/raw.pkl}\n")
    result = call("deploy", "--param=batch=own")
    assert result.exit_code == 1
    assert "'raw'" in result.stderr
    assert not (project / "build").exists()


def test_without_a_serverless_yml_the_command_that_writes_it_is_named(project: Path) -> None:
    (project / "serverless.yml").unlink()
    assert "There is no serverless.yml in" in call("deploy").stderr
    (project / "serverless.yml").write_text("service: mine\n")
    assert "takes nothing from build/aws_batch: `kedro aws-batch init --force` writes one" in call("deploy").stderr


def test_jobs_may_reach_the_buckets_that_serverless_yml_names(project: Path) -> None:
    change(project, buckets="bucket/part, other")
    result = call("package")
    assert "Jobs may read and write 'bucket/part', 'other'." in result.output
    policy, _ = packaged(project)["jobPolicies"]
    assert "arn:${AWS::Partition}:s3:::bucket/part/*" in json.dumps(policy)


def test_a_bucket_of_the_catalog_that_jobs_may_not_reach_is_warned_of(project: Path) -> None:
    result = call("package", "--bucket=elsewhere")
    assert result.stderr == (
        "Warning: the catalog has datasets in the bucket 'bucket', which is not among those that jobs may read and "
        "write: 'elsewhere'.\n"
    )


def test_the_schedules_of_the_environment_are_deployed(project: Path) -> None:
    (project / "conf/aws_batch/schedules.yml").write_text("- {schedule: rate(2 hours), pipeline: opening}\n")
    assert call("package").exit_code == 0
    assert [each["schedule"]["rate"] for each in packaged(project)["schedules"]] == [["rate(2 hours)"]]


def test_another_environment_is_packaged_beside_for_its_own_stage(project: Path) -> None:
    there = project / "conf/aws_batch_prod"
    there.mkdir()
    for name in ("catalog.yml", "parameters.yml"):
        text = (project / "conf/aws_batch" / name).read_text()
        (there / name).write_text(text.replace("flights-dev", "flights-prod").replace("main_queue", "prod_queue"))
    assert "npx osls deploy --stage=prod" in call("package", "--env=aws_batch_prod").output
    assert call("package").exit_code == 0
    assert (packaged(project)["service"], packaged(project)["jobQueue"]) == ("flights", "main_queue")
    prod = json.loads((project / "build/aws_batch/prod/packaged.json").read_text())
    assert (prod["service"], prod["jobQueue"]) == ("flights", "prod_queue")


def test_a_directory_elsewhere_stands_alone(project: Path, tmp_path: Path) -> None:
    result = call("package", f"--output={tmp_path / 'alone'}")
    assert f"(cd {tmp_path / 'alone'} && npx osls deploy --stage=dev)" in result.output
    assert {path.name for path in (tmp_path / "alone").iterdir()} == {
        "packaged.json",
        "resources",
        "serverless.yml",
        "service.zip",
    }
    assert zipfile.is_zipfile(tmp_path / "alone/service.zip")
