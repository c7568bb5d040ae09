"""Reads what a run consists of, page by page."""

from __future__ import annotations

from collections.abc import Collection

from adapters.ports import RunTable
from dag.plan import Plan
from dag.records import Array, Job, Outcome
from dag.shards import Mark, View


def read_all(table: RunTable, run_id: str) -> View:
    """Return all shards of a run, page by page; each is consistent, and together they are sound."""
    view = View()
    after: int | None = None
    while True:
        shards, after = table.shards(run_id, after)
        for shard in shards:
            view.add(shard)
        if after is None:
            return view


def read_jobs(table: RunTable, plan: Plan, marks: Collection[Mark]) -> list[Job]:
    """Return the recorded jobs of the given attempts, children of array jobs among them."""
    if not marks:
        return []
    wanted = set(marks)
    found = [job for job in _all_jobs(table, plan.run_id, min(marks).group, max(marks).group) if job.mark in wanted]
    missing = wanted.difference(job.mark for job in found)
    if missing and plan.settings.array_jobs:
        for array in read_arrays(table, plan.run_id):
            found += [job for job in array.children(plan.array_name(array.first)) if job.mark in missing]
    return found


def _all_jobs(table: RunTable, run_id: str, first: int, last: int) -> list[Job]:
    found: list[Job] = []
    after: Mark | None = None
    while True:
        jobs, after = table.jobs(run_id, first, last, after)
        found += jobs
        if after is None:
            return found


def read_outcomes(table: RunTable, run_id: str, first: int, last: int) -> list[Outcome]:
    """Return how the attempts of the groups from first to last ended."""
    found: list[Outcome] = []
    after: Mark | None = None
    while True:
        outcomes, after = table.outcomes(run_id, first, last, after)
        found += outcomes
        if after is None:
            return found


def read_arrays(table: RunTable, run_id: str) -> list[Array]:
    """Return the recorded array jobs of a run."""
    found: list[Array] = []
    after: Mark | None = None
    while True:
        arrays, after = table.arrays(run_id, after)
        found += arrays
        if after is None:
            return found
