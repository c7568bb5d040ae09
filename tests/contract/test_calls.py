"""Each method of the run table is one call, so that a test can stop the world between any two of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from adapters.carrying_items import CarryingItems
from adapters.ports import Asking, PlanPiece, RunTable
from adapters.run_table import DynamoRunTable
from dag.holding import Held
from dag.records import Array
from dag.shards import Mark
from dag.status import RunStatus
from tests.contract.dynamodb import Dynamo
from tests.contract.values import LATER, RUN_ID, a_job, a_run, an_outcome

ASKING = Asking(job_id="job", first=Mark(0), epoch=1, done=0)
Call = Callable[[RunTable], Any]
CALLS: dict[str, tuple[str, Call]] = {
    "put_key": ("PutItem", lambda table: table.put_key("k", RUN_ID, LATER)),
    "get_key": ("GetItem", lambda table: table.get_key("k")),
    "move_key": ("UpdateItem", lambda table: table.move_key("k", "new", instead=RUN_ID)),
    "put_active": ("PutItem", lambda table: table.put_active(RUN_ID)),
    "delete_active": ("DeleteItem", lambda table: table.delete_active(RUN_ID)),
    "active": ("Query", lambda table: table.active(None)),
    "get_suspects": ("BatchGetItem", lambda table: table.get_suspects(RUN_ID, range(100))),
    "put_suspects": (
        "BatchWriteItem",
        lambda table: table.put_suspects(RUN_ID, {shard: {1: 1} for shard in range(25)}, LATER),
    ),
    "put_listing": ("PutItem", lambda table: table.put_listing(RUN_ID, LATER)),
    "listings": ("Query", lambda table: table.listings(None, 10)),
    "put_plan": ("PutItem", lambda table: table.put_plan(RUN_ID, PlanPiece("abc", 0, b"piece"), LATER)),
    "get_plan": ("Query", lambda table: table.get_plan(RUN_ID, "abc")),
    "get_durations": ("GetItem", lambda table: table.get_durations("spaceflights", "aws_batch")),
    "put_durations": ("PutItem", lambda table: table.put_durations("spaceflights", "aws_batch", b"learned")),
    "put_run": ("PutItem", lambda table: table.put_run(a_run())),
    "get_run": ("GetItem", lambda table: table.get_run(RUN_ID)),
    "get_runs": ("BatchGetItem", lambda table: table.get_runs([RUN_ID, "another"])),
    "end_run": ("UpdateItem", lambda table: table.end_run(RUN_ID, RunStatus.FAILED, "why", 5)),
    "void_run": ("UpdateItem", lambda table: table.void_run("another", LATER)),
    "expire_run": ("UpdateItem", lambda table: table.expire_run(RUN_ID, LATER)),
    "flag_failure": ("UpdateItem", lambda table: table.flag_failure(RUN_ID, "why")),
    "flag_announced": ("UpdateItem", lambda table: table.flag_announced(RUN_ID, "start")),
    "take_slots": ("UpdateItem", lambda table: table.take_slots(RUN_ID, [0], 3)),
    "free_slots": ("UpdateItem", lambda table: table.free_slots(RUN_ID, [0])),
    "add_marks": ("UpdateItem", lambda table: table.add_marks(RUN_ID, 0, {"failed": [1], "retried": [1]})),
    "claim": ("UpdateItem", lambda table: table.claim(RUN_ID, 0, [1, 2])),
    "shards": ("Query", lambda table: table.shards(RUN_ID, None)),
    "get_shards": ("BatchGetItem", lambda table: table.get_shards(RUN_ID, range(100))),
    "put_jobs": ("BatchWriteItem", lambda table: table.put_jobs(RUN_ID, [a_job(n) for n in range(25)], LATER)),
    "get_jobs": ("BatchGetItem", lambda table: table.get_jobs(RUN_ID, [Mark(n) for n in range(100)])),
    "jobs": ("Query", lambda table: table.jobs(RUN_ID, 0, 9, Mark(3))),
    "put_array": ("PutItem", lambda table: table.put_array(RUN_ID, Array(Mark(0), (Mark(0), Mark(1))), LATER)),
    "get_array": ("GetItem", lambda table: table.get_array(RUN_ID, Mark(0))),
    "arrays": ("Query", lambda table: table.arrays(RUN_ID, None)),
    "put_question": ("UpdateItem", lambda table: table.put_question(RUN_ID, ASKING, LATER)),
    "put_answer": ("UpdateItem", lambda table: table.put_answer(RUN_ID, ASKING, Mark(1), 5)),
    "put_wait": ("UpdateItem", lambda table: table.put_wait(RUN_ID, ASKING, 5)),
    "close_worker": ("UpdateItem", lambda table: table.close_worker(RUN_ID, Mark(0), an_outcome(0), LATER)),
    "get_workers": ("BatchGetItem", lambda table: table.get_workers(RUN_ID, ["job"])),
    "workers": ("Query", lambda table: table.workers(RUN_ID, None)),
    "get_held": ("GetItem", lambda table: table.get_held(RUN_ID)),
    "put_held": ("UpdateItem", lambda table: table.put_held(RUN_ID, Held({3: 5}, 1), LATER)),
    "put_outcomes": (
        "BatchWriteItem",
        lambda table: table.put_outcomes(RUN_ID, [an_outcome(n) for n in range(25)], LATER),
    ),
    "outcomes": ("Query", lambda table: table.outcomes(RUN_ID, 0, 9, Mark(3))),
}


@contextmanager
def requests(dynamo: Dynamo) -> Iterator[list[str]]:
    """Yield the names of the operations that go out as HTTP requests meanwhile."""
    sent: list[str] = []

    def note(request: Any, **_: Any) -> None:
        sent.append(request.headers["X-Amz-Target"].decode().partition(".")[2])

    dynamo.client.meta.events.register("before-send.dynamodb.*", note)
    yield sent
    dynamo.client.meta.events.unregister("before-send.dynamodb.*", note)


@pytest.mark.parametrize("there", [False, True], ids=["an empty table", "a run"])
def test_each_method_is_exactly_one_request(dynamo: Dynamo, there: bool) -> None:
    if there:
        dynamo.table.put_run(a_run())
        dynamo.table.put_key("k", RUN_ID, LATER)
    made = {}
    for name, (_, call) in CALLS.items():
        with requests(dynamo) as sent:
            call(dynamo.table)
        made[name] = sent

    assert made == {name: [operation] for name, (operation, _) in CALLS.items()}


def test_all_that_is_read_is_read_consistently(dynamo: Dynamo) -> None:
    """Decisions need reads no older than our own last write; DynamoDB's default reads may be older."""
    asked: list[tuple[str, bool]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in ("GetItem", "Query", "BatchGetItem"):
            tables = params.get("RequestItems", {"": params}).values()
            asked.extend((model.name, table.get("ConsistentRead", False)) for table in tables)

    dynamo.client.meta.events.register("provide-client-params.dynamodb.*", note)
    for _, call in CALLS.values():
        call(dynamo.table)
    dynamo.client.meta.events.unregister("provide-client-params.dynamodb.*", note)

    reads = [operation for operation, _ in CALLS.values() if operation in ("GetItem", "Query", "BatchGetItem")]
    assert asked == [(operation, True) for operation in reads]


def test_every_method_is_counted() -> None:
    own = vars(DynamoRunTable).keys() | vars(CarryingItems).keys()
    assert CALLS.keys() == {name for name in own if not name.startswith("_")}
    assert CALLS.keys() == {name for name in vars(RunTable) if not name.startswith("_")}


def test_nothing_is_asked_for_nothing(dynamo: Dynamo) -> None:
    with requests(dynamo) as sent:
        assert dynamo.table.get_shards(RUN_ID, []) == []
        assert dynamo.table.get_runs([]) == []

    assert sent == []


@pytest.mark.parametrize(
    ("operation", "answer_to", "call"),
    [
        ("BatchGetItem", "UnprocessedKeys", lambda table: table.get_runs([f"run-{n}" for n in range(40)])),
        (
            "BatchWriteItem",
            "UnprocessedItems",
            lambda table: table.put_jobs(RUN_ID, [a_job(n) for n in range(25)], LATER),
        ),
    ],
    ids=["reads", "writes"],
)
def test_what_dynamodb_leaves_over_is_asked_for_again(
    dynamo: Dynamo, operation: str, answer_to: str, call: Call
) -> None:
    for number in range(40):
        dynamo.table.put_run(a_run(f"run-{number}"))
    kept: dict[str, Any] = {}

    def hold_back(params: dict[str, Any], **_: Any) -> None:
        """Send half of the requested items, as if DynamoDB had answered only so far."""
        wanted = params["RequestItems"][dynamo.name]
        many = wanted["Keys"] if isinstance(wanted, dict) else wanted
        half = many[: max(1, len(many) // 2)]
        kept["rest"] = many[len(half) :]
        kept["as"] = (lambda rest: {**wanted, "Keys": rest}) if isinstance(wanted, dict) else (lambda rest: rest)
        params["RequestItems"] = {dynamo.name: kept["as"](half)}

    def leave_over(parsed: dict[str, Any], **_: Any) -> None:
        parsed[answer_to] = {dynamo.name: kept["as"](kept["rest"])} if kept["rest"] else {}

    events = dynamo.client.meta.events
    events.register_first(f"provide-client-params.dynamodb.{operation}", hold_back)
    events.register(f"after-call.dynamodb.{operation}", leave_over)
    with requests(dynamo) as sent:
        result = call(dynamo.table)
    events.unregister(f"provide-client-params.dynamodb.{operation}", hold_back)
    events.unregister(f"after-call.dynamodb.{operation}", leave_over)

    assert len(sent) > 2
    if operation == "BatchGetItem":
        assert {run.run_id for run in result} == {f"run-{n}" for n in range(40)}
    else:
        assert [job.mark.group for job in dynamo.table.jobs(RUN_ID, 0, 99, None)[0]] == list(range(25))
