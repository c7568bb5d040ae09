"""What a local run leaves behind for the next: the objects on S3, the run table and the jobs' logs.

It lies in `<project>/.kedro_aws_batch/local/`: each object once, by its ETag, under `objects/`; `index.json`, whose
replacement is the moment at which a new state counts; the last runs' logs under `logs/`.
"""

from __future__ import annotations

import base64
import json
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.client import read_state
from kedro_aws_batch.files import PRIVATE, write_atomically

from .logs import save_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from kedro_aws_batch.client import RunState

FOLDER = ".kedro_aws_batch/local"
FORMAT = 1
#: Says, while a local run is in progress, where its embedded AWS is, and by which key one may ask it.
LIVE = "live.json"
KEPT_LOGS = 20
KEPT_RUNS = 100


def folder(project: Path) -> Path:
    """Return where the state of a project's local runs lies."""
    return project / FOLDER


def forget(project: Path) -> None:
    """Start from nothing."""
    shutil.rmtree(folder(project), ignore_errors=True)


def save(project: Path, client: Callable[..., Any]) -> None:
    """Write down all buckets' objects and all tables' items, then drop what is no longer referred to."""
    place = folder(project)
    objects = {bucket: _save_bucket(place, client("s3"), bucket) for bucket in _buckets(client("s3"))}
    tables = {name: list(_items(client("dynamodb"), name)) for name in client("dynamodb").list_tables()["TableNames"]}
    index = {"format": FORMAT, "objects": objects, "tables": tables}
    write_atomically(place / ".gitignore", b"*\n")
    write_atomically(place / "index.json", json.dumps(index, default=_binary).encode())
    kept = {etag for keys in objects.values() for etag in keys.values()}
    for file in (place / "objects").glob("*"):
        if file.name not in kept:
            file.unlink()


def load(project: Path, client: Callable[..., Any]) -> int:
    """Put back what the last run left, buckets included, and return the number of objects."""
    index = _index(folder(project))
    s3, dynamodb = client("s3"), client("dynamodb")
    for bucket, keys in index["objects"].items():
        create_bucket(s3, bucket)
        for key, etag in keys.items():
            s3.put_object(Bucket=bucket, Key=key, Body=(folder(project) / "objects" / etag).read_bytes())
    existing = dynamodb.list_tables()["TableNames"]
    for table, items in index["tables"].items():
        for item in items if table in existing else ():
            dynamodb.put_item(TableName=table, Item=_with_bytes(item))
    return sum(map(len, index["objects"].values()))


def create_bucket(s3: Any, bucket: str) -> None:
    """Create a bucket, unless there is one."""
    if bucket not in _buckets(s3):
        s3.create_bucket(Bucket=bucket)


def save_logs(project: Path, logs: Any, state: RunState) -> Path:
    """Write each job's log to a file, and return the folder; only the last runs' logs are kept."""
    place = folder(project) / "logs"
    for group in state.groups:
        if group.log_stream:
            save_log(place / state.run_id, logs, group)
    for old in sorted(place.iterdir() if place.is_dir() else ())[:-KEPT_LOGS]:
        shutil.rmtree(old, ignore_errors=True)
    return place / state.run_id


def save_run(project: Path, state: RunState) -> None:
    """Keep a run as `describe_run` told it last; only the last runs are kept."""
    place = folder(project) / "runs"
    write_atomically(place / f"{state.run_id}.json", json.dumps(asdict(state)).encode())
    for old in sorted(place.glob("*.json"))[:-KEPT_RUNS]:
        old.unlink()


@dataclass(frozen=True)
class Live:
    """Where the embedded AWS of a local run in progress is, and the key that it wants."""

    endpoint_url: str
    region: str
    #: The prefix of its functions' names.
    service: str
    access_key_id: str
    secret_access_key: str = field(repr=False)


@contextmanager
def in_progress(project: Path, live: Live) -> Iterator[None]:
    """Let other commands of the same user find the embedded AWS while this lasts."""
    place = folder(project) / LIVE
    write_atomically(place, json.dumps(asdict(live)).encode(), PRIVATE)
    try:
        yield
    finally:
        place.unlink(missing_ok=True)


def live(project: Path) -> Live | None:
    """Return where the embedded AWS of a local run in progress is; None if nothing says that there is one."""
    try:
        return Live(**json.loads((folder(project) / LIVE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def kept_runs(project: Path) -> list[RunState]:
    """Return the runs that are kept, newest first."""
    files = sorted((folder(project) / "runs").glob("*.json"), reverse=True)
    return [read_state(json.loads(file.read_bytes())) for file in files]


def kept_run(project: Path, run_id: str) -> RunState | None:
    """Return a run that is kept, or None."""
    file = folder(project) / "runs" / f"{run_id}.json"
    # `run_id` may be anything that somebody typed or put into an address.
    return read_state(json.loads(file.read_bytes())) if file.name == f"{run_id}.json" and file.is_file() else None


def _save_bucket(place: Path, s3: Any, bucket: str) -> dict[str, str]:
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            etag = found[entry["Key"]] = entry["ETag"].strip('"')
            if not (place / "objects" / etag).exists():
                write_atomically(
                    place / "objects" / etag, s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
                )
    return found


def _buckets(s3: Any) -> list[str]:
    return [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def _items(dynamodb: Any, table: str) -> Iterable[dict[str, Any]]:
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def _index(place: Path) -> dict[str, Any]:
    """Return the index, or an empty one if there is none that can be read: then a run starts from nothing."""
    try:
        index = json.loads((place / "index.json").read_bytes())
    except (OSError, ValueError):
        index = {}
    sound = isinstance(index, dict) and index.get("format") == FORMAT
    return index if sound else {"objects": {}, "tables": {}}


def _binary(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} in a table's item")


def _with_bytes(value: Any) -> Any:
    """Return an item with its binary attributes, which are typed `B` and `BS`, as bytes."""
    if isinstance(value, list):
        return [_with_bytes(one) for one in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("B"), str):
        return {"B": base64.b64decode(value["B"])}
    if isinstance(value.get("BS"), list):
        return {"BS": [base64.b64decode(one) for one in value["BS"]]}
    return {key: _with_bytes(one) for key, one in value.items()}
