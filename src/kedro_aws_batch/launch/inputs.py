"""What a local run needs on the embedded S3 before it starts: the buckets, and the inputs that no node makes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from kedro.io import AbstractDataset
from kedro.io.catalog_config_resolver import CatalogConfigResolver

from kedro_aws_batch._service.dag.document import base_name, is_parameter
from kedro_aws_batch.errors import ProjectError
from kedro_aws_batch.graph.datasets import buckets_of, of_config
from kedro_aws_batch.graph.places import LOCAL, without_local_protocol
from kedro_aws_batch.graph.project import catalog_of_plain_run
from kedro_aws_batch.quiet import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from kedro_aws_batch.graph.compile import Compiled
    from kedro_aws_batch.graph.project import Project

S3_PATH = re.compile(r"^s3[an]?://([^/]+)/*(.*)$")


@dataclass(frozen=True)
class Input:
    """An input on S3, and the local file or folder that another environment of the project has for it."""

    dataset: str
    bucket: str
    key: str
    source: Path | None


@dataclass(frozen=True)
class Upload:
    """One file to put in a bucket."""

    bucket: str
    key: str
    file: Path


@dataclass(frozen=True)
class Uploaded:
    """What was put on S3, and what was already there."""

    files: int = 0
    size: int = 0
    unchanged: int = 0


def buckets(compiled: Compiled) -> list[str]:
    """Return the buckets of the graph's datasets."""
    return sorted({bucket for dataset in compiled.datasets.values() for bucket in buckets_of(dataset)})


def free_inputs(compiled: Compiled, sources: Mapping[str, Path]) -> list[Input]:
    """Return the inputs on S3 that no node of any pipeline makes, each with its local source if there is one."""
    made = {base_name(name) for node in compiled.nodes for name in node.outputs}
    read = {name for node in compiled.nodes for name in node.inputs if not is_parameter(name)}
    found: dict[tuple[str, str], Input] = {}
    for name in sorted(name for name in read if base_name(name) not in made):
        match = S3_PATH.match(compiled.datasets[name].path or "")
        if match:
            found.setdefault((match[1], match[2]), Input(name, match[1], match[2], sources.get(name)))
    return list(found.values())


def upload(s3: S3Client, inputs: Collection[Input], needed: Collection[str], exists: Callable[[str], bool]) -> Uploaded:
    """Put the current inputs into their buckets, unless they are there already.

    Raises a ProjectError, before anything is put, that lists the needed inputs which exist neither here nor in their
    buckets, nor in the eyes of the datasets themselves.
    """
    asked = (one for one in inputs if one.dataset in needed)
    missing = [one for one in asked if not _is_somewhere(s3, one) and not exists(one.dataset)]
    if missing:
        raise ProjectError("\n".join(["No node makes these inputs, and they don't exist:", *map(_nowhere, missing)]))
    files = size = unchanged = 0
    for one in inputs:
        for file in _files(one):
            content = file.file.read_bytes()
            if _etag(s3, file) == hashlib.md5(content, usedforsecurity=False).hexdigest():
                unchanged += 1
                continue
            s3.put_object(Bucket=file.bucket, Key=file.key, Body=content)
            files, size = files + 1, size + len(content)
    return Uploaded(files, size, unchanged)


def _is_somewhere(s3: S3Client, one: Input) -> bool:
    if one.source is not None and one.source.exists():
        return True
    prefix = one.key.rstrip("/")
    return _first(s3, one.bucket, one.key) == one.key or _first(s3, one.bucket, f"{prefix}/") is not None


def _first(s3: S3Client, bucket: str, prefix: str) -> str | None:
    """Return the first key with a prefix; a key that is just the prefix comes before all others."""
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("Contents", [])
    return found[0]["Key"] if found else None


def exists(project: Project, name: str) -> bool:
    """Whether a dataset says that it exists; one that can't tell counts as existing."""
    dataset = project.catalog.get(name)
    if getattr(type(dataset), "_exists", None) is AbstractDataset._exists:  # noqa: SLF001  (which says no, and warns)
        return True
    try:
        return bool(dataset.exists())
    except Exception as error:
        raise ProjectError(f"Can't tell whether '{name}' exists: {type(error).__name__}: {error}") from error


def _nowhere(one: Input) -> str:
    place = f"s3://{one.bucket}/{one.key}"
    if one.source is None:
        return f"  '{one.dataset}' at {place}: name a local file for it in conf/base/catalog.yml to have it uploaded."
    return f"  '{one.dataset}' at {place}: its local file '{one.source}' does not exist."


def _files(one: Input) -> Iterator[Upload]:
    if one.source is None or not one.source.exists():
        return
    if one.source.is_file():
        yield Upload(one.bucket, one.key, one.source)
        return
    for file in sorted(one.source.rglob("*")):
        if file.is_file() and not file.name.startswith("."):
            yield Upload(one.bucket, f"{one.key.rstrip('/')}/{file.relative_to(one.source).as_posix()}", file)


def _etag(s3: S3Client, file: Upload) -> str | None:
    try:
        return s3.head_object(Bucket=file.bucket, Key=file.key)["ETag"].strip('"')
    except ClientError:
        return None


def local_sources(project: Project, names: Collection[str]) -> dict[str, Path]:
    """Return the local paths that datasets have in the environment of a plain `kedro run` with the same parameters."""

    with silent("kedro.io.catalog_config_resolver"):
        config = _without_credentials(catalog_of_plain_run(project))
        resolver = CatalogConfigResolver(config, None, {"{default}": {"type": "MemoryDataset"}})
        found = {name: of_config(resolver.resolve_pattern(name)) for name in names}
    paths = {name: dataset.places[0] for name, dataset in found.items() if dataset.places}  # not of its checkpoint
    return {
        name: project.path / without_local_protocol(place.path)
        for name, place in paths.items()
        if place.location == LOCAL and not place.is_secret
    }


def _without_credentials(config: Any) -> Any:
    if isinstance(config, dict):
        return {key: _without_credentials(value) for key, value in config.items() if key != "credentials"}
    return config
