"""A run's state: grow-only sets of marks, cut into shards of 256 groups each.

Every change is a union, so it can be applied twice, late, in any order or by two invocations at the same time, and the
result is the same. Because the sets only grow, a view assembled from different moments is sound: what it shows as
ready is ready.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

#: Groups in a shard. An update is billed for its whole item, so a run in one item would cost the square of its size.
SHARD_SIZE = 256
#: The number of attempts that a mark can tell apart.
MOST_ATTEMPTS = 100


class Mark(NamedTuple):
    """One attempt of one group; in `claimed` also the number of its taker, from 0."""

    group: int
    attempt: int = 0
    generation: int = 0

    @property
    def shard(self) -> int:
        """Return the index of the mark's shard."""
        return self.group // SHARD_SIZE

    @property
    def number(self) -> int:
        """Return the mark as stored; a small number for first attempts, which nearly all are."""
        return (self.generation * MOST_ATTEMPTS + self.attempt) * SHARD_SIZE + self.group % SHARD_SIZE


def read_mark(shard: int, number: int) -> Mark:
    """Return the mark of a stored number."""
    rest, offset = divmod(number, SHARD_SIZE)
    generation, attempt = divmod(rest, MOST_ATTEMPTS)
    return Mark(shard * SHARD_SIZE + offset, attempt, generation)


#: The names of a shard's sets, as stored.
SETS = ("claimed", "submitted", "succeeded", "failed", "retried", "again", "cancelled")


@dataclass(frozen=True)
class Shard:
    """The marks of 256 groups."""

    index: int
    claimed: frozenset[int] = frozenset()  #: somebody won the right to submit
    submitted: frozenset[int] = frozenset()  #: a job exists
    succeeded: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    retried: frozenset[int] = frozenset()  #: failed, and another attempt may be claimed
    again: frozenset[int] = frozenset()  #: those to repeat unchanged
    cancelled: frozenset[int] = frozenset()  #: failed because we ended it, or because it was never submitted

    def marks(self, name: str) -> set[Mark]:
        """Return one of the sets as marks."""
        return {read_mark(self.index, number) for number in getattr(self, name)}

    @cached_property
    def newest(self) -> Mapping[int, int]:
        """Return the newest attempt of each group that was ever claimed."""
        numbers = self.claimed | self.submitted
        first = self.index * SHARD_SIZE
        newest = {first + number: 0 for number in numbers if 0 <= number < SHARD_SIZE}  # nearly all
        for number in numbers:
            if not 0 <= number < SHARD_SIZE:
                mark = read_mark(self.index, number)
                newest[mark.group] = max(mark.attempt, newest.get(mark.group, 0))
        return newest

    @cached_property
    def done(self) -> frozenset[int]:
        """Return the groups with a successful attempt."""
        return frozenset(self.index * SHARD_SIZE + number % SHARD_SIZE for number in self.succeeded)

    def with_marks(self, **added: Iterable[int]) -> Shard:
        """Return the shard with numbers added to its sets."""
        merged = {name: getattr(self, name) | frozenset(added.get(name, ())) for name in SETS}
        return Shard(self.index, **merged)


@dataclass
class View:
    """A run's shards as an invocation has read them; a missing shard has no marks yet."""

    shards: dict[int, Shard] = field(default_factory=dict)

    def add(self, shard: Shard) -> None:
        """Add a snapshot to what is known: the union, since both were true."""
        known = self.shards.get(shard.index)
        if known is not None:
            shard = shard.with_marks(**{name: getattr(known, name) for name in SETS})
        self.shards[shard.index] = shard

    def has(self, name: str, mark: Mark) -> bool:
        """Return whether a set holds a mark."""
        shard = self.shards.get(mark.shard)
        return shard is not None and mark.number in getattr(shard, name)

    def succeeded(self, group: int) -> bool:
        """Return whether any attempt of a group succeeded."""
        shard = self.shards.get(group // SHARD_SIZE)
        return shard is not None and group in shard.done

    def ended(self, mark: Mark) -> bool:
        """Return whether an attempt has ended, well or not."""
        return self.has("succeeded", mark) or self.has("failed", mark)

    def newest_attempt(self, group: int) -> int | None:
        """Return the newest attempt of a group, or None when it was never claimed."""
        shard = self.shards.get(group // SHARD_SIZE)
        return None if shard is None else shard.newest.get(group)

    def open_claims(self) -> list[Mark]:
        """Return the claims, by their newest generation, that aren't known to have a job."""
        newest: dict[tuple[int, int], Mark] = {}
        for shard in self.shards.values():
            for mark in shard.marks("claimed"):
                number = Mark(mark.group, mark.attempt).number
                if number in shard.submitted or number in shard.failed:
                    continue
                key = (mark.group, mark.attempt)
                newest[key] = max(mark, newest.get(key, mark))
        return sorted(newest.values())

    def in_flight(self) -> list[Mark]:
        """Return the submitted attempts that have not ended."""
        return sorted(
            read_mark(shard.index, number)
            for shard in self.shards.values()
            for number in shard.submitted - shard.succeeded - shard.failed
        )

    def failures(self) -> list[Mark]:
        """Return the attempts that failed for good, whoever ended them."""
        return sorted(
            read_mark(shard.index, number) for shard in self.shards.values() for number in shard.failed - shard.retried
        )

    def accounted(self) -> bool:
        """Return whether every claim is known to have a job or none, and every job has ended."""
        return not self.open_claims() and not self.in_flight()


def by_shard(marks: Iterable[Mark]) -> dict[int, list[Mark]]:
    """Return the marks by their shards, in shard order."""
    shards: dict[int, list[Mark]] = {}
    for mark in sorted(marks):
        shards.setdefault(mark.shard, []).append(mark)
    return shards
