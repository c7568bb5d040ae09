"""What can go wrong when packaging."""

from __future__ import annotations

from kedro_aws_batch.errors import KedroAwsBatchError


class PackageError(KedroAwsBatchError):
    """What is to be deployed can't be built."""
