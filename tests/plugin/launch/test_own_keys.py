"""The access keys of datasets that the embedded S3 must take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project
from kedro_aws_batch.launch.own_keys import own_keys
from tests.plugin.project import Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CREDENTIALS: dict[str, Any] = {
    "of_fsspec": {"key": "AKID1", "secret": "s1"},
    "of_boto3": {"client_kwargs": {"aws_access_key_id": "AKID2", "aws_secret_access_key": "s2"}},
    "of_arrow": {"AWS_ACCESS_KEY": "AKID3", "AWS_SECRET_KEY": "s3"},
    "of_none": {"anon": True, "key": None, "secret": "s4"},
    "of_nobody": {"key": "AKID5", "secret": "s5"},
}
#: What `${oc.env:KEY,""}` leaves where there is no such variable: anybody can sign with that.
BLANK = [{"key": "", "secret": ""}, {"key": "a", "secret": ""}, {"key": "", "secret": "b"}, {"key": "a", "secret": " "}]


def test_the_keys_of_the_datasets_and_no_others_are_found(make_project: Callable[[Sources], Path]) -> None:
    catalog = {
        "raw": pickled("s3://b/raw.pkl", credentials="of_fsspec"),
        "{name}dle": pickled("s3://b/{name}.pkl", credentials="of_boto3"),
        "final": {
            "type": "partitions.PartitionedDataset",
            "path": "s3://b/final",
            "credentials": "of_none",
            "dataset": {"type": "pickle.PickleDataset", "credentials": "of_arrow"},
        },
    }
    project = make_project(Sources(catalog=catalog))
    (project / "conf/aws_batch/credentials.yml").write_text(yaml.safe_dump(CREDENTIALS))
    opened = open_project(Opening(path=project))
    found = own_keys(opened.catalog, compile_project(opened).datasets)
    assert found == {"AKID1": "s1", "AKID2": "s2", "AKID3": "s3"}


@pytest.mark.parametrize("config", [None, [], "key", {"key": "a"}, {"secret": "b"}, {"key": 1, "secret": 2}, *BLANK])
def test_what_is_no_pair_is_no_key(config: Any) -> None:
    class Catalog:
        _lazy_datasets = {"one": type("Lazy", (), {"config": config})()}  # noqa: RUF012

    assert own_keys(Catalog(), ["one"]) == {}
