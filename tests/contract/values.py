"""Runs, jobs and outcomes as the handlers write them, and code to read page by page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from adapters.ports import Page
from dag.records import Job, Outcome, Run
from dag.shards import Mark

RUN_ID = "2026-11-22T13.11.00.123Z"
OTHER_RUN_ID = "2026-11-22T13.11.00.124Z"
#: s since the epoch, as `expires_at` is.
LATER = 1_900_000_000
#: An implementation's way to refuse what DynamoDB would: its error, or an assertion for the one in memory.
REFUSED = (ClientError, AssertionError)

T = TypeVar("T")
K = TypeVar("K")


def a_run(run_id: str = RUN_ID, **changes: Any) -> Run:
    """Return a run that has just begun."""
    run = Run(
        run_id=run_id,
        project="spaceflights",
        environment="aws_batch",
        pipelines=("__default__",),
        request={},
        request_digest="89ab",
        graph_digest="sha256:0123",
        plan_digest="4567",
        idempotency_key="given:1",
        on_failure="abort",
        groups_total=3,
        nodes_total=7,
        created_at=1_795_000_000_000,
        expires_at=LATER,
    )
    return replace(run, **changes)


def a_job(group: int, attempt: int = 0) -> Job:
    """Return the record of a submitted job."""
    return Job(Mark(group, attempt), f"id-{group}-{attempt}", f"spaceflights--{group}-{attempt}", 1_795_000_000_000)


def an_outcome(group: int, attempt: int = 0, **changes: Any) -> Outcome:
    """Return how an attempt ended well."""
    return replace(Outcome(Mark(group, attempt), succeeded=True, job_id=f"id-{group}-{attempt}"), **changes)


def every_page(read: Callable[[K | None], tuple[list[T], K | None]]) -> list[T]:
    """Return the contents of all pages, in order."""
    found, more = read(None)
    while more is not None:
        page, more = read(more)
        found += page
    return found


def every_run_id(read: Callable[[str | None], Page]) -> list[str]:
    """Return the contents of all pages of a list, in order."""

    def pair(start: str | None) -> tuple[list[str], str | None]:
        page = read(start)
        return page.run_ids, page.next

    return every_page(pair)
