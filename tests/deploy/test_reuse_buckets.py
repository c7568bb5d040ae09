"""The param `reuse_buckets`: start_run may list these buckets, or parts of them, and nothing else may anything more."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kedro_aws_batch.package import StageSettings, stage
from kedro_aws_batch.package.data import reuse_policy
from kedro_aws_batch.package.errors import PackageError

from .conftest import GOLDEN, ROOT, VARIANTS, Packager, Template, osls, params
from .test_roles import statement
from .test_template import FUNCTIONS, functions, role_of


def arn(bucket: str) -> list[dict[str, str]]:
    return [{"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{bucket}"}]


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The template of a stage whose start_run may list a bucket, and parts of another."""
    root = tmp_path_factory.mktemp("listing")
    stage(GOLDEN, root / "staged", StageSettings(reuse_buckets=["flights", "shared/raw", "shared/out/"]))
    done = osls(root / "staged", "package", f"--package={root / 'made'}", "--stage=dev", *params(VARIANTS["own"]))
    assert done.returncode == 0, done.stdout + done.stderr
    path = root / "made/cloudformation-template-update-stack.json"
    return Template(path, json.loads(path.read_text(encoding="utf-8")))


def test_start_run_may_list_these_buckets_and_read_nothing_in_them(listing: Template, package: Packager) -> None:
    (policy,) = listing.of_type("AWS::IAM::RolePolicy").values()
    assert policy["RoleName"] == {"Ref": role_of(listing, "start_run")}
    told = policy["PolicyDocument"]["Statement"]
    assert {each["Effect"] for each in told} == {"Allow"}
    assert {statement(each["Action"], each["Resource"], each.get("Condition")) for each in told} == {
        statement("s3:ListBucket", arn("flights")),
        statement("s3:ListBucket", arn("shared"), {"StringLike": {"s3:prefix": ["out/*", "raw/*"]}}),
    }
    roles = [one.of_type("AWS::IAM::Role") for one in (listing, package("own"))]
    assert {**roles[1], "SchedulerRole": None} == {**roles[0], "SchedulerRole": None}
    told_buckets = {
        name: each["Environment"]["Variables"].get("REUSE_BUCKETS") for name, each in functions(listing).items()
    }
    assert told_buckets == {**dict.fromkeys(FUNCTIONS), "start_run": "flights,shared/raw,shared/out/"}


def test_without_the_param_there_is_no_such_permission(template: Template) -> None:
    assert template.of_type("AWS::IAM::RolePolicy") == {}
    assert functions(template)["start_run"]["Environment"]["Variables"]["REUSE_BUCKETS"] == ""


def test_that_is_all_that_the_adapter_calls() -> None:
    source = (ROOT / "adapters/storage.py").read_text(encoding="utf-8")
    assert set(re.findall(r"_client\.([a-z_0-9]+)[( ]", source)) == {"list_objects_v2"}


@pytest.mark.parametrize(
    ("buckets", "wanted"),
    [
        (["b-1", "a-1", "b-1"], [(arn("a-1") + arn("b-1"), None)]),
        (["a-1/x", "a-1"], [(arn("a-1"), None)]),
        (["a-1/x", "b-1/y/"], [(arn("a-1"), ["x/*"]), (arn("b-1"), ["y/*"])]),
    ],
)
def test_a_bucket_s_parts_are_its_prefixes(buckets: list[str], wanted: list[Any]) -> None:
    policy = reuse_policy(buckets)["Resources"]["ReusePolicy"]["Properties"]
    told = policy["PolicyDocument"]["Statement"]
    prefixes = [one.get("Condition", {}).get("StringLike", {}).get("s3:prefix") for one in told]
    assert [(one["Resource"], some) for one, some in zip(told, prefixes, strict=True)] == wanted


def test_what_is_no_bucket_is_refused_before_anything_is_packaged(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"'flights/[*]' is not a bucket"):
        stage(GOLDEN, tmp_path / "staged", StageSettings(reuse_buckets=["flights/*"]))
    assert not (tmp_path / "staged").exists()
