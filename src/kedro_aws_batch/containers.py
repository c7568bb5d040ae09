"""The containers of a run, and what ran in each: one group of nodes, or several where containers carry on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .client import GroupState, RunState


@dataclass(frozen=True)
class Times:
    """When something began and ended, in milliseconds since the epoch; what goes on lasts until the state was read."""

    start: int
    end: int

    @property
    def seconds(self) -> float:
        """Return how long it is. Since clocks differ, what would end before it began is empty."""
        return max(0, self.end - self.start) / 1000


@dataclass(frozen=True)
class Stay:
    """An attempt of a group in its container."""

    group: GroupState
    #: Its parts: after a reclaimed host it began once more.
    parts: tuple[Times, ...] = ()
    #: What it asked for itself.
    resources: Mapping[str, Any] = field(default_factory=dict)
    #: When its job was submitted or, if it was carried, when its container got it.
    submitted_at: int | None = None
    job_id: str | None = None
    #: What describe_run tells of its container; None if containers don't carry on.
    container: Mapping[str, Any] | None = None

    @property
    def carried(self) -> bool:
        """Whether the container had run other groups before."""
        return bool((self.container or {}).get("carried"))

    @property
    def seconds(self) -> float:
        """Return how long it ran, in all its parts."""
        return sum(part.seconds for part in self.parts)


@dataclass(frozen=True)
class JobContainer:
    """A job's container, with what ran in it, in order."""

    job_id: str | None
    stays: tuple[Stay, ...]
    #: Batch's attempts of the job. Each is a new container, strictly speaking, which carries on with the last group.
    tries: tuple[Times, ...]
    #: What its job asked for.
    resources: Mapping[str, Any]
    #: Whether it has asked for a next group.
    asked: bool = False
    #: Whether it has ended.
    ended: bool = False
    #: Until when it waits for a next group.
    waits_until: int | None = None

    @property
    def first(self) -> Stay:
        """Return what its job was submitted for."""
        return self.stays[0]

    @property
    def start_seconds(self) -> float | None:
        """Return how long it took to start; None if it never did, or Batch repeated it."""
        submitted = None if self.first.carried else self.first.submitted_at
        if submitted is None or len(self.tries) != 1:
            return None
        return Times(submitted, self.tries[0].start).seconds

    @property
    def idle_seconds(self) -> float:
        """Return how long it ran no group: it loaded the project's image, asked for the next group, or waited."""
        return max(0.0, sum(one.seconds for one in self.tries) - sum(stay.seconds for stay in self.stays))


def containers_of(state: RunState) -> list[JobContainer]:
    """Return a run's containers, first to start first, those that never started last."""
    found: dict[object, list[Stay]] = defaultdict(list)
    for group in state.groups:
        for number, stay in enumerate(_stays(group, state.now)):
            is_told = stay.container is not None and stay.job_id is not None
            found[stay.job_id if is_told else (group.index, number)].append(stay)
    containers = [_container(stays, state.now) for stays in found.values()]
    return sorted(containers, key=lambda one: one.tries[0].start if one.tries else float("inf"))


def container_numbers(state: RunState) -> dict[int, int]:
    """Return the number of each group's container, from 1 in the order in which they began; none if none carried on.

    Groups with the same number shared a container. Those whose container hasn't begun have none.
    """
    if not any(group.carried for group in state.groups):
        return {}
    begun = [one for one in containers_of(state) if one.tries]
    found = {(stay.group.index, one.job_id): number for number, one in enumerate(begun, 1) for stay in one.stays}
    return {
        group.index: number for group in state.groups if (number := found.get((group.index, group.job_id))) is not None
    }


def neighbours(state: RunState, group: GroupState) -> list[str]:
    """Return, for each container that ran a group beside others, after and before which."""
    if not any(each.carried for each in state.groups):
        return []
    begun = [one for one in containers_of(state) if one.tries]
    return [
        told
        for number, one in enumerate(begun, 1)
        for place, stay in enumerate(one.stays)
        if stay.group is group and (told := _between(one.stays, place, f"container {number}"))
    ]


def _between(stays: Sequence[Stay], place: int, container: str) -> str:
    names = [f"'{', '.join(stay.group.labels)}'" for stay in stays]
    around = [f"after {names[place - 1]}"] if place else []
    around += [f"before {names[place + 1]}"] if place + 1 < len(names) else []
    return f"{names[place]} ran in {container}, {' and '.join(around)}." if around else ""


def _stays(group: GroupState, now: int | None) -> Iterator[Stay]:
    """Yield the attempts of a group that have a job."""
    for job in group.earlier:
        yield _stay(group, job, job.get("ended_at"))
    if group.submitted_at is not None or group.started_at is not None:
        running = group.status == "RUNNING" and now is not None
        yield _stay(group, vars(group), now if running else group.ended_at)


def _stay(group: GroupState, told: Mapping[str, Any], until: int | None) -> Stay:
    """Return a group's last attempt or an earlier one, of which describe_run tells the same."""
    begun = told.get("started_at")
    last = () if begun is None or until is None else (Times(begun, until),)
    return Stay(
        group=group,
        parts=(*_times(told.get("batch_attempts")), *last),
        resources=told.get("resources") or {},
        submitted_at=told.get("submitted_at"),
        job_id=told.get("job_id"),
        container=told.get("container"),
    )


def _container(found: Sequence[Stay], now: int | None) -> JobContainer:
    """Return a container of these stays."""
    never = float("inf")
    stays = tuple(sorted(found, key=lambda stay: (stay.carried, stay.parts[0].start if stay.parts else never)))
    first, about = stays[0], stays[0].container
    if about is None:
        return JobContainer(job_id=first.job_id, stays=stays, tries=first.parts, resources=first.resources)
    return JobContainer(
        job_id=first.job_id,
        stays=stays,
        tries=(*_times(about.get("batch_attempts")), *_last_try(about, stays, now)),
        resources=about.get("resources") or {},
        asked=bool(about.get("asked")),
        ended=about.get("ended_at") is not None,
        waits_until=about.get("waits_until"),
    )


def _last_try(about: Mapping[str, Any], stays: Sequence[Stay], now: int | None) -> tuple[Times, ...]:
    """Return the times of a container's last attempt. If Batch no longer tells them, its groups do."""
    begun, ended = about.get("started_at"), about.get("ended_at")
    until = ended if ended is not None or begun is None else now
    parts = [stay.parts[-1] for stay in stays if stay.parts]
    if begun is None:
        begun = min((part.start for part in parts), default=None)
    if until is None:
        until = max((part.end for part in parts), default=None)
    return () if begun is None or until is None else (Times(begun, until),)


def _times(spans: Sequence[Mapping[str, int]] | None) -> tuple[Times, ...]:
    return tuple(Times(one["started_at"], one["ended_at"]) for one in spans or ())
