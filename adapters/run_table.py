"""The run table in DynamoDB.

Its items, by partition key and sort key:

| pk           | sk              | what                                                    | written            |
|--------------|-----------------|---------------------------------------------------------|--------------------|
| run#<run id> | status          | the run's status, request, counts of groups and nodes   | forward only       |
| run#<run id> | plan#<digest>#n | the plan, compressed, in pieces of less than 400 KB     | once               |
| run#<run id> | shard#<index>   | number sets of 256 groups                               | by ADD only        |
| run#<run id> | job#<group>#<n> | the job of an attempt                                   | once               |
| run#<run id> | array#<claim>   | an array job and its members                            | twice              |
| run#<run id> | end#<group>#<n> | how the attempt ended                                   | once, or again     |
| run#<run id> | seen#<index>    | a shard's claims without a job, and when first seen     | by reconcile       |
| key#<key>    | key             | the run that an idempotency key means                   | once, or moved     |
| durations#…  | <environment>   | how long a project's groups took                        | at a run's end     |
| active       | <run id>        | a run that is not settled                               | deleted at the end |
| runs         | <run id>        | every run, for list_runs                                | once               |

Each method is one call on one item, or one that reads several: no transactions, no condition over two items.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from adapters.ports import Page
from dag.records import Array, Job, Outcome, Run
from dag.shards import SETS, Mark, Shard
from dag.status import RunStatus

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_AS_JSON = frozenset({"request", "pipelines", "resumed"})
_AS_SET = frozenset({"slots", "announced"})
_write = TypeSerializer().serialize
_read = TypeDeserializer().deserialize

Item = dict[str, Any]


class DynamoRunTable:
    """The run table; see `adapters.ports.RunTable` for what each method promises."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    def put_key(self, key: str, run_id: str, expires_at: int) -> bool:
        item = {"pk": f"key#{key}", "sk": "key", "run_id": run_id, "expires_at": expires_at}
        return self._put_new(item)

    def get_key(self, key: str) -> str | None:
        item = self._get(f"key#{key}", "key")
        return None if item is None else str(item["run_id"])

    def move_key(self, key: str, run_id: str, instead: str) -> bool:
        return self._update(
            f"key#{key}",
            "key",
            "SET run_id = :new",
            {":new": _write(run_id), ":old": _write(instead)},
            condition="run_id = :old",
        )

    def put_active(self, run_id: str) -> None:
        self._client.put_item(TableName=self._name, Item=_item({"pk": "active", "sk": run_id}))

    def delete_active(self, run_id: str) -> None:
        self._client.delete_item(TableName=self._name, Key=_key("active", run_id))

    def active(self, after: str | None) -> Page:
        return self._list("active", after, forward=True, limit=100)

    def get_suspects(self, run_id: str, shards: Collection[int]) -> Mapping[int, Mapping[int, int]]:
        items = self._get_many([(f"run#{run_id}", _seen_key(shard)) for shard in shards])
        return {
            int(item["sk"].partition("#")[2]): {int(number): at for number, at in json.loads(item["seen"]).items()}
            for item in items
        }

    def put_suspects(self, run_id: str, suspects: Mapping[int, Mapping[int, int]], expires_at: int) -> None:
        self._put_many(
            {
                "pk": f"run#{run_id}",
                "sk": _seen_key(shard),
                "seen": json.dumps(seen, separators=(",", ":")),
                "expires_at": expires_at,
            }
            for shard, seen in suspects.items()
        )

    def put_listing(self, run_id: str, expires_at: int) -> None:
        self._client.put_item(TableName=self._name, Item=_item({"pk": "runs", "sk": run_id, "expires_at": expires_at}))

    def listings(self, before: str | None, limit: int) -> Page:
        return self._list("runs", before, forward=False, limit=limit)

    def put_plan(self, run_id: str, piece: tuple[str, int], body: bytes, expires_at: int) -> None:
        sort_key = f"plan#{piece[0]}#{piece[1]:03d}"
        item = {"pk": f"run#{run_id}", "sk": sort_key, "body": body, "expires_at": expires_at}
        self._client.put_item(TableName=self._name, Item=_item(item))

    def get_plan(self, run_id: str, digest: str) -> list[bytes]:
        chunks: list[bytes] = []
        start: Item | None = None
        while True:
            items, start = self._query(f"run#{run_id}", f"plan#{digest}#", f"plan#{digest}#~", start)
            chunks += [bytes(item["body"]) for item in items]
            if start is None:
                return chunks

    def get_durations(self, project: str, environment: str) -> bytes | None:
        item = self._get(f"durations#{project}", environment)
        return None if item is None else bytes(item["body"])

    def put_durations(self, project: str, environment: str, packed: bytes) -> None:
        item = {"pk": f"durations#{project}", "sk": environment, "body": packed}
        self._client.put_item(TableName=self._name, Item=_item(item))

    def put_run(self, run: Run) -> bool:
        return self._put_new(_run_item(run))

    def void_run(self, run_id: str, expires_at: int) -> bool:
        return self._update(
            f"run#{run_id}",
            "status",
            "SET is_void = :yes, expires_at = :at",
            {":yes": _write(True), ":at": _write(expires_at)},
            condition="attribute_not_exists(#status)",
            names={"#status": "status"},
        )

    def get_run(self, run_id: str) -> Run | None:
        item = self._get(f"run#{run_id}", "status")
        return None if item is None or "is_void" in item else _run(item)

    def get_runs(self, run_ids: Sequence[str]) -> list[Run]:
        items = self._get_many([(f"run#{run_id}", "status") for run_id in run_ids])
        return [_run(item) for item in items if "is_void" not in item]

    def end_run(self, run_id: str, status: RunStatus, reason: str | None, at: int) -> bool:
        return self._update(
            f"run#{run_id}",
            "status",
            "SET #status = :status, reason = :reason, ended_at = :at",
            {":status": _write(status.value), ":reason": _write(reason), ":at": _write(at), ":running": _RUNNING},
            condition="#status = :running",
            names={"#status": "status"},
        )

    def expire_run(self, run_id: str, expires_at: int) -> None:
        self._update(
            f"run#{run_id}",
            "status",
            "SET expires_at = :at",
            {":at": _write(expires_at)},
            condition="attribute_exists(pk)",
        )

    def flag_failure(self, run_id: str, reason: str) -> None:
        self._update(
            f"run#{run_id}",
            "status",
            "SET failure = if_not_exists(failure, :reason)",
            {":reason": _write(reason), ":running": _RUNNING},
            condition="#status = :running",
            names={"#status": "status"},
        )

    def flag_announced(self, run_id: str, what: str) -> None:
        self._update(
            f"run#{run_id}",
            "status",
            "ADD announced :what",
            {":what": {"SS": [what]}},
            condition="attribute_exists(pk)",
        )

    def take_slots(self, run_id: str, slots: Collection[int], most: int) -> bool:
        if len(slots) > most:
            return False
        return self._update(
            f"run#{run_id}",
            "status",
            "ADD slots :slots",
            {":slots": _numbers(slots), ":room": _write(most - len(slots)), ":running": _RUNNING},
            condition="#status = :running AND (attribute_not_exists(slots) OR size(slots) <= :room)",
            names={"#status": "status"},
        )

    def free_slots(self, run_id: str, slots: Collection[int]) -> Run | None:
        try:
            answer = self._client.update_item(
                TableName=self._name,
                Key=_key(f"run#{run_id}", "status"),
                UpdateExpression="DELETE slots :slots",
                ConditionExpression="attribute_exists(pk)",  # or UpdateItem would make an item of its keys alone
                ExpressionAttributeValues={":slots": _numbers(slots)},
                ReturnValues="ALL_NEW",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return _run(_plain(answer["Attributes"]))

    def add_marks(self, run_id: str, shard: int, marks: Mapping[str, Collection[int]]) -> Shard:
        wanted = {name: numbers for name, numbers in marks.items() if numbers}
        answer = self._client.update_item(
            TableName=self._name,
            Key=_key(f"run#{run_id}", _shard_key(shard)),
            UpdateExpression="ADD " + ", ".join(f"{name} :{name}" for name in wanted),
            ExpressionAttributeValues={f":{name}": _numbers(numbers) for name, numbers in wanted.items()},
            ReturnValues="ALL_OLD",
        )
        return _shard(shard, answer.get("Attributes", {}))

    def claim(self, run_id: str, shard: int, numbers: Collection[int], expires_at: int | None = None) -> Shard:
        values: Item = {":claimed": _numbers(numbers)}
        if expires_at is not None:
            values[":expires_at"] = _write(expires_at)
        answer = self._client.update_item(
            TableName=self._name,
            Key=_key(f"run#{run_id}", _shard_key(shard)),
            UpdateExpression=("" if expires_at is None else "SET expires_at = :expires_at ") + "ADD claimed :claimed",
            ExpressionAttributeValues=values,
            ReturnValues="ALL_OLD",
        )
        return _shard(shard, answer.get("Attributes", {}))

    def shards(self, run_id: str, after: int | None) -> tuple[list[Shard], int | None]:
        start = None if after is None else _key(f"run#{run_id}", _shard_key(after))
        answer = self._query_raw(f"run#{run_id}", "shard#", "shard#~", start)
        shards = [_shard(int(item["sk"]["S"].partition("#")[2]), item) for item in answer["Items"]]
        return shards, (shards[-1].index if answer.get("LastEvaluatedKey") and shards else None)

    def get_shards(self, run_id: str, indices: Collection[int]) -> list[Shard]:
        keys = [(f"run#{run_id}", _shard_key(index)) for index in indices]
        return [_shard(int(item["sk"]["S"].partition("#")[2]), item) for item in self._get_many_raw(keys)]

    def put_jobs(self, run_id: str, jobs: Sequence[Job], expires_at: int) -> None:
        self._put_many(
            {
                "pk": f"run#{run_id}",
                "sk": _mark_key("job", job.mark),
                "job_id": job.job_id,
                "name": job.name,
                "submitted_at": job.submitted_at,
                "expires_at": expires_at,
            }
            for job in jobs
        )

    def get_jobs(self, run_id: str, marks: Collection[Mark]) -> list[Job]:
        return [_job(item) for item in self._get_many([(f"run#{run_id}", _mark_key("job", mark)) for mark in marks])]

    def jobs(self, run_id: str, first: int, last: int, after: Mark | None) -> tuple[list[Job], Mark | None]:
        items, more = self._marked(run_id, "job", (first, last), after)
        jobs = [_job(item) for item in items]
        return jobs, (jobs[-1].mark if more and jobs else None)

    def put_array(self, run_id: str, array: Array, expires_at: int) -> None:
        item: Item = {
            "pk": f"run#{run_id}",
            "sk": _array_key(array.first),
            "members": json.dumps([[mark.group, mark.attempt] for mark in array.members], separators=(",", ":")),
            "submitted_at": array.submitted_at,
            "expires_at": expires_at,
        }
        if array.job_id is not None:
            item["job_id"] = array.job_id
        self._client.put_item(TableName=self._name, Item=_item(item))

    def get_array(self, run_id: str, first: Mark) -> Array | None:
        item = self._get(f"run#{run_id}", _array_key(first))
        return None if item is None else _array(item)

    def arrays(self, run_id: str, after: Mark | None) -> tuple[list[Array], Mark | None]:
        start = None if after is None else _key(f"run#{run_id}", _array_key(after))
        items, more = self._query(f"run#{run_id}", "array#", "array#~", start)
        arrays = [_array(item) for item in items]
        return arrays, (arrays[-1].first if more and arrays else None)

    def put_outcomes(self, run_id: str, outcomes: Sequence[Outcome], expires_at: int) -> None:
        self._put_many(
            {
                "pk": f"run#{run_id}",
                "sk": _mark_key("end", outcome.mark),
                "expires_at": expires_at,
                **{name: value for name, value in vars(outcome).items() if name != "mark" and value is not None},
            }
            for outcome in outcomes
        )

    def outcomes(self, run_id: str, first: int, last: int, after: Mark | None) -> tuple[list[Outcome], Mark | None]:
        items, more = self._marked(run_id, "end", (first, last), after)
        known = {field.name for field in fields(Outcome)} - {"mark"}
        ends = [
            Outcome(_mark(item["sk"]), **{name: _as_tuple(item[name]) for name in known & item.keys()})
            for item in items
        ]
        return ends, (ends[-1].mark if more and ends else None)

    def _marked(
        self, run_id: str, kind: str, groups: tuple[int, int], after: Mark | None
    ) -> tuple[list[Item], Item | None]:
        start = None if after is None else _key(f"run#{run_id}", _mark_key(kind, after))
        return self._query(f"run#{run_id}", f"{kind}#{groups[0]:06d}#", f"{kind}#{groups[1]:06d}#~", start)

    def _put_new(self, item: Item) -> bool:
        try:
            self._client.put_item(
                TableName=self._name, Item=_item(item), ConditionExpression="attribute_not_exists(pk)"
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _update(  # noqa: PLR0913, PLR0917 - one call of DynamoDB, spelled out
        self,
        pk: str,
        sk: str,
        expression: str,
        values: Item,
        condition: str | None = None,
        names: Mapping[str, str] | None = None,
    ) -> bool:
        options: Item = {"ConditionExpression": condition} if condition else {}
        if names:
            options["ExpressionAttributeNames"] = names
        try:
            self._client.update_item(
                TableName=self._name,
                Key=_key(pk, sk),
                UpdateExpression=expression,
                ExpressionAttributeValues=values,
                **options,
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _get(self, pk: str, sk: str) -> Item | None:
        answer = self._client.get_item(TableName=self._name, Key=_key(pk, sk), ConsistentRead=True)
        return _plain(answer["Item"]) if "Item" in answer else None

    def _get_many(self, keys: Sequence[tuple[str, str]]) -> list[Item]:
        return [_plain(item) for item in self._get_many_raw(keys)]

    def _get_many_raw(self, keys: Sequence[tuple[str, str]]) -> list[Item]:
        if not keys:
            return []
        wanted: Any = {self._name: {"Keys": [_key(*key) for key in keys], "ConsistentRead": True}}
        found: list[Item] = []
        for pause in _pauses():
            answer = self._client.batch_get_item(RequestItems=wanted)
            found += answer["Responses"].get(self._name, [])
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                break
            time.sleep(pause)
        return found

    def _put_many(self, items: Iterable[Item]) -> None:
        # BatchWriteItem refuses all of a batch in which one key comes twice, as an event does that is delivered twice.
        by_key = {item["sk"]: item for item in items}
        wanted: Any = {self._name: [{"PutRequest": {"Item": _item(item)}} for item in by_key.values()]}
        for pause in _pauses():
            answer = self._client.batch_write_item(RequestItems=wanted)
            wanted = answer.get("UnprocessedItems")
            if not wanted:
                break
            time.sleep(pause)

    def _query_raw(self, pk: str, low: str, high: str, start: Item | None) -> Any:
        options: Item = {"ExclusiveStartKey": start} if start else {}
        return self._client.query(
            TableName=self._name,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
            ExpressionAttributeValues={":pk": _write(pk), ":low": _write(low), ":high": _write(high)},
            ConsistentRead=True,
            **options,
        )

    def _query(self, pk: str, low: str, high: str, start: Item | None) -> tuple[list[Item], Item | None]:
        answer = self._query_raw(pk, low, high, start)
        return [_plain(item) for item in answer["Items"]], answer.get("LastEvaluatedKey")

    def _list(self, pk: str, start: str | None, *, forward: bool, limit: int) -> Page:
        options: Item = {"ExclusiveStartKey": _key(pk, start)} if start else {}
        answer = self._client.query(
            TableName=self._name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": _write(pk)},
            ConsistentRead=True,
            ScanIndexForward=forward,
            Limit=limit,
            **options,
        )
        run_ids = [item["sk"]["S"] for item in answer["Items"]]
        return Page(run_ids, run_ids[-1] if answer.get("LastEvaluatedKey") and run_ids else None)


def _pauses() -> Iterator[float]:
    """Yield the seconds to wait before what a throttled table left over is asked for again, for ever."""
    for tries in itertools.count():
        yield min(1.0, 0.05 * 2 ** min(tries, 5)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter  # nosec B311


_RUNNING = _write(RunStatus.RUNNING.value)


def _key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _shard_key(index: int) -> str:
    return f"shard#{index:04d}"


def _mark_key(kind: str, mark: Mark) -> str:
    return f"{kind}#{mark.group:06d}#{mark.attempt:02d}"


def _seen_key(shard: int) -> str:
    return f"seen#{shard:04d}"


def _job(item: Item) -> Job:
    return Job(mark=_mark(item["sk"]), job_id=item["job_id"], name=item["name"], submitted_at=int(item["submitted_at"]))


def _array_key(first: Mark) -> str:
    return f"array#{first.group:06d}#{first.attempt:02d}#{first.generation:03d}"


def _array(item: Item) -> Array:
    first = Mark(*map(int, item["sk"].split("#")[1:]))
    members = tuple(Mark(group, attempt) for group, attempt in json.loads(item["members"]))
    return Array(first, members, item.get("job_id"), int(item["submitted_at"]))


def _mark(sort_key: str) -> Mark:
    _, group, attempt = sort_key.split("#")
    return Mark(int(group), int(attempt))


def _numbers(numbers: Collection[int]) -> Item:
    return {"NS": [str(number) for number in sorted(numbers)]}


def _item(plain: Item) -> Item:
    return {name: _write(value) for name, value in plain.items()}


def _plain(item: Mapping[str, Any]) -> Item:
    return {name: _whole(_read(value)) for name, value in item.items()}


def _as_tuple(value: Any) -> Any:
    return tuple(map(_whole, value)) if isinstance(value, list) else value


def _whole(value: Any) -> Any:
    return int(value) if type(value).__name__ == "Decimal" else value


def _shard(index: int, item: Mapping[str, Any]) -> Shard:
    sets = {name: frozenset(map(int, item[name]["NS"])) for name in SETS if name in item}
    return Shard(index, **sets)


def _run_item(run: Run) -> Item:
    item: Item = {"pk": f"run#{run.run_id}", "sk": "status"}
    for name, value in vars(run).items():
        if name in _AS_JSON:
            item[name] = json.dumps(value)
        elif name == "status":
            item[name] = run.status.value
        elif value is not None and not (name in _AS_SET and not value):
            item[name] = set(value) if name in _AS_SET else value
    return item


def _run(item: Item) -> Run:
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
