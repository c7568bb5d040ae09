"""Requests are checked against the schemas that users can read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dag.errors import InvalidRequestError
from handlers.requests import answering, check

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
        check(function, request_)
    assert says in str(caught.value)


def test_null_is_absent() -> None:
    assert check("start_run", {"pipeline": None, "tags": ["a"]}) == {"tags": ["a"]}


def test_a_refusal_is_an_answer_and_anything_else_escapes() -> None:
    assert answering("list_runs", {"x": 1}, lambda _: {}) == {
        "error": {"type": "InvalidRequest", "message": "list_runs has no field 'x'. It takes: status, limit."}
    }
    with pytest.raises(ZeroDivisionError):
        answering("list_runs", {}, lambda _: {"no": 1 // 0})


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_every_field_of_every_schema_is_explained(path: Path) -> None:
    schema = json.loads(path.read_text(encoding="utf-8"))
    assert schema["additionalProperties"] is False
    assert all(field.get("description") for field in schema["properties"].values())
