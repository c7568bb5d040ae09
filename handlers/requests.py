"""Checks requests against the schemas that users can read, and turns refusals into answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

from dag.errors import DagError, InvalidRequestError, did_you_mean
from handlers.service import logger

Reply = dict[str, Any]


#: How deep a request's fields may be nested.
DEEPEST = 64
#: Characters of a refusal.
LONGEST = 4000
_HALF = re.compile("[\ud800-\udfff]")


@cache
def schema(function: str) -> dict[str, Any]:
    """Return the JSON schema of a function's requests."""
    text = Path(__file__).with_name("schemas").joinpath(f"{function}.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


@cache
def _validator(function: str) -> Callable[[Any], Any]:
    return fastjsonschema.compile(schema(function), use_default=False)


def checked_request(function: str, request: Any) -> dict[str, Any]:
    """Return a request that fits its schema; null fields count as absent. Raises InvalidRequestError."""
    if not isinstance(request, dict):
        raise InvalidRequestError(f"A request of {function} is a JSON object, not {type(request).__name__}.")
    _refuse_no_text(function, request)
    given = {name: value for name, value in request.items() if value is not None}
    known = schema(function)["properties"]
    for name in given:
        if name not in known:
            raise InvalidRequestError(
                f"{function} has no field '{name}'.{did_you_mean(name, known)} It takes: {', '.join(known)}."
            )
    try:
        _validator(function)(given)
    except fastjsonschema.JsonSchemaValueException as error:
        what = error.message.removeprefix("data.").removeprefix("data ")
        field = str(error.path[1]) if len(error.path) > 1 else None
        raise InvalidRequestError(f"The request of {function} is wrong: {what}.", field) from error
    return {name: _as_meant(value, known[name]) for name, value in given.items()}


def _as_meant(value: Any, field: dict[str, Any]) -> Any:
    """Return a value as the field's kind of number: for a schema 1.0 is an integer, too."""
    return int(value) if field["type"] == "integer" else value


def _refuse_no_text(function: str, request: dict[str, Any]) -> None:
    """Refuse what JSON can express but a later step can't keep."""
    for name, value in request.items():
        known = name if name in schema(function)["properties"] else None
        left = [(name, 0), (value, 0)]
        while left:
            part, depth = left.pop()
            if isinstance(part, str) and _HALF.search(part):
                raise InvalidRequestError(f"A text in {_field(known)} has half a character (a surrogate).", known)
            inner = [*part, *part.values()] if isinstance(part, dict) else part if isinstance(part, list) else ()
            if inner and depth == DEEPEST:
                raise InvalidRequestError(f"The {_field(known)} is nested more than {DEEPEST} deep.", known)
            left += [(each, depth + 1) for each in inner]


def _field(name: str | None) -> str:
    return f"field '{name}'" if name else "field that the function doesn't have"


def for_the_log(error: DagError) -> dict[str, Any]:
    """Return what a log may say of a refusal: more people read logs than may read a run's parameters."""
    reason = {} if error.quotes_request else {"reason": str(error)}
    return {"error": error.kind, "field": error.field, **reason}


def log_refusal(error: DagError) -> None:
    """Log that a request was refused."""
    logger.info("request refused", **for_the_log(error))


def answering(
    function: str,
    request: Any,
    act: Callable[[dict[str, Any]], Reply],
    refused: Callable[[DagError], None] = log_refusal,
) -> Reply:
    """Return the result of `act` for a request, or the refusal as an answer (docs/contracts.md)."""
    try:
        return act(checked_request(function, request))
    except DagError as error:
        refused(error)
        details = {"details": error.details} if error.details else {}
        return {"error": {"type": error.kind, "message": _short(str(error)), **details}}


def _short(message: str) -> str:
    """Return a refusal, which may quote what was sent, at a length that people read."""
    return message if len(message) <= LONGEST else f"{message[: LONGEST - 1]}…"
