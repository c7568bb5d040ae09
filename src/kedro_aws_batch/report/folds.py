"""Which jobs of a run are drawn as one: a node's slices always, and namespaces and steps where jobs are many."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, Union

from kedro_aws_batch.wording import one_line

from .rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

#: Jobs and split nodes that are drawn one by one. More of them fold.
MOST = 60
#: Steps fold so that each fold has about this part of their jobs.
PART = 12


@dataclass(frozen=True)
class Fold:
    """Several jobs that are drawn as one until somebody unfolds them."""

    kind: Literal["slices", "namespace", "steps"]
    #: Tells it from all others, and stays the same during the run.
    key: str
    label: str
    #: The namespace of all that is inside, part by part: labels there need not repeat it.
    namespace: tuple[str, ...]
    inside: tuple[Item, ...]

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Return the jobs inside, by their numbers."""
        found = [row for item in self.inside for row in rows_of(item)]
        return tuple(sorted(found, key=lambda row: row.group.index))


Item: TypeAlias = Union[Row, Fold]  # noqa: UP007  (Python 3.10 evaluates it, where Fold is a class)
Key = TypeVar("Key", int, str)


def rows_of(item: Item) -> tuple[Row, ...]:
    """Return the jobs of an item."""
    return item.rows if isinstance(item, Fold) else (item,)


def leaves(item: Item) -> Iterator[Item]:
    """Yield the jobs and split nodes of an item, without the folds around them."""
    if isinstance(item, Row) or item.kind == "slices":
        yield item
    else:
        for one in item.inside:
            yield from leaves(one)


def fold_jobs(rows: Iterable[Row]) -> tuple[Item, ...]:
    """Return a run's jobs, folded: at most `MOST` items beside each other, or any number of the same step.

    Namespaces fold. Jobs outside of them fold by steps: how many jobs lead to one, along the longest path.
    """
    found = {row.group.index: row for row in sorted(rows, key=lambda row: row.group.index)}
    parents = {index: {one for one in row.group.parents if one in found} for index, row in found.items()}
    return _Folding(layers(parents)).inside(_split(found.values()), (), "")


def layers(parents: Mapping[Key, Set[Key]]) -> dict[Key, int]:
    """Return how many lead to each, along the longest path.

    Of some that wait for each other, the first counts as ready.
    """
    left = {one: set(before) for one, before in parents.items()}
    after: dict[Key, list[Key]] = {one: [] for one in parents}
    for one, before in left.items():
        for other in before:
            after[other].append(one)
    found: dict[Key, int] = {}
    ready = deque(one for one, before in left.items() if not before)
    in_order = iter(parents)
    while len(found) < len(parents):
        one = ready.popleft() if ready else next(one for one in in_order if one not in found)
        if one in found:
            continue
        found[one] = 1 + max((found[other] for other in parents[one] if other in found), default=-1)
        for other in after[one]:
            left[other].discard(one)
            if not left[other]:
                ready.append(other)
    return found


def namespace_of(items: Iterable[Item]) -> tuple[str, ...]:
    """Return the namespace that all nodes of some items share, part by part."""
    nodes = (node for item in items for row in rows_of(item) for node in row.group.nodes)
    parts = zip(*(one_line(node).split(".")[:-1] for node in nodes), strict=False)  # as far as the shortest goes
    return tuple(same[0] for same in takewhile(_alike, parts))


@dataclass(frozen=True)
class _Folding:
    """Folds jobs whose steps are known by their numbers."""

    steps: Mapping[int, int]

    def inside(self, items: Sequence[Item], around: tuple[str, ...], key: str) -> tuple[Item, ...]:
        """Return the items of a fold, which itself has the namespace `around` and a key; folded, if they are many."""
        if len(items) <= MOST:
            return tuple(items)
        depth = len(namespace_of(items))
        named: dict[str, list[Item]] = {}
        loose: list[Item] = []
        for item in items:
            path = namespace_of([item])
            (named.setdefault(path[depth], []) if len(path) > depth else loose).append(item)
        if not named or len(named) > MOST:
            return self._by_steps(items, around, key)
        spaces = [self._space(found, around, key) for found in named.values()]
        many = len(spaces) + len(loose) > MOST
        return (*spaces, *(self._by_steps(loose, around, key) if many else loose))

    def _space(self, items: Sequence[Item], around: tuple[str, ...], key: str) -> Item:
        """Return the fold of a namespace, or its one item."""
        if len(items) == 1:
            return items[0]
        whole = namespace_of(items)
        label = ".".join(whole[len(around) :])
        own = f"{key}/{label}"
        inside = self.inside(items, whole, own)
        return Fold(kind="namespace", key=own, label=label, namespace=whole, inside=inside)

    def _by_steps(self, items: Sequence[Item], around: tuple[str, ...], key: str) -> tuple[Item, ...]:
        """Return folds of successive steps, or the items if they are of one step."""
        by_step: dict[int, list[Item]] = {}
        for item in items:
            by_step.setdefault(min(self.steps[row.group.index] for row in rows_of(item)), []).append(item)
        if len(by_step) == 1:
            return tuple(items)
        ranges: list[list[int]] = []
        size = 0
        for step in sorted(by_step):
            size += len(by_step[step])
            if not ranges or size > len(items) / PART:
                ranges.append([])
                size = len(by_step[step])
            ranges[-1].append(step)
        return tuple(self._range(one, [each for step in one for each in by_step[step]], around, key) for one in ranges)

    def _range(self, steps: Sequence[int], items: Sequence[Item], around: tuple[str, ...], key: str) -> Item:
        if len(items) == 1:
            return items[0]
        first, last = steps[0] + 1, steps[-1] + 1
        label = f"step {first}" if first == last else f"steps {first}–{last}"
        own = f"{key}/{label}"
        inside = self.inside(items, around, own)
        return Fold(kind="steps", key=own, label=label, namespace=around, inside=inside)


def _split(rows: Iterable[Row]) -> list[Item]:
    """Return jobs, and the slices of each split node as one."""
    slices: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        slices.setdefault(row.group.nodes if row.group.slice else ("", str(row.group.index)), []).append(row)
    return [_slices(found) if found[0].group.slice else found[0] for found in slices.values()]


def _slices(rows: Sequence[Row]) -> Fold:
    nodes = rows[0].group.nodes
    more = f" +{len(nodes) - 1}" if len(nodes) > 1 else ""
    return Fold(
        kind="slices",
        key=f"slices of {', '.join(nodes)}",
        label=f"{one_line(nodes[0])}{more}",
        namespace=namespace_of(rows),
        inside=tuple(rows),
    )


def _alike(parts: Sequence[str]) -> bool:
    return len(set(parts)) == 1
