"""Reads the runs before a run, for what it may reuse of them. Nothing is kept for that: their own records tell."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from adapters.ports import Page
from dag.document import GraphDocument
from dag.jobs import run_moment
from dag.plan import AtWork, Plan
from dag.records import MOST_LISTED, Outcome, Run
from dag.resume import done_before
from dag.reuse import History, Past
from dag.rivals import NEVER, Rival
from runs.advance import RESERVE, Dispatcher
from runs.reading import read_active, read_all, read_outcomes

#: Runs whose plans are read for a run at most.
MOST_PASTS = 10
#: How long jobs may go on, in ms, after their run has ended: Batch kills a job 30 s after it was terminated.
_ENDING = 900_000


def read_history(dispatcher: Dispatcher, document: GraphDocument) -> History:
    """Return the runs of a project. They are read when they are asked for, newest first, while there is time."""
    reader = _Reader(dispatcher, document.project, document.environment)
    return History(reader.pasts, reader.rivals)


@dataclass
class _Reader:
    dispatcher: Dispatcher
    project: str
    environment: str

    def pasts(self) -> Iterator[Past]:
        """Yield the runs in the same environment that are over, and whose jobs have all ended."""
        table, looked = self.dispatcher.ports.table, 0
        for run in self._runs:
            if run.environment != self.environment or not run.over:
                continue
            if looked == MOST_PASTS or self._is_late():
                return
            looked += 1
            view = read_all(table, run.run_id)
            if view.accounted():
                plan = self.dispatcher.plan(run.run_id)
                yield Past(plan, run.request, done_before(plan, view), spans_of_done(plan, self._outcomes(plan)))

    def rivals(self, span: AtWork, but: str | None) -> Sequence[Rival]:
        """Return the runs, but for one, of which jobs may have been at work within a span, newest first.

        Those count that began since, and of all others the newest hundred, and those that aren't settled.
        """
        found = self._near(self._runs, span, but)
        page, known = self._newest, {run.run_id for run in self._runs}
        while page.next is not None and run_moment(page.next) >= span.began:
            page = self.dispatcher.ports.table.listings(page.next, MOST_LISTED)
            if self._is_late():
                return [*found, *(Rival(run_id, None, None) for run_id in page.run_ids[:1])]
            found += self._near(self._read({*page.run_ids} - known), span, but)
        return found

    def _near(self, runs: Sequence[Run], span: AtWork, but: str | None) -> list[Rival]:
        """Return those of some runs of which jobs may have been at work within a span."""
        began, ended = span
        near = [run for run in runs if run_moment(run.run_id) <= ended and _may_reach(run, began)]
        return [self._rival(run) for run in near if run.run_id != but]

    def _rival(self, run: Run) -> Rival:
        if self._is_late():
            return Rival(run.run_id, None, None)
        plan = self.dispatcher.plan(run.run_id)
        nodes = {
            name: signature
            for group in plan.groups
            for name, signature in zip(group.nodes, group.signatures, strict=True)
        }
        if not run.over or not read_all(self.dispatcher.ports.table, run.run_id).accounted():
            return Rival(run.run_id, nodes, None)
        spans: dict[str, list[AtWork]] = {}
        for outcome in self._outcomes(plan):
            if span := whole_span(outcome):
                for name in plan.groups[outcome.mark.group].nodes:
                    spans.setdefault(name, []).append(span)
        return Rival(run.run_id, nodes, spans)

    def _outcomes(self, plan: Plan) -> list[Outcome]:
        return read_outcomes(self.dispatcher.ports.table, plan.run_id, 0, len(plan.groups) - 1)

    @cached_property
    def _newest(self) -> Page:
        return self.dispatcher.ports.table.listings(None, MOST_LISTED)

    @cached_property
    def _runs(self) -> list[Run]:
        """Return the newest runs of the project, and all that aren't settled."""
        return self._read({*self._newest.run_ids, *read_active(self.dispatcher.ports.table)})

    def _read(self, run_ids: Collection[str]) -> list[Run]:
        """Return those of these runs that are the project's, newest first."""
        known, table = sorted(run_ids, reverse=True), self.dispatcher.ports.table
        runs = [
            run
            for start in range(0, len(known), MOST_LISTED)
            for run in table.get_runs(known[start : start + MOST_LISTED])
        ]
        return sorted((run for run in runs if run.project == self.project), key=lambda run: run.run_id, reverse=True)

    def _is_late(self) -> bool:
        return self.dispatcher.ports.clock.left() < RESERVE


def _may_reach(run: Run, began: int) -> bool:
    """Return whether jobs of a run may have been at work at a moment, or later."""
    return run.ended_at is None or run.ended_at + _ENDING >= began


def spans_of_done(plan: Plan, outcomes: Sequence[Outcome]) -> dict[str, AtWork]:
    """Return when the nodes of a run were at work that have succeeded; of split ones if all slices are the run's."""
    found: dict[str, dict[int, AtWork]] = {}
    for outcome in outcomes:
        if outcome.succeeded and outcome.started_at is not None and outcome.ended_at is not None:
            for name in plan.groups[outcome.mark.group].nodes:
                span = AtWork(outcome.started_at, outcome.ended_at)
                found.setdefault(name, {})[outcome.mark.group] = span
    widths = {name: group.part.into for group in plan.groups if group.part for name in group.nodes}
    return {
        name: AtWork(min(one.began for one in spans.values()), max(one.ended for one in spans.values()))
        for name, spans in found.items()
        if len(spans) == widths.get(name, 1)
    }


def last_ends(dispatcher: Dispatcher, run_id: str) -> dict[str, int]:
    """Return when the last job of each node of a run had ended, in ms since the epoch; `NEVER` if nobody knows."""
    plan, ends = dispatcher.plan(run_id), dict[int, list[int]]()
    for outcome in read_outcomes(dispatcher.ports.table, run_id, 0, len(plan.groups) - 1):
        if span := whole_span(outcome):
            ends.setdefault(outcome.mark.group, []).append(span.ended)
    found: dict[str, int] = {}
    for index, group in enumerate(plan.groups):
        for name in group.nodes:
            found[name] = max(found.get(name, 0), *ends.get(index, [NEVER]))
    return found


def whole_span(outcome: Outcome) -> AtWork | None:
    """Return when an attempt may have been at work, with Batch's own earlier attempts; None if it never began.

    Of a job that Batch has forgotten nobody knows when it was.
    """
    if outcome.started_at is None and outcome.ended_at is None and outcome.job_id is not None:
        return AtWork(0, NEVER)
    earlier = outcome.earlier_times or ()
    began = [one for one in (*earlier[:1], outcome.started_at) if one is not None]
    if began and len(earlier) // 2 < outcome.tries - 1:  # of one of them no times are known
        began.append(outcome.created_at or 0)
    return AtWork(min(began), NEVER if outcome.ended_at is None else outcome.ended_at) if began else None
