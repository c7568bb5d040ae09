"""Builds the deployment: the functions' zip, and the directory that `osls deploy` takes."""

from kedro_aws_batch.package.archive import LARGEST, RUNTIMES, Packaged, build_zip, this_runtime
from kedro_aws_batch.package.errors import PackageError
from kedro_aws_batch.package.stage import SERVICE, ZIP, StageSettings, service_and_stage, stage
from kedro_aws_batch.service_root import PACKAGED

__all__ = [
    "LARGEST",
    "PACKAGED",
    "RUNTIMES",
    "SERVICE",
    "ZIP",
    "PackageError",
    "Packaged",
    "StageSettings",
    "build_zip",
    "service_and_stage",
    "stage",
    "this_runtime",
]
