"""Asks storage for runs whose callers haven't: those that EventBridge starts, and plain invocations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from adapters.ports import Clock, ObjectStore
from dag.document import GraphDocument
from dag.places import NO_BUCKETS, NOT_CONFIGURED, asked_of_s3
from dag.stored import PATIENCE, Ask, Shown

#: Of the time that is left: the rest is for the plan and the first jobs.
_SHARE = 1 / 3


@dataclass(frozen=True)
class Listable:
    """The storage that start_run may ask."""

    storage: ObjectStore
    buckets: Sequence[str]  #: or parts of them, `name/prefix`


def asking(document: GraphDocument, request: Mapping[str, Any], listable: Listable | None, clock: Clock) -> Ask:
    """Return what asks storage for a request, once for the same datasets; it says why if it can't be asked at all."""

    @cache
    def ask(names: frozenset[str]) -> Shown | str:
        if not document.run.get("reuse"):
            return NOT_CONFIGURED
        if listable is None:
            return NO_BUCKETS
        places, untold = asked_of_s3(document, sorted(names), request, listable.buckets)
        shown = listable.storage.look(places, min(PATIENCE, clock.left() * _SHARE)) if places else Shown()
        return Shown(shown.seen, {**untold, **shown.untold})

    def asked(names: Collection[str]) -> Shown | str:
        return ask(frozenset(names))

    return asked
