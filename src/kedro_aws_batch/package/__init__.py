"""Builds what is deployed: the functions' zip, and the directory that `osls deploy` takes."""

from kedro_aws_batch.package.archive import LARGEST, RUNTIMES, Packaged, build_zip, this_runtime
from kedro_aws_batch.package.errors import PackageError
from kedro_aws_batch.package.stage import PACKAGED, ZIP, stage

__all__ = ["LARGEST", "PACKAGED", "RUNTIMES", "ZIP", "PackageError", "Packaged", "build_zip", "stage", "this_runtime"]
