"""What it saved a run that its containers carried on, by the run's own starts; or why none did."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from .containers import containers_of
from .critical import critical_path
from .wording import counted, money, roughly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .client import RunState
    from .containers import JobContainer, Stay
    from .prices import Prices

#: Seconds, units of money, and the part of the cost, below which a difference isn't worth a word.
_LEAST, _LEAST_MONEY, _PART = 1.0, 0.001, 0.01


def saved(state: RunState, prices: Prices | None = None) -> str:
    """Return how many containers ran how many nodes, and what that saved; empty if none carried on.

    A start is what this run's own containers took. What the nodes would have waited for it counts along the critical
    path, without what they waited for their container instead.
    """
    if not any(group.carried and group.started_at is not None for group in state.groups):
        return ""
    found = [one for one in containers_of(state) if one.tries]
    stays = [stay for one in found for stay in one.stays if stay.parts]
    alone = all(len(stay.group.nodes) == 1 for stay in stays)
    told = f"{counted(len(found), 'container')} ran {counted(len(stays), 'node' if alone else 'group')}"
    whole = state.status == "SUCCEEDED"  # of a part of a run nobody knows what would have come else
    differences = [*_waited(state, found), *_cost(_Bill(found, stays), prices)] if whole else []
    one_each = f"; one a {'node' if alone else 'group'} would have {' and '.join(differences)}" if differences else ""
    return f"{told}{one_each}."


def why_none_carried_on(state: RunState) -> str:
    """Return why no container of a run carried on though they may; empty if one asked, or none can have yet."""
    ended = [one for one in containers_of(state) if one.ended and one.stays[-1].group.status == "SUCCEEDED"]
    if not state.warm_containers or not ended or any(one.asked for one in containers_of(state)):
        return ""
    return (
        "No container asked for another node, so each node waits for one of its own. Their job role may lack "
        "lambda:InvokeFunction on next_group, their subnets a way to Lambda, or their image this version of "
        "kedro-aws-batch."
    )


def _waited(state: RunState, containers: Sequence[JobContainer]) -> list[str]:
    """Return for how much longer the critical path would have waited, if for longer."""
    starts = [one.start_seconds for one in containers if one.start_seconds is not None]
    if not starts:
        return []
    ends = {group.index: group.ended_at for group in state.groups}
    on_path = set(critical_path(state))
    more = 0.0
    for group in state.groups:
        if group.index not in on_path or not group.carried or group.started_at is None:
            continue
        ready = max((end for parent in group.parents if (end := ends.get(parent))), default=state.created_at)
        more += median(starts) - max(0, group.started_at - (ready or group.started_at)) / 1000
    return [f"waited about {roughly(more)} more for starts"] if more >= _LEAST else []


@dataclass(frozen=True)
class _Bill:
    """A run's containers, and what ran in them."""

    containers: Sequence[JobContainer]
    stays: Sequence[Stay]

    @property
    def own_seconds(self) -> float:
        """Return how long a container usually ran before its first group began."""
        begun = [(one.tries[-1].start, one.first.parts[-1].start) for one in self.containers if one.first.parts]
        return median([max(0, first - start) / 1000 for start, first in begun] or [0.0])

    def sums(self, prices: Prices) -> tuple[float, float] | None:
        """Return what the containers cost, and one for each group would have; None if a price isn't known."""
        whole = [prices.container_cost(one) for one in self.containers]
        each = [prices.alone(stay, self.own_seconds) for stay in self.stays]
        known = [cost for cost in (*whole, *each) if cost is not None]
        if len(known) < len(whole) + len(each):
            return None
        return sum(known[: len(whole)]), sum(known[len(whole) :])


def _cost(bill: _Bill, prices: Prices | None) -> list[str]:
    """Return how much more or less one container for each group would have cost, if that is known."""
    currencies = {prices.rates_of(stay.group).currency for stay in bill.stays} if prices else set()
    sums = bill.sums(prices) if prices and len(currencies) == 1 else None
    if sums is None or abs(sums[1] - sums[0]) < max(_LEAST_MONEY, _PART * sums[0]):
        return []
    said = money(abs(sums[1] - sums[0]), currencies.pop())
    return [f"cost about {said} {'more' if sums[1] > sums[0] else 'less'}"]
