"""The functions on a stage: a run in progress, and a table that takes what DynamoDB takes."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from types import UnionType
from typing import Any, get_args, get_type_hints

import pytest

from dag.request import Allowed
from runs.advance import Dispatcher
from runs.creation import RunSource
from tests.runs.stage import Stage
from tests.silence import Silence
from tests.simulation.graphs import DEFINITION, HOME, QUEUE, document

ANSWERING = ("start_run", "describe_run", "list_runs", "cancel_run", "next_group")
RUN_ID = "2026-11-22T13.11.00.123Z"


@dataclass(frozen=True)
class Context:
    """The parts of Lambda's context that powertools and the functions read."""

    aws_request_id: str = "0123"
    function_name: str = "function"
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:function"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Outspoken(Silence):
    """A log in which an unexpected line fails the test."""

    def exception(self, msg: object, /, **told: Any) -> None:
        raise AssertionError(f"{msg}: {told}") from sys.exc_info()[1]


class Strict:
    """A run table that fails for what DynamoDB would refuse or could not keep."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            for value in (*given, *named.values()):
                kept(value)
            return getattr(self._table, name)(*given, **named)

        return call


#: Kinds of fields that are written as they are.
PLAIN = (str, int, bool, type(None))
#: Fields that the table keeps as JSON, whose numbers may have any size.
AS_TEXT = {"request"}


def kept(value: Any) -> None:
    """Fail for invalid texts, for values of the wrong kind, and for more digits than DynamoDB keeps."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, int):
        assert abs(value) < 10**38
    elif isinstance(value, Mapping):
        kept(list(value.items()))
    elif is_dataclass(value) and not isinstance(value, type):
        of_their_kinds(value)
        kept([getattr(value, each.name) for each in fields(value) if each.name not in AS_TEXT])
    elif isinstance(value, (list, tuple, set, frozenset)):
        for each in value:
            kept(each)


def of_their_kinds(record: Any) -> None:
    for name, kinds in get_type_hints(type(record)).items():
        allowed = get_args(kinds) if isinstance(kinds, UnionType) else (kinds,)
        if all(kind in PLAIN for kind in allowed):
            assert isinstance(getattr(record, name), allowed), name


class Play:
    """The functions on a stage, which has a run in progress."""

    def __init__(self, patch: pytest.MonkeyPatch, **run: Any) -> None:
        self.stage = Stage(document([[], [0]], array_jobs=True, **run))
        self.stage.start()
        source = RunSource(self.stage.document, Allowed([QUEUE], [DEFINITION]), HOME)
        for function in (*ANSWERING, "job_state_change", "reconcile"):
            patch.setattr(f"handlers.{function}.dispatcher", lambda _: self.dispatcher)
        patch.setattr("handlers.start_run.source", lambda: source)
        patch.setattr("handlers.start_run.counts", self.stage)
        patch.setattr("handlers.reconcile.lifetime", lambda: 120_000)

    @property
    def dispatcher(self) -> Dispatcher:
        ports, table = self.stage.dispatcher.ports, Strict(self.stage.table)
        told: Any = {"table": table, "log": Outspoken()}
        return Dispatcher(replace(ports, **told), self.stage._plans)

    def call(self, function: str, event: Any) -> dict[str, Any]:
        """Return a function's answer, as Lambda passes it on."""
        handler = importlib.import_module(f"handlers.{function}").handler
        answer = handler(json.loads(json.dumps(event)), Context())
        json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()
        return dict(answer)
