"""Where the datasets of a graph document lie on S3, for start_run to ask about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from .asked import version_asked
from .document import GraphDocument
from .signatures import UNTOLD
from .stored import S3Place

#: The param of a deployment that names the buckets which start_run may list.
PARAM = "reuse_buckets"
NOT_CONFIGURED = "nobody asked storage, and start_run does only with 'aws_batch.reuse: true' in what is deployed"
NO_BUCKETS = f"nobody asked storage, and start_run may not, since the deployment's param '{PARAM}' names no bucket"


def asked_of_s3(
    document: GraphDocument, names: Iterable[str], request: Mapping[str, Any], buckets: Sequence[str]
) -> tuple[dict[str, S3Place], dict[str, str]]:
    """Return where datasets lie in buckets, or parts of them, and why the others can't be asked about."""
    if source := request.get("conf_source"):
        return {}, dict.fromkeys(names, f"the configuration in '{source}' may have it elsewhere")
    places: dict[str, S3Place] = {}
    untold: dict[str, str] = {}
    for name in names:
        told = document.places.get(name, f"{UNTOLD}the deployment does not say where it lies")
        if told.startswith(UNTOLD):
            untold[name] = told.removeprefix(UNTOLD)
        elif not _within(told, buckets):
            bucket = told.partition("/")[0]
            untold[name] = (
                f"start_run may not ask: the deployment's param '{PARAM}' doesn't have its place in '{bucket}'"
            )
        else:
            bucket, _, key = told.partition("/")
            versioned = _has_versions(document, name)
            places[name] = S3Place(bucket, key, versioned, version_asked(request, name) if versioned else None)
    return places, untold


def _within(path: str, buckets: Collection[str]) -> bool:
    return any(path.startswith(f"{one.rstrip('/')}/") for one in buckets)


def _has_versions(document: GraphDocument, name: str) -> bool:
    """Return whether its place has versions. In one of partitions each partition has its own."""
    dataset = document.datasets[name]
    return dataset.versioned and dataset.partitions is None
