"""Requests are checked against the schemas that users can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dag.errors import DagError, GraphMismatchError, InvalidRequestError, NotReadyError
from handlers.requests import DEEPEST, LONGEST, answering, checked_request, for_the_log

SCHEMAS = Path(__file__).parents[2] / "handlers" / "schemas"


@pytest.mark.parametrize(
    ("function", "request_", "says"),
    [
        ("start_run", {"pipelin": "x"}, "start_run has no field 'pipelin'. Did you mean 'pipeline'?"),
        ("start_run", {"max_workers": "4"}, "max_workers must be integer"),
        ("start_run", {"max_workers": 0}, "max_workers must be bigger than or equal to 1"),
        ("start_run", {"on_failure": 1}, "on_failure must be string"),
        ("start_run", {"nodes": "a"}, "nodes must be array"),
        ("start_run", [], "a JSON object, not list"),
        ("describe_run", {}, "must contain"),
        ("describe_run", {"run_id": "yesterday"}, "run_id must match pattern"),
        ("list_runs", {"status": "DONE"}, "status must be one of"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_by_the_field(function: str, request_: object, says: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        checked_request(function, request_)
    assert says in str(caught.value)


def test_null_is_absent() -> None:
    assert checked_request("start_run", {"pipeline": None, "tags": ["a"]}) == {"tags": ["a"]}


def test_a_refusal_is_an_answer_and_anything_else_escapes() -> None:
    assert answering("list_runs", {"x": 1}, lambda _: {}) == {
        "error": {"type": "InvalidRequest", "message": "list_runs has no field 'x'. It takes: status, limit."}
    }
    with pytest.raises(ZeroDivisionError):
        answering("list_runs", {}, lambda _: {"no": 1 // 0})


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"params": "top-secret"}, "params"),
        ({"load_versions": {"top-secret": 1}}, "load_versions"),
        ({"top-secret": "top-secret"}, None),
        ({"description": "top-secret" * 1000}, "description"),
        (["top-secret"], None),
    ],
)
def test_the_log_tells_of_a_refusal_the_kind_and_the_field_and_nothing_that_was_sent(
    monkeypatch: pytest.MonkeyPatch, request_: object, field: str | None
) -> None:
    lines: list[dict[str, object]] = []
    monkeypatch.setattr(
        "handlers.requests.logger.info", lambda message, **for_the_log: lines.append({message: for_the_log})
    )
    answer = answering("start_run", request_, lambda _: {})
    assert answer["error"]["type"] == "InvalidRequest"
    assert lines == [{"request refused": {"error": "InvalidRequest", "field": field}}]


@pytest.mark.parametrize("error", [each for each in DagError.__subclasses__() if each.quotes_request])
def test_a_message_that_may_quote_the_request_stays_with_the_caller(error: type[DagError]) -> None:
    raised = error("top-secret", None) if error is GraphMismatchError else error("top-secret")
    assert "top-secret" not in str(for_the_log(raised))


def test_that_batch_takes_no_jobs_is_told_with_its_reason() -> None:
    reason = "The job queue 'q' is DISABLED."
    assert for_the_log(NotReadyError(reason)) == {"error": "NotReady", "field": None, "reason": reason}


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_every_field_of_every_schema_is_explained(path: Path) -> None:
    schema = json.loads(path.read_text(encoding="utf-8"))
    assert schema["additionalProperties"] is False
    assert all(field.get("description") for field in schema["properties"].values())


def nested(depth: int) -> object:
    value: object = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("request_", "field", "says"),
    [
        ({"params": {"a": "\ud800"}}, "params", "A text in field 'params' has half a character (a surrogate)."),
        ({"secret": "\udfff"}, None, "A text in field that the function doesn't have has half a character"),
        ({"params": {"a": nested(DEEPEST)}}, "params", f"The field 'params' is nested more than {DEEPEST} deep."),
        ({"secret": nested(DEEPEST + 1)}, None, "The field that the function doesn't have is nested more than"),
    ],
)
def test_what_no_later_step_could_keep_is_refused_by_the_field(
    request_: dict[str, object], field: str | None, says: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        checked_request("start_run", request_)
    assert (caught.value.field, str(caught.value).startswith(says)) == (field, True)


def test_a_request_may_be_nested_so_deep_and_end_with_nothing() -> None:
    ends: list[object] = ["x", [], {}]
    for innermost in ends:
        params: object = innermost
        for _ in range(DEEPEST - 1):
            params = [params]
        assert checked_request("start_run", {"params": {"a": params}}) == {"params": {"a": params}}


def test_a_refusal_is_told_with_its_details_and_at_a_length_that_people_read() -> None:
    def refuse(error: DagError) -> Callable[[object], dict[str, Any]]:
        def act(_: object) -> dict[str, Any]:
            raise error

        return act

    mismatch = answering("list_runs", {}, refuse(GraphMismatchError("another graph", {"graph": "1"})))
    assert mismatch["error"]["details"] == {"graph": "1"}
    for length, told in ((LONGEST, "x" * LONGEST), (LONGEST + 1, "x" * (LONGEST - 1) + "…")):
        assert answering("list_runs", {}, refuse(NotReadyError("x" * length)))["error"]["message"] == told
    assert "details" not in answering("list_runs", {}, refuse(NotReadyError("x")))["error"]


def test_a_whole_number_is_taken_as_one_however_it_is_written() -> None:
    assert repr(checked_request("start_run", {"max_workers": 4.0})) == "{'max_workers': 4}"
