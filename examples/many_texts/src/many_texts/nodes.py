"""Counts words. Nothing here knows of slices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

Counts = dict[str, int]


def count_words(texts: Mapping[str, Callable[[], str]]) -> dict[str, Callable[[], Counts]]:
    """Return each text's words with their numbers; a text is loaded and counted only when its result is saved."""
    return {name: partial(_count, load) for name, load in texts.items()}


def _count(load: Callable[[], str]) -> Counts:
    return dict(sorted(Counter(re.findall(r"\w+", load().lower())).items()))


def summarize(counts: Mapping[str, Callable[[], Counts]]) -> dict[str, object]:
    """Return the sum of all counts: the numbers of texts and words, and the ten commonest words."""
    total: Counter[str] = Counter()
    for load in counts.values():
        total.update(load())
    commonest = sorted(total.items(), key=lambda item: (-item[1], item[0]))[:10]
    return {"texts": len(counts), "words": total.total(), "commonest": dict(commonest)}
