"""Refusals of `kedro aws-batch deploy` before anything is packaged, and what packaging takes from the project."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kedro_aws_batch.cli.remove import refuse_open
from kedro_aws_batch.deploy.deployment import DeploymentError
from tests.packaging import packages

from .commands import call
from .project import CONFIGURATION, REMOTE_CHAIN, Sources, write_project

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[Sources], Path]

pytestmark = packages
NETWORK = ("--param=subnets=subnet-01234567", "--param=security_groups=sg-01234567")
EC2 = ("--param=image=x:1", *NETWORK)


@pytest.fixture(scope="module")
def serverless_yml(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The files of init for deployment."""
    project = write_project(tmp_path_factory.mktemp("initialised"), Sources())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        assert call("init", "--force").exit_code == 0
    return (project / "serverless.yml").read_text()


@pytest.fixture
def project(make_project: Make, serverless_yml: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the files of init for deployment, but without osls."""
    made = make_project(Sources(catalog=REMOTE_CHAIN, configuration={**CONFIGURATION, "service": "flights-dev"}))
    (made / "serverless.yml").write_text(serverless_yml)
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
        (NETWORK, "param 'image': is missing: the image of the jobs, in a registry. Set it in `params`"),
        (("--param=image=x:1",), "'subnets': is missing: the ids of the subnets in which jobs run. Set it in `params`"),
        (("--param=imgae=x:1",), "param 'imgae': is not a param. Did you mean 'image'?"),
        (("--param=batch=fargat",), "param 'batch': is 'fargat'. It may be fargate, ec2 or own."),
        (("--param=max_vcpus=abc", *EC2), "'max_vcpus': is 'abc'. It may be a whole number from 1 to 1000000."),
        (
            ("--param=batch=fargate", *EC2),
            "is fargate, and aws_batch.launch_type is EC2, for which the jobs' sizes were",
        ),
        (
            ("--param=fair_share=true", *EC2),
            "'fair_share' is true: job queue 'main_queue': shares fairly, so it takes no",
        ),
        (("--region=europe",), "param 'region': is 'europe'. It may be like eu-west-1."),
        (
            ("--param=batch=own", "--", "--param=spot=yes"),
            "Give --param before --, so that it is checked, too.",
        ),
        (("--param=image",), "--param takes name=value, not 'image'."),
        (
            ("--stage=prod",),
            "'flights-dev', so it is deployed as the stage 'dev', not 'prod'. Give --env",
        ),
        (("--env=aws_btch",), "There is no environment 'aws_btch'"),
        (("--param=batch=own",), "The deployment tool osls isn't installed in"),
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


def test_start_run_may_list_the_buckets_that_serverless_yml_names_for_it(project: Path) -> None:
    assert "start_run may list" not in call("package").output
    assert packaged(project)["reusePolicy"] == {"Resources": {}}
    change(project, reuse_buckets="bucket/part, other")
    assert "start_run may list 'bucket/part', 'other', for runs that reuse.\n" in call("package").output
    assert packaged(project)["reuseBuckets"] == "bucket/part,other"
    change(project, reuse_buckets="${ssm:/x}")
    assert "`reuse_buckets` in serverless.yml is read before osls" in call("package").stderr


@pytest.mark.usefixtures("project")
def test_a_bucket_of_the_catalog_that_jobs_may_not_reach_is_warned_of() -> None:
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


def test_a_stack_is_not_removed_while_runs_are_open() -> None:
    refuse_open([], "aws_batch", False)
    with pytest.raises(DeploymentError) as refused:
        refuse_open(["2026-11-22T13.11.00.123Z"], "prod", False)
    assert str(refused.value) == (
        "1 run is open: '2026-11-22T13.11.00.123Z'. Removing the stack would end its jobs. Wait for the end, or cancel "
        "with `kedro aws-batch cancel --env=prod RUN`; or remove it all the same, with --force."
    )


def test_with_force_open_runs_are_only_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    refuse_open([f"run{number}" for number in range(100)], "aws_batch", True)
    assert capsys.readouterr().err == (
        "Warning: 100 runs or more are open: 'run0', 'run1', 'run2' and 97 more. Their jobs end with the queue, and "
        "nothing tells of that.\n"
    )


def test_what_removing_needs_is_said_before_aws_is_asked(project: Path) -> None:
    unpacked = call("remove")
    assert (unpacked.exit_code, unpacked.stdout) == (1, "")
    assert unpacked.stderr == (
        "Error: The stage 'dev' isn't packaged here, so osls doesn't know its stack: call `kedro aws-batch package "
        "--env=aws_batch` first.\n"
    )
    assert call("package").exit_code == 0
    assert "The deployment tool osls isn't installed in" in call("remove").stderr
    assert "Give --stage before --" in call("remove", "--", "--stage=prod").stderr
    (project / "serverless.yml").unlink()
    assert "There is no serverless.yml in" in call("remove").stderr


@pytest.mark.usefixtures("project")
def test_a_directory_elsewhere_stands_alone(tmp_path: Path) -> None:
    result = call("package", f"--output={tmp_path / 'alone'}")
    assert f"(cd {tmp_path / 'alone'} && npx osls deploy --stage=dev)" in result.output
    assert {path.name for path in (tmp_path / "alone").iterdir()} == {
        "packaged.json",
        "resources",
        "serverless.yml",
        "service.zip",
    }
    assert zipfile.is_zipfile(tmp_path / "alone/service.zip")


def test_all_that_is_wrong_with_the_params_is_said_at_once(project: Path) -> None:
    change(project, spot="yes", subnets="none", stalled_hours=0, run_retention_days="abc", image="x:1")
    told = call("deploy").stderr
    assert told.startswith("Error: 5 problems to solve first:\n")
    assert all(f"param '{name}': is " in told for name in ("spot", "subnets", "stalled_hours", "run_retention_days"))
    assert "param 'security_groups': is missing" in told


def test_what_osls_has_still_to_fill_in_is_not_judged(project: Path) -> None:
    change(project, image="${env:IMAGE}", subnets="${ssm:/net/subnets}", security_groups="sg-01234567", spot=True)
    assert "The deployment tool osls isn't installed in" in call("deploy").stderr


def test_a_job_that_its_environment_has_never_room_for_is_not_deployed(project: Path) -> None:
    file = project / "conf/aws_batch/parameters.yml"
    written = yaml.safe_load(file.read_text())
    written["aws_batch"]["resources"] = {"nodes": {"second": {"vcpus": 96}}}
    file.write_text(yaml.safe_dump(written))
    told = call("deploy", *EC2).stderr
    assert "param 'max_vcpus': is 64, but node 'second' needs 96 vCPUs: its job would wait for ever. Raise it" in told
    assert "isn't installed" in call("deploy", *EC2, "--param=max_vcpus=96").stderr


def test_a_job_of_another_queue_than_the_stack_s_needs_no_room_there(project: Path) -> None:
    file = project / "conf/aws_batch/parameters.yml"
    written = yaml.safe_load(file.read_text())
    written["aws_batch"]["resources"] = {"nodes": {"second": {"vcpus": 96, "job_queue": "large_queue"}}}
    file.write_text(yaml.safe_dump(written))
    assert "isn't installed" in call("deploy", *EC2).stderr
