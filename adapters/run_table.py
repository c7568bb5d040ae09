"""The run table in DynamoDB.

Its items, by partition key and sort key:

| pk           | sk              | what                                                    | written            |
|--------------|-----------------|---------------------------------------------------------|--------------------|
| run#<run id> | status          | the run's status, request, counts of groups and nodes   | forward only       |
| run#<run id> | plan#<digest>#n | the plan, compressed, in pieces of less than 400 KB     | once               |
| run#<run id> | shard#<index>   | number sets of 256 groups                               | by ADD only        |
| run#<run id> | job#<group>#<n> | the job of an attempt                                   | once               |
| run#<run id> | array#<claim>   | an array job and its members                            | twice              |
| run#<run id> | worker#<job id> | a job whose container carries on: its answers           | at each question   |
| run#<run id> | held            | groups that wait for a container that is soon free      | as they are held   |
| run#<run id> | end#<group>#<n> | how the attempt ended                                   | once, or again     |
| run#<run id> | seen#<index>    | a shard's claims without a job, and when first seen     | by reconcile       |
| key#<key>    | key             | the run that an idempotency key means                   | once, or moved     |
| durations#…  | <environment>   | how long a project's groups, and containers' starts, took | at a run's end     |
| active       | <run id>        | a run that is not settled                               | deleted at the end |
| runs         | <run id>        | every run, for list_runs                                | once               |

Each method is one call on one item, or one that reads several: no transactions, no condition over two items.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields

from adapters import encoding
from adapters.carrying_items import CarryingItems
from adapters.encoding import Item
from adapters.ports import Page, PlanPiece
from dag.durations import durations_of
from dag.records import Array, Job, Outcome, Run
from dag.shards import Mark, Shard
from dag.status import RunStatus


class DynamoRunTable(CarryingItems):
    """The run table; see `adapters.ports.RunTable` for what each method promises."""

    def put_key(self, key: str, run_id: str, expires_at: int) -> bool:
        item = {"pk": f"key#{key}", "sk": "key", "run_id": run_id, "expires_at": expires_at}
        return self.put_new(item)

    def get_key(self, key: str) -> str | None:
        item = self.get_one(f"key#{key}", "key")
        return None if item is None else str(item["run_id"])

    def move_key(self, key: str, run_id: str, instead: str) -> bool:
        return self.update(
            f"key#{key}",
            "key",
            "SET run_id = :new",
            {":new": encoding.write(run_id), ":old": encoding.write(instead)},
            condition="run_id = :old",
        )

    def put_active(self, run_id: str) -> None:
        self._client.put_item(TableName=self._name, Item=encoding.written_item({"pk": "active", "sk": run_id}))

    def delete_active(self, run_id: str) -> None:
        self._client.delete_item(TableName=self._name, Key=encoding.key("active", run_id))

    def active(self, after: str | None) -> Page:
        return self.listed("active", after, forward=True, limit=100)

    def get_suspects(self, run_id: str, shards: Collection[int]) -> Mapping[int, Mapping[int, int]]:
        items = self.get_many([(f"run#{run_id}", encoding.seen_key(shard)) for shard in shards])
        return {
            int(item["sk"].partition("#")[2]): {int(number): at for number, at in json.loads(item["seen"]).items()}
            for item in items
        }

    def put_suspects(self, run_id: str, suspects: Mapping[int, Mapping[int, int]], expires_at: int) -> None:
        self.put_many(
            {
                "pk": f"run#{run_id}",
                "sk": encoding.seen_key(shard),
                "seen": json.dumps(seen, separators=(",", ":")),
                "expires_at": expires_at,
            }
            for shard, seen in suspects.items()
        )

    def put_listing(self, run_id: str, expires_at: int) -> None:
        self._client.put_item(
            TableName=self._name, Item=encoding.written_item({"pk": "runs", "sk": run_id, "expires_at": expires_at})
        )

    def listings(self, before: str | None, limit: int) -> Page:
        return self.listed("runs", before, forward=False, limit=limit)

    def put_plan(self, run_id: str, piece: PlanPiece, expires_at: int) -> None:
        sort_key = f"plan#{piece.digest}#{piece.number:03d}"
        item = {"pk": f"run#{run_id}", "sk": sort_key, "body": piece.body, "expires_at": expires_at}
        self._client.put_item(TableName=self._name, Item=encoding.written_item(item))

    def get_plan(self, run_id: str, digest: str) -> list[bytes]:
        chunks: list[bytes] = []
        start: Item | None = None
        while True:
            items, start = self.query(f"run#{run_id}", f"plan#{digest}#", f"plan#{digest}#~", start)
            chunks += [bytes(item["body"]) for item in items]
            if start is None:
                return chunks

    def get_durations(self, project: str, environment: str) -> bytes | None:
        item = self.get_one(durations_of(project), environment)
        return None if item is None else bytes(item["body"])

    def put_durations(self, project: str, environment: str, packed: bytes) -> None:
        item = {"pk": durations_of(project), "sk": environment, "body": packed}
        self._client.put_item(TableName=self._name, Item=encoding.written_item(item))

    def put_run(self, run: Run) -> bool:
        return self.put_new(encoding.run_item(run))

    def void_run(self, run_id: str, expires_at: int) -> bool:
        return self.update(
            f"run#{run_id}",
            "status",
            "SET is_void = :yes, expires_at = :at",
            {":yes": encoding.write(True), ":at": encoding.write(expires_at)},
            condition="attribute_not_exists(#status)",
            names={"#status": "status"},
        )

    def get_run(self, run_id: str) -> Run | None:
        item = self.get_one(f"run#{run_id}", "status")
        return None if item is None or "is_void" in item else encoding.read_run(item)

    def get_runs(self, run_ids: Sequence[str]) -> list[Run]:
        items = self.get_many([(f"run#{run_id}", "status") for run_id in run_ids])
        return [encoding.read_run(item) for item in items if "is_void" not in item]

    def end_run(self, run_id: str, status: RunStatus, reason: str | None, at: int) -> bool:
        return self.update(
            f"run#{run_id}",
            "status",
            "SET #status = :status, reason = :reason, ended_at = :at",
            {
                ":status": encoding.write(status.value),
                ":reason": encoding.write(reason),
                ":at": encoding.write(at),
                ":running": encoding.RUNNING,
            },
            condition="#status = :running",
            names={"#status": "status"},
        )

    def expire_run(self, run_id: str, expires_at: int) -> None:
        self.update(
            f"run#{run_id}",
            "status",
            "SET expires_at = :at",
            {":at": encoding.write(expires_at)},
            condition="attribute_exists(pk)",
        )

    def flag_failure(self, run_id: str, reason: str) -> None:
        self.update(
            f"run#{run_id}",
            "status",
            "SET failure = if_not_exists(failure, :reason)",
            {":reason": encoding.write(reason), ":running": encoding.RUNNING},
            condition="#status = :running",
            names={"#status": "status"},
        )

    def flag_announced(self, run_id: str, what: str) -> None:
        self.update(
            f"run#{run_id}",
            "status",
            "ADD announced :what",
            {":what": {"SS": [what]}},
            condition="attribute_exists(pk)",
        )

    def take_slots(self, run_id: str, slots: Collection[int], most: int) -> bool:
        if len(slots) > most:
            return False
        return self.update(
            f"run#{run_id}",
            "status",
            "ADD slots :slots",
            {
                ":slots": encoding.numbers(slots),
                ":room": encoding.write(most - len(slots)),
                ":running": encoding.RUNNING,
            },
            condition="#status = :running AND (attribute_not_exists(slots) OR size(slots) <= :room)",
            names={"#status": "status"},
        )

    def free_slots(self, run_id: str, slots: Collection[int]) -> Run | None:
        try:
            answer = self._client.update_item(
                TableName=self._name,
                Key=encoding.key(f"run#{run_id}", "status"),
                UpdateExpression="DELETE slots :slots",
                ConditionExpression="attribute_exists(pk)",  # else UpdateItem would make an item of only its keys
                ExpressionAttributeValues={":slots": encoding.numbers(slots)},
                ReturnValues="ALL_NEW",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return encoding.read_run(encoding.plain_item(answer["Attributes"]))

    def add_marks(self, run_id: str, shard: int, marks: Mapping[str, Collection[int]]) -> Shard:
        wanted = {name: numbers for name, numbers in marks.items() if numbers}
        answer = self._client.update_item(
            TableName=self._name,
            Key=encoding.key(f"run#{run_id}", encoding.shard_key(shard)),
            UpdateExpression="ADD " + ", ".join(f"{name} :{name}" for name in wanted),
            ExpressionAttributeValues={f":{name}": encoding.numbers(numbers) for name, numbers in wanted.items()},
            ReturnValues="ALL_OLD",
        )
        return encoding.read_shard(shard, answer.get("Attributes", {}))

    def claim(self, run_id: str, shard: int, numbers: Collection[int], expires_at: int | None = None) -> Shard:
        values: Item = {":claimed": encoding.numbers(numbers)}
        if expires_at is not None:
            values[":expires_at"] = encoding.write(expires_at)
        answer = self._client.update_item(
            TableName=self._name,
            Key=encoding.key(f"run#{run_id}", encoding.shard_key(shard)),
            UpdateExpression=("" if expires_at is None else "SET expires_at = :expires_at ") + "ADD claimed :claimed",
            ExpressionAttributeValues=values,
            ReturnValues="ALL_OLD",
        )
        return encoding.read_shard(shard, answer.get("Attributes", {}))

    def shards(self, run_id: str, after: int | None) -> tuple[list[Shard], int | None]:
        start = None if after is None else encoding.key(f"run#{run_id}", encoding.shard_key(after))
        answer = self.query_raw(f"run#{run_id}", "shard#", "shard#~", start)
        shards = [encoding.read_shard(int(item["sk"]["S"].partition("#")[2]), item) for item in answer["Items"]]
        return shards, (shards[-1].index if answer.get("LastEvaluatedKey") and shards else None)

    def get_shards(self, run_id: str, indices: Collection[int]) -> list[Shard]:
        keys = [(f"run#{run_id}", encoding.shard_key(index)) for index in indices]
        return [encoding.read_shard(int(item["sk"]["S"].partition("#")[2]), item) for item in self.get_many_raw(keys)]

    def put_jobs(self, run_id: str, jobs: Sequence[Job], expires_at: int) -> None:
        self.put_many(
            {
                "pk": f"run#{run_id}",
                "sk": encoding.mark_key("job", job.mark),
                "job_id": job.job_id,
                "name": job.name,
                "submitted_at": job.submitted_at,
                "expires_at": expires_at,
            }
            for job in jobs
        )

    def get_jobs(self, run_id: str, marks: Collection[Mark]) -> list[Job]:
        return [
            encoding.read_job(item)
            for item in self.get_many([(f"run#{run_id}", encoding.mark_key("job", mark)) for mark in marks])
        ]

    def jobs(self, run_id: str, first: int, last: int, after: Mark | None) -> tuple[list[Job], Mark | None]:
        items, more = self._marked(run_id, "job", (first, last), after)
        jobs = [encoding.read_job(item) for item in items]
        return jobs, (jobs[-1].mark if more and jobs else None)

    def put_array(self, run_id: str, array: Array, expires_at: int) -> None:
        item: Item = {
            "pk": f"run#{run_id}",
            "sk": encoding.array_key(array.first),
            "members": json.dumps([[mark.group, mark.attempt] for mark in array.members], separators=(",", ":")),
            "submitted_at": array.submitted_at,
            "expires_at": expires_at,
        }
        if array.job_id is not None:
            item["job_id"] = array.job_id
        self._client.put_item(TableName=self._name, Item=encoding.written_item(item))

    def get_array(self, run_id: str, first: Mark) -> Array | None:
        item = self.get_one(f"run#{run_id}", encoding.array_key(first))
        return None if item is None else encoding.read_array(item)

    def arrays(self, run_id: str, after: Mark | None) -> tuple[list[Array], Mark | None]:
        start = None if after is None else encoding.key(f"run#{run_id}", encoding.array_key(after))
        items, more = self.query(f"run#{run_id}", "array#", "array#~", start)
        arrays = [encoding.read_array(item) for item in items]
        return arrays, (arrays[-1].first if more and arrays else None)

    def put_outcomes(self, run_id: str, outcomes: Sequence[Outcome], expires_at: int) -> None:
        self.put_many(
            {
                "pk": f"run#{run_id}",
                "sk": encoding.mark_key("end", outcome.mark),
                "expires_at": expires_at,
                **encoding.beyond_defaults(outcome, but="mark"),
            }
            for outcome in outcomes
        )

    def outcomes(self, run_id: str, first: int, last: int, after: Mark | None) -> tuple[list[Outcome], Mark | None]:
        items, more = self._marked(run_id, "end", (first, last), after)
        known = {field.name for field in fields(Outcome)} - {"mark"}
        ends = [
            Outcome(
                encoding.mark_of_key(item["sk"]),
                **{name: encoding.as_tuple(item[name]) for name in known & item.keys()},
            )
            for item in items
        ]
        return ends, (ends[-1].mark if more and ends else None)

    def _marked(
        self, run_id: str, kind: str, groups: tuple[int, int], after: Mark | None
    ) -> tuple[list[Item], Item | None]:
        start = None if after is None else encoding.key(f"run#{run_id}", encoding.mark_key(kind, after))
        return self.query(f"run#{run_id}", f"{kind}#{groups[0]:06d}#", f"{kind}#{groups[1]:06d}#~", start)
