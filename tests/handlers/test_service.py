"""How the functions are connected to AWS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from adapters.ports import Unknown
from dag import variables
from dag.document import DOCUMENT_FILE, read_document
from handlers import service
from tests.adapters.batch import SUBMISSION, Wire, error
from tests.handlers.play import Context

if TYPE_CHECKING:
    from collections.abc import Iterator

GRAPH = Path(__file__).parents[1] / "golden/graph_document.json"


@pytest.fixture(autouse=True)
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    variables = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "RUN_TABLE": "runs",
        "EVENT_BUS": "default",
        "EVENTS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/1/events",
        "RUN_RETENTION_DAYS": "90",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    service._made.cache_clear()
    yield
    service._made.cache_clear()


def test_a_submission_without_an_answer_is_never_repeated_by_the_client() -> None:
    context: Any = Context()  # frozen, which the Protocol does not ask for
    queue = service.dispatcher(context).ports.queue
    wire = Wire(error("ServerException", 500))
    for repeats in (True, False):
        wire.answer(service._made("batch", repeats))
    assert queue.submit([SUBMISSION]) == [Unknown()]
    assert len(wire.requests) == 1


def test_reading_is_repeated_and_no_call_outlives_its_invocation() -> None:
    reading, submitting = (service._made("batch", repeats).meta.config for repeats in (True, False))
    assert [one.retries["total_max_attempts"] for one in (reading, submitting)] == [5, 1]
    assert {(one.connect_timeout, one.read_timeout) for one in (reading, submitting)} == {(5, 10)}


def test_the_graph_is_the_one_beside_the_functions_unless_another_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in (("JOB_QUEUES", "one, ,two,"), ("JOB_DEFINITIONS", "run"), ("NEXT_GROUP", "next")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REUSE_BUCKETS", "")
    monkeypatch.setenv(variables.REGION, "eu-west-1")
    monkeypatch.delenv(variables.GRAPH_DOCUMENT, raising=False)
    monkeypatch.setattr(service, "__file__", str(tmp_path / "handlers" / "service.py"))
    text = GRAPH.read_bytes()
    (tmp_path / DOCUMENT_FILE).write_bytes(text)
    found = service.source.__wrapped__()
    assert (found.document, found.allowed.job_queues) == (read_document(text), ("one", "two"))
    assert found.listable is None
    (tmp_path / DOCUMENT_FILE).unlink()
    (tmp_path / "named").write_bytes(text)
    monkeypatch.setenv(variables.GRAPH_DOCUMENT, str(tmp_path / "named"))
    monkeypatch.setenv("REUSE_BUCKETS", "flights,shared/raw")
    listing = service.source.__wrapped__()
    assert listing.document == read_document(text)
    assert listing.listable is not None
    assert listing.listable.buckets == ("flights", "shared/raw")
