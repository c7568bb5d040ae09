"""A function answers or refuses whatever it is sent: no request, event or message ends it with an error.

The functions run on a stage with a table that takes what DynamoDB takes. Inputs are JSON, as Lambda parses it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dag.payload import token
from dag.resources import KEYS
from handlers.requests import schema
from tests.handlers.play import ANSWERING, RUN_ID, Context, Play
from tests.runs.stage import messages
from tests.simulation.graphs import DEFINITION, QUEUE

EVENTS = sorted((Path(__file__).parents[1] / "golden/events").glob("*.json"))
#: Existing names, near ones, and text that no encoding has: half of a surrogate pair.
WORDS = ("n0", "n1", "d0", "d9", "__default__", "memory", "tag:x", "job", "kedro-run", "abort", QUEUE, DEFINITION, "")
TEXTS = st.one_of(
    st.sampled_from(WORDS),
    st.text(max_size=6),
    st.just("\ud800"),
    st.just("x" * 2000),
    st.just("9" * 40),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 5), st.just(10**40), st.just(1e308), st.floats(allow_nan=False), TEXTS
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
RESOURCES = st.dictionaries(
    st.sampled_from(sorted(KEYS)) | TEXTS,
    JSON,
    max_size=3,
)
OVERRIDES = st.fixed_dictionaries(
    {},
    optional={
        "group_by": JSON | st.lists(st.sampled_from(["memory", "namespace", "tag:x"])),
        "max_workers": JSON,
        "array_jobs": JSON,
        "on_failure": JSON,
        "job_command": JSON,
        "memory_retry": JSON | st.just({"factor": 2, "max": 4000}),
        "job_queue": JSON,
        "job_definition": JSON,
        "service": JSON,
        "resources": JSON
        | st.fixed_dictionaries(
            {},
            optional={
                "default": RESOURCES | JSON,
                "tags": JSON,
                "namespaces": JSON,
                "nodes": st.dictionaries(TEXTS, RESOURCES | JSON, max_size=2),
            },
        ),
    },
)


#: What somebody says of storage.
STORED = st.dictionaries(
    st.sampled_from(["d0", "d1"]) | TEXTS,
    st.fixed_dictionaries(
        {"at": st.integers(0, 3) | st.sampled_from([1.0, 10**40]), "digest": TEXTS}, optional={"version": TEXTS}
    )
    | st.fixed_dictionaries({"untold": TEXTS}),
    max_size=3,
)


def of_type(field: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that fit the type of a schema's field, though perhaps not the rest of it."""
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "string": st.sampled_from(field["enum"]) if "enum" in field else TEXTS | st.just(RUN_ID),
        "integer": st.integers(0, 3) | st.just(10**40) | st.sampled_from([0.0, 1.0, 2.0]),
        "array": st.lists(TEXTS, max_size=3),
        "object": st.dictionaries(TEXTS, JSON, max_size=3),
        "boolean": st.booleans(),
    }
    return kinds[field["type"]]


def requests(function: str) -> st.SearchStrategy[Any]:
    known = {name: of_type(field) | JSON for name, field in schema(function)["properties"].items()}
    if function == "start_run":
        known["params"] |= st.builds(lambda ours: {"aws_batch": ours}, OVERRIDES)
        known["nodes"] |= st.just(["n0"])
        known["stored"] |= STORED
    right = {name: of_type(schema(function)["properties"][name]) for name in schema(function).get("required", ())}
    more = {name: values for name, values in known.items() if name not in right}
    return st.one_of(
        JSON, st.fixed_dictionaries({}, optional=known), *[st.fixed_dictionaries(right, optional=more)] * 2
    )


#: Each example sets up a new stage.
FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@FUZZ
@pytest.mark.parametrize("function", ANSWERING)
@given(data=st.data())
def test_a_request_is_answered_or_refused_with_a_sentence(
    play: Callable[[], Play], function: str, data: st.DataObject
) -> None:
    played = play()
    request = data.draw(requests(function))
    if isinstance(request, dict) and request.get("run_id") == RUN_ID:
        request = request | {"run_id": played.stage.run_id}
    if isinstance(request, dict) and request.get("resume_from") == RUN_ID:
        request = request | {"resume_from": played.stage.run_id}
    answer = played.call(function, request)
    if "error" in answer:
        assert answer["error"]["type"].isidentifier()
        assert 10 < len(answer["error"]["message"]) < 5000


#: A word of Batch's for the job that is asked for, and others.
JOB_IDS = st.sampled_from(["its own", "its own", "another", "another:1"])
QUESTIONS = st.fixed_dictionaries(
    {"job": st.sampled_from(["0-0", "0-0", "1-0", "0-0a1"])},
    optional={
        "index": st.sampled_from([0, 0.0, 1, 9999]),
        "epoch": st.sampled_from([1, 1, 1.0, 2, 10]),
        "done": st.sampled_from([0, 0, 0.0, 1, 2, 100_000]),
        "began": st.integers(0, 10**14),
        "ended": st.integers(0, 10**14),
        "job_id": JOB_IDS,
    },
)


@FUZZ
@pytest.mark.parametrize("warm", [True, False])
@given(questions=st.lists(QUESTIONS, min_size=1, max_size=4))
def test_whatever_a_job_asks_by_its_own_token_is_answered_or_refused(
    play: Callable[..., Play], warm: bool, questions: list[dict[str, Any]]
) -> None:
    played = play(warm_containers=warm)
    stage = played.stage
    for question in questions:
        own = {"job_id": stage.job(0).job_id} if question.get("job_id") == "its own" else {}
        proof = {"run_id": stage.run_id, "token": token(stage.dispatcher.plan(stage.run_id), question["job"])}
        answer = played.call("next_group", {**question, **own, **proof})
        assert len(answer) in (1, 2)
        assert answer.keys() <= {"error", "payload", "place", "nothing", "over"}


@pytest.mark.parametrize(
    "request_",
    [
        {"params": {"aws_batch": {"group_by": 5}}},
        {"params": {"aws_batch": {"group_by": [5]}}},
        {"params": {"aws_batch": {"group_by": "memory"}}},
        {"params": {"aws_batch": {"group_by": None}}},
        {"params": {"aws_batch": {"max_workers": [1]}}},
        {"params": {"aws_batch": {"on_failure": {}}}},
        {"params": {"aws_batch": {"job_queue": ["q"]}}},
        {"params": {"aws_batch": {"memory_retry": {"factor": 1e308, "max": 4000}}}},
        {"params": {"aws_batch": {"resources": {"default": {"vcpus": 1e308}}}}},
        {"params": {"aws_batch": {"resources": {"default": {"environment": {"X": "\ud800"}}}}}},
        {"description": "\ud800"},
        {"description": "\x00"},
        {"params": {"x": "\udfff"}},
        {"params": {"\ud800": 1}},
        {"nodes": ["\ud800"]},
        {"idempotency_key": "\ud800"},
        {"\ud800": 1},
        {"max_workers": 10**40},
        {"graph_digest": "\ud800"},
    ],
    ids=repr,
)
def test_a_request_that_once_was_an_error_is_answered_or_refused(play: Callable[[], Play], request_: Any) -> None:
    play().call("start_run", request_)


@pytest.mark.parametrize("at", [1.0, 10**14, 10**40])
def test_a_moment_of_storage_that_no_clock_has_is_no_error(play: Callable[[], Play], at: float) -> None:
    played = play()
    played.stage.finish(0, exit_code=1)
    request = {"resume_from": played.stage.run_id, "stored": {"d9": {"at": at, "digest": "x"}}}
    answer = played.call("start_run", request)
    assert ("stored" in answer["error"]["message"]) if "error" in answer else answer["run_id"]


@pytest.mark.parametrize(
    ("function", "fields"),
    [
        ("describe_run", {"page": "9" * 5000}),
        ("describe_run", {"page": "9" * 40}),
        ("describe_run", {"limit": 1.0}),
    ],
    ids=str,
)
def test_a_number_that_once_was_an_error_is_answered_or_refused(
    play: Callable[[], Play], function: str, fields: dict[str, Any]
) -> None:
    played = play()
    played.call(function, {"run_id": played.stage.run_id, **fields})


@pytest.mark.parametrize("request_", [{"tags": ["x" * 9000]}, {"x" * 9000: 1}, {"conf_source": "x" * 9000}])
def test_a_refusal_quotes_no_more_than_people_read(play: Callable[[], Play], request_: dict[str, Any]) -> None:
    assert len(play().call("start_run", request_)["error"]["message"]) == 4000


def test_a_whole_number_is_one_however_it_is_written(play: Callable[[], Play]) -> None:
    played = play()
    page = played.call("describe_run", {"run_id": played.stage.run_id, "limit": 1.0})
    assert (len(page["groups"]), page["next_page"]) == (1, "1")
    assert "error" not in played.call("start_run", {"max_workers": 2.0})


def test_no_caller_takes_the_key_of_a_schedule_or_of_an_invocation(
    play: Callable[..., Play], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHEDULE_MARK", "mark")
    played = play()
    keys = [
        "schedule:mark:1",
        None,
        "schedule:1",
        "schedule:other:1",
        f"invocation:{Context.aws_request_id}",
        "given:1",
    ]
    asked: list[dict[str, Any]] = [{} if key is None else {"idempotency_key": key} for key in keys]
    started = [played.call("start_run", each)["run_id"] for each in asked]
    assert len(set(started)) == len(keys)
    assert [played.call("start_run", each)["run_id"] for each in asked] == started
    for key, alarms in (("schedule:other:2", 0), ("schedule:2", 0), ("schedule:mark:2", 1)):
        played.call("start_run", {"pipeline": "nowhere", "idempotency_key": key})
        assert played.stage.totals("FailedRuns") == (alarms,)


@pytest.mark.parametrize("depth", [10, 31, 90, 400])
def test_parameters_may_be_deep_or_are_refused(play: Callable[[], Play], depth: int) -> None:
    deep: Any = 1
    for _ in range(depth):
        deep = {"x": deep}
    answer = play().call("start_run", {"params": deep})
    assert ("error" in answer) == (depth > 64), answer


def replaced(value: Any, at: int, by: Any) -> Any:
    """Return a document with one part replaced, found by its number in the whole."""
    count = iter(range(1_000_000))

    def walk(part: Any) -> Any:
        if next(count) == at:
            return by
        if isinstance(part, dict):
            return {name: walk(each) for name, each in part.items()}
        return [walk(each) for each in part] if isinstance(part, list) else part

    return walk(value)


def size(value: Any) -> int:
    """Return of how many parts a document consists."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(size, inner))


def failed(answer: Mapping[str, Any]) -> list[str]:
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


@FUZZ
@given(data=st.data())
def test_an_event_with_anything_in_any_place_is_taken(play: Callable[[], Play], data: st.DataObject) -> None:
    """One part of an event, most often of a job of the run, is replaced; none is worth a second delivery."""
    played = play()
    own = [json.loads(each["body"]) for each in messages([played.stage.end(0)])]
    of_aws = [json.loads(path.read_text(encoding="utf-8")) for path in EVENTS]
    blocked = own[0] | {"detail-type": "Batch Job Queue Blocked"}
    later = {"advance": {"run_id": played.stage.run_id}}
    event = data.draw(st.sampled_from(own * 50 + [blocked, later, *of_aws]))
    event = replaced(event, data.draw(st.integers(0, size(event) - 1)), data.draw(JSON))
    record = {"messageId": "m", "body": json.dumps(event)}
    assert failed(played.call("job_state_change", {"Records": [record]})) == []


@FUZZ
@given(bodies=st.lists(JSON.map(json.dumps) | st.text() | st.just("\ud800") | st.just("[" * 5000), max_size=3))
@example(bodies=["[" * 100_000])
def test_a_message_of_anything_is_taken_and_its_neighbours_with_it(play: Callable[[], Play], bodies: list[str]) -> None:
    played = play()
    ended = messages([played.stage.end(0)])
    records = [{"messageId": f"fuzz{index}", "body": body} for index, body in enumerate(bodies)]
    assert failed(played.call("job_state_change", {"Records": [*records, *ended]})) == []
    assert played.stage.statuses() == ["SUCCEEDED", "SUBMITTED"]


@FUZZ
@given(event=JSON)
def test_reconcile_reads_nothing_of_what_it_is_sent(play: Callable[[], Play], event: Any) -> None:
    assert play().call("reconcile", event) == {"runs": 1, "repaired": 0}
