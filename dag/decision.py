"""The next step, derived from a run's shards. Nothing here remembers anything."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from .plan import Plan
from .shards import Mark, View
from .status import GroupStatus, RunStatus


@dataclass(frozen=True)
class Wait:
    """Nothing to do until a job ends."""


@dataclass(frozen=True)
class Submit:
    """Attempts that may be claimed and submitted, most urgent first."""

    frontier: list[Mark]


@dataclass(frozen=True)
class End:
    """The run is over."""

    status: RunStatus


Decision = Wait | Submit | End


def frontier(plan: Plan, view: View, candidates: Iterable[int]) -> list[Mark]:
    """Return the candidates that may be submitted now, in the order in which Batch would start a share's jobs.

    That is longest remaining path first, except for groups with a priority of their own.
    Derived from what has succeeded, never counted, so that an event delivered twice or late changes nothing.
    """
    ready = []
    for group in candidates:
        attempt = next_attempt(plan, view, group)
        if attempt is not None and all(view.succeeded(parent) for parent in plan.groups[group].parents):
            ready.append(Mark(group, attempt))
    return sorted(ready, key=lambda mark: (-plan.urgency[mark.group], -plan.remaining[mark.group], mark))


def next_attempt(plan: Plan, view: View, group: int) -> int | None:
    """Return a group's next unclaimed attempt, if the group's own past allows one."""
    newest = view.newest_attempt(group)
    if newest is None:
        return 0
    mark = Mark(group, newest)
    if not view.has("retried", mark) or view.succeeded(group):
        return None
    return plan.as_before(newest) if view.has("again", mark) else plan.with_more_memory(newest)


def decide(plan: Plan, view: View, candidates: Collection[int], failed: bool) -> Decision:
    """Return what a running run needs next.

    `failed` says that a group has failed for good. Then the view must hold all shards, since the sinks alone don't show
    the end of such a run. Otherwise the view must hold the shards of the candidates and of their parents,
    and those of the sinks if the run may be over.
    """
    on_failure = plan.settings.on_failure
    if failed and on_failure.terminates:
        return End(RunStatus.FAILED)
    if not failed and all(view.succeeded(sink) for sink in plan.sinks):
        return End(RunStatus.SUCCEEDED)
    if not (failed and on_failure.stops_submitting) and (ready := frontier(plan, view, candidates)):
        return Submit(ready)
    if failed and view.accounted():
        return End(RunStatus.FAILED)
    return Wait()


def candidates_after(plan: Plan, ended: Iterable[Mark]) -> set[int]:
    """Return the groups that these attempts' ends may have made ready: their children, and themselves again."""
    groups = {mark.group for mark in ended}
    return groups.union(*(plan.children[group] for group in groups))


def shards_to_read(plan: Plan, candidates: Iterable[int]) -> set[int]:
    """Return the shards that show whether the candidates are ready: theirs and their parents'."""
    wanted = set()
    for group in candidates:
        wanted.add(Mark(group).shard)
        wanted.update(Mark(parent).shard for parent in plan.groups[group].parents)
    return wanted


def group_status(view: View, group: int, run: RunStatus, running: bool = False) -> GroupStatus:
    """Return a group's status; `running` says that Batch calls its newest attempt's job RUNNING."""
    if view.succeeded(group):
        return GroupStatus.SUCCEEDED
    newest = view.newest_attempt(group)
    over = run is not RunStatus.RUNNING
    if newest is None:
        return GroupStatus.SKIPPED if over else GroupStatus.WAITING
    mark = Mark(group, newest)
    if view.has("retried", mark):
        return _before_another_attempt(view, mark, over)
    if view.has("cancelled", mark):
        return GroupStatus.CANCELLED if view.has("submitted", mark) else GroupStatus.SKIPPED
    if view.has("failed", mark):
        return GroupStatus.FAILED
    return GroupStatus.RUNNING if running else GroupStatus.SUBMITTED


def _before_another_attempt(view: View, mark: Mark, over: bool) -> GroupStatus:
    """Return the status of a group whose next attempt is unclaimed, or stays so once the run is over."""
    if not over:
        return GroupStatus.WAITING
    return GroupStatus.CANCELLED if view.has("again", mark) else GroupStatus.FAILED


def counts(plan: Plan, view: View, run: RunStatus, running: Collection[int] = ()) -> dict[str, int]:
    """Return how many groups have each status, including statuses that none has."""
    found = dict.fromkeys((status.value for status in GroupStatus), 0)
    for group in range(len(plan.groups)):
        found[group_status(view, group, run, group in running).value] += 1
    return found
