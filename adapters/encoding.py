"""Writes the run table's records as items of DynamoDB, and reads them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import fields
from itertools import starmap
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from dag.records import Array, Job, Run, Worker
from dag.shards import SETS, SHARD_SIZE, Mark, Shard
from dag.status import RunStatus

_AS_JSON = frozenset({"request", "pipelines", "resumed"})
_AS_SET = frozenset({"slots", "announced"})
write = TypeSerializer().serialize
_read = TypeDeserializer().deserialize

Item = dict[str, Any]
RUNNING = write(RunStatus.RUNNING.value)


def key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def shard_key(index: int) -> str:
    return f"shard#{index:04d}"


def mark_key(kind: str, mark: Mark) -> str:
    return f"{kind}#{mark.group:06d}#{mark.attempt:02d}"


def seen_key(shard: int) -> str:
    return f"seen#{shard:04d}"


def worker_key(job_id: str) -> str:
    return f"worker#{job_id}"


#: A new worker's first values: the group that its job was submitted for.
WORKER_BEGINS = (
    "first_mark = if_not_exists(first_mark, :first)",
    "done = if_not_exists(done, :none)",
    "answered = if_not_exists(answered, :zero)",
    "answer_mark = if_not_exists(answer_mark, :first)",
)


def worker_begins(first: Mark) -> Item:
    return {":first": write(mark_text(first)), ":none": write(-1), ":zero": write(0)}


def mark_text(mark: Mark | None) -> str:
    return "" if mark is None else f"{mark.group}-{mark.attempt}"


def read_worker(item: Item) -> Worker:
    closed = item.get("closed")
    return Worker(
        job_id=item["sk"].partition("#")[2],
        first=_read_mark_text(item["first_mark"]) or Mark(0),
        epoch=item.get("epoch", 1),
        done=item["done"],
        answered=item["answered"],
        answer=_read_mark_text(item["answer_mark"]),
        before=_read_mark_text(item.get("before_mark", "")),
        answered_at=item.get("answered_at"),
        waits_until=item.get("waits_until"),
        closed=closed is not None,
        container=None if closed is None else json.loads(closed),
    )


def _read_mark_text(text: str) -> Mark | None:
    return Mark(*map(int, text.split("-"))) if text else None


def beyond_defaults(record: Any, but: str) -> Item:
    """Return the fields of a record whose values are not the defaults, except one field."""
    values = vars(record)
    return {
        field.name: values[field.name]
        for field in fields(record)
        if values[field.name] != field.default and field.name != but
    }


def read_job(item: Item) -> Job:
    return Job(
        mark=mark_of_key(item["sk"]), job_id=item["job_id"], name=item["name"], submitted_at=int(item["submitted_at"])
    )


def array_key(first: Mark) -> str:
    return f"array#{first.group:06d}#{first.attempt:02d}#{first.generation:03d}"


def read_array(item: Item) -> Array:
    first = Mark(*map(int, item["sk"].split("#")[1:]))
    members = tuple(starmap(Mark, json.loads(item["members"])))
    return Array(first, members, item.get("job_id"), int(item["submitted_at"]))


def mark_of_key(sort_key: str) -> Mark:
    _, group, attempt = sort_key.split("#")
    return Mark(int(group), int(attempt))


def numbers(numbers: Collection[int]) -> Item:
    """Return a set of numbers. DynamoDB refuses one that comes twice, as a mark does if an event is delivered twice."""
    return {"NS": [str(number) for number in sorted(set(numbers))]}


def written_item(item: Item) -> Item:
    return {name: write(value) for name, value in item.items()}


def plain_item(item: Mapping[str, Any]) -> Item:
    return {name: _whole(_read(value)) for name, value in item.items()}


def as_tuple(value: Any) -> Any:
    return tuple(map(_whole, value)) if isinstance(value, list) else value


def _whole(value: Any) -> Any:
    return int(value) if type(value).__name__ == "Decimal" else value


class _Numbers(dict[str, int]):
    """Numbers by their digits; to look up those of first attempts takes half the time of reading them."""

    def __missing__(self, digits: str) -> int:
        return int(digits)


_NUMBERS = _Numbers({str(number): number for number in range(SHARD_SIZE)})


def read_shard(index: int, item: Mapping[str, Any]) -> Shard:
    sets = {name: frozenset(map(_NUMBERS.__getitem__, item[name]["NS"])) for name in SETS if name in item}
    return Shard(index, **sets)


def run_item(run: Run) -> Item:
    item: Item = {"pk": f"run#{run.run_id}", "sk": "status"}
    for name, value in vars(run).items():
        if name in _AS_JSON:
            item[name] = json.dumps(value)
        elif name == "status":
            item[name] = run.status.value
        elif value is not None and not (name in _AS_SET and not value):
            item[name] = value
    return item


def read_run(item: Item) -> Run:
    found: Item = {}
    for field in fields(Run):
        if field.name not in item:
            continue
        value = item[field.name]
        if field.name in _AS_JSON:
            value = json.loads(value)
            value = tuple(value) if field.name == "pipelines" else value
        elif field.name == "slots":
            value = frozenset(map(int, value))
        elif field.name == "announced":
            value = frozenset(value)
        elif field.name == "status":
            value = RunStatus(value)
        found[field.name] = value
    return Run(**found)
