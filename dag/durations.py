"""How long groups take, and containers to start, learned from earlier runs of the same nodes."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from .plan import Plan, start_key
from .records import Outcome
from .slices import Slice

#: Weight of the newest run in the average.
_NEWEST = 0.4
#: Begins the keys of containers' starts.
_START = "start "


def durations_of(project: str) -> str:
    """Return the key in the run table under which a project's durations lie, one item for each environment."""
    return f"durations#{project}"


def duration_key(signatures: Sequence[str], part: Slice | None = None) -> str:
    """Return the key of a group: its nodes' signatures, and the number of their slices."""
    width = [f"/{part.into}"] if part else []
    return hashlib.sha256(" ".join([*signatures, *width]).encode()).hexdigest()[:12]


def with_durations(plan: Plan, known: Mapping[str, float]) -> Plan:
    """Return the plan with the known durations of its groups, and of its containers' starts."""
    if not known:
        return plan
    groups = (replace(group, seconds=known.get(duration_key(group.signatures, group.part))) for group in plan.groups)
    starts = {name.removeprefix(_START): seconds for name, seconds in known.items() if name.startswith(_START)}
    return replace(plan, groups=tuple(groups), starts=starts)


def learn(known: Mapping[str, float], plan: Plan, outcomes: Iterable[Outcome]) -> dict[str, float]:
    """Return the durations in seconds, with a run's averaged in; failed attempts don't count.

    The slices of a node count as one, by their mean. Of the starts of a queue's containers with one definition, a
    quarter were quicker than what counts: the others may have waited for a host.
    """
    took: dict[str, list[float]] = {}
    starts: dict[str, list[float]] = {}
    for outcome in outcomes:
        if (waited := outcome.start_seconds) is not None:
            starts.setdefault(_START + start_key(plan.groups[outcome.mark.group].resources), []).append(waited)
        if not outcome.succeeded or outcome.started_at is None or outcome.ended_at is None:
            continue
        seconds = max(0.0, (outcome.ended_at - outcome.started_at) / 1000)
        group = plan.groups[outcome.mark.group]
        took.setdefault(duration_key(group.signatures, group.part), []).append(seconds)
    learned = dict(known)
    means = {name: sum(times) / len(times) for name, times in took.items()}
    quick = {name: sorted(times)[len(times) // 4] for name, times in starts.items()}
    for name, seconds in {**means, **quick}.items():
        before = known.get(name, seconds)
        learned[name] = round(before + _NEWEST * (seconds - before), 2)
    return learned


def dump_durations(durations: Mapping[str, float], most: int) -> bytes:
    """Return the durations as compressed JSON of at most so many bytes; the shortest are left out if necessary."""
    longest_first = sorted(durations.items(), key=lambda item: (not item[0].startswith(_START), -item[1]))
    while True:
        packed = zlib.compress(json.dumps(dict(longest_first), separators=(",", ":")).encode())
        if len(packed) <= most:
            return packed
        longest_first = longest_first[: len(longest_first) * 3 // 4]


def load_durations(packed: bytes | None) -> dict[str, float]:
    """Return the durations from `dump_durations`; none if nothing was learned yet."""
    return dict(json.loads(zlib.decompress(packed))) if packed else {}
