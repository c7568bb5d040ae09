"""The run table's items for containers that carry on: the jobs' answers, and the groups that wait for a container."""

from __future__ import annotations

import json
from collections.abc import Collection

from adapters import encoding
from adapters.dynamo import DynamoTable
from adapters.ports import Asking
from dag.holding import Held
from dag.records import Outcome, Worker
from dag.shards import Mark

_MAY_BE_ANSWERED = "answered = :k AND epoch = :epoch AND attribute_not_exists(closed)"


class CarryingItems(DynamoTable):
    """The part of the run table for these; see `adapters.ports.RunTable` for what each method promises."""

    def put_question(self, run_id: str, asking: Asking, expires_at: int) -> Worker | None:
        never_asked = "attribute_not_exists(pk)"
        # `epoch` is absent if nobody has asked, but the job's end was merged.
        same = "first_mark = :first AND epoch <= :epoch AND attribute_not_exists(closed)"
        changes = [*encoding.WORKER_BEGINS, "epoch = :epoch", "expires_at = :expires_at"]
        values = encoding.worker_begins(asking.first) | {
            ":epoch": encoding.write(asking.epoch),
            ":expires_at": encoding.write(expires_at),
        }
        k = asking.done
        if k is not None:
            same += " AND done <= :k AND answered BETWEEN :k AND :next"
            changes = [change for change in changes if not change.startswith("done ")] + ["done = :k"]
            values = {name: value for name, value in values.items() if name != ":none"}
            values |= {":k": encoding.write(k), ":next": encoding.write(k + 1)}
        item = self.update_returning(
            f"run#{run_id}",
            encoding.worker_key(asking.job_id),
            "SET " + ", ".join(changes),
            values,
            condition=f"({same})" + ("" if k else f" OR {never_asked}"),
        )
        return None if item is None else encoding.read_worker(item)

    def put_answer(self, run_id: str, asking: Asking, told: Mark | None, at: int) -> bool:
        place = asking.done or 0
        return self.update(
            f"run#{run_id}",
            encoding.worker_key(asking.job_id),
            "SET answered = :next, before_mark = answer_mark, answer_mark = :told, answered_at = :at",
            {
                ":next": encoding.write(place + 1),
                ":k": encoding.write(place),
                ":epoch": encoding.write(asking.epoch),
                ":told": encoding.write(encoding.mark_text(told)),
                ":at": encoding.write(at),
            },
            condition=_MAY_BE_ANSWERED,
        )

    def put_wait(self, run_id: str, asking: Asking, until: int) -> bool:
        return self.update(
            f"run#{run_id}",
            encoding.worker_key(asking.job_id),
            "SET waits_until = :until",
            {
                ":k": encoding.write(asking.done or 0),
                ":epoch": encoding.write(asking.epoch),
                ":until": encoding.write(until),
            },
            condition=_MAY_BE_ANSWERED,
        )

    def close_worker(self, run_id: str, first: Mark, end: Outcome, expires_at: int) -> Worker:
        container = encoding.beyond_defaults(end, but="mark")
        item = self.update_returning(
            f"run#{run_id}",
            encoding.worker_key(str(end.job_id)),
            "SET " + ", ".join([*encoding.WORKER_BEGINS, "closed = :closed", "expires_at = :expires_at"]),
            encoding.worker_begins(first)
            | {":closed": encoding.write(json.dumps(container)), ":expires_at": encoding.write(expires_at)},
        )
        return encoding.read_worker(item or {})

    def get_workers(self, run_id: str, job_ids: Collection[str]) -> list[Worker]:
        keys = [(f"run#{run_id}", encoding.worker_key(job_id)) for job_id in job_ids]
        return [encoding.read_worker(item) for item in self.get_many(keys)]

    def workers(self, run_id: str, after: str | None) -> tuple[list[Worker], str | None]:
        start = None if after is None else encoding.key(f"run#{run_id}", encoding.worker_key(after))
        items, more = self.query(f"run#{run_id}", "worker#", "worker#~", start)
        workers = [encoding.read_worker(item) for item in items]
        return workers, (workers[-1].job_id if more and workers else None)

    def get_held(self, run_id: str) -> Held:
        item = self.get_one(f"run#{run_id}", "held") or {"held_until": "{}", "changes": 0}
        return Held({int(group): at for group, at in json.loads(item["held_until"]).items()}, item["changes"])

    def put_held(self, run_id: str, held: Held, expires_at: int) -> bool:
        values = {
            ":until": encoding.write(json.dumps(held.until, separators=(",", ":"))),
            ":changes": encoding.write(held.version),
            ":expires_at": encoding.write(expires_at),
        }
        condition = "attribute_not_exists(pk)"
        if held.version > 1:
            condition, values[":before"] = "changes = :before", encoding.write(held.version - 1)
        return self.update(
            f"run#{run_id}",
            "held",
            "SET held_until = :until, changes = :changes, expires_at = :expires_at",
            values,
            condition=condition,
        )
