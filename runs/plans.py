"""Keeps the unchanging data of the runs that a process has seen."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.ports import RunTable
from dag.errors import UnknownRunError
from dag.plan import Plan, load_plan
from dag.records import Array
from dag.shards import Mark

KEPT_GROUPS = 100_000  # in the plans that a process keeps: 150 MB, with signatures of nodes up to 240 MB


class Plans:
    """The plans and arrays that a process has read. They never change, so a warm function need not read one twice."""

    def __init__(self, most: int = 8, most_groups: int = KEPT_GROUPS) -> None:
        self._most, self._most_groups = most, most_groups
        self._plans: dict[str, Plan] = {}
        self._arrays: dict[str, dict[Mark, Array]] = {}

    def get(self, table: RunTable, run_id: str) -> Plan:
        """Return a run's plan. Raises UnknownRunError."""
        if run_id not in self._plans:
            run = table.get_run(run_id)
            if run is None:
                raise UnknownRunError(f"There is no run '{run_id}' (or the table has forgotten it).")
            self._make_room(run.groups_total)  # first, so that the function's memory never has to hold both
            self._plans[run_id] = load_plan(b"".join(table.get_plan(run_id, run.plan_digest)))
        return self._plans[run_id]

    def _make_room(self, groups: int) -> None:
        """Drop the plans that were read first, until one of so many groups fits."""
        kept = sum(len(plan.groups) for plan in self._plans.values())
        while self._plans and (len(self._plans) >= self._most or kept + groups > self._most_groups):
            oldest = next(iter(self._plans))
            kept -= len(self._plans.pop(oldest).groups)
            self._arrays.pop(oldest, None)

    def array(self, table: RunTable, run_id: str, first: Mark) -> Array | None:
        """Return an array job, recorded before it was submitted; one without an id is read again."""
        known = self._arrays.setdefault(run_id, {})
        if first not in known or known[first].job_id is None:
            array = table.get_array(run_id, first)
            if array is None:
                return None
            known[first] = array
        return known[first]

    def members(self, table: RunTable, run_id: str, first: Mark) -> Sequence[Mark]:
        """Return the attempts of an array job, which don't change, also while its id is not known; none without one."""
        known = self._arrays.get(run_id, {}).get(first) or self.array(table, run_id, first)
        return () if known is None else known.members
