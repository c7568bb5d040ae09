"""How long groups take, learned from earlier runs of the same nodes, to find the longest path."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from .plan import Plan
from .records import Outcome
from .slices import Slice

#: Weight of the newest run in the average.
_NEWEST = 0.4


def duration_key(signatures: Sequence[str], part: Slice | None = None) -> str:
    """Return the key of a group: its nodes' signatures, and the number of their slices."""
    width = [f"/{part.into}"] if part else []
    return hashlib.sha256(" ".join([*signatures, *width]).encode()).hexdigest()[:12]


def with_durations(plan: Plan, known: Mapping[str, float]) -> Plan:
    """Return the plan with the known durations of its groups."""
    groups = (replace(group, seconds=known.get(duration_key(group.signatures, group.part))) for group in plan.groups)
    return replace(plan, groups=tuple(groups)) if known else plan


def learn(known: Mapping[str, float], plan: Plan, outcomes: Iterable[Outcome]) -> dict[str, float]:
    """Return the durations in seconds, with a run's averaged in; failed attempts don't count.

    The slices of a node count as one, by their mean.
    """
    took: dict[str, list[float]] = {}
    for outcome in outcomes:
        if not outcome.succeeded or outcome.started_at is None or outcome.ended_at is None:
            continue
        seconds = max(0.0, (outcome.ended_at - outcome.started_at) / 1000)
        group = plan.groups[outcome.mark.group]
        took.setdefault(duration_key(group.signatures, group.part), []).append(seconds)
    learned = dict(known)
    for name, times in took.items():
        seconds = sum(times) / len(times)
        before = known.get(name, seconds)
        learned[name] = round(before + _NEWEST * (seconds - before), 2)
    return learned


def dump_durations(durations: Mapping[str, float], most: int) -> bytes:
    """Return the durations as compressed JSON of at most so many bytes; the shortest are left out if necessary."""
    longest_first = sorted(durations.items(), key=lambda item: -item[1])
    while True:
        packed = zlib.compress(json.dumps(dict(longest_first), separators=(",", ":")).encode())
        if len(packed) <= most:
            return packed
        longest_first = longest_first[: len(longest_first) * 3 // 4]


def load_durations(packed: bytes | None) -> dict[str, float]:
    """Return the durations from `dump_durations`; none if nothing was learned yet."""
    return dict(json.loads(zlib.decompress(packed))) if packed else {}
