"""Errors of packaging."""

from __future__ import annotations

from kedro_aws_batch.errors import KedroAwsBatchError


class PackageError(KedroAwsBatchError):
    """The deployment can't be built."""
