"""What may notice a mutant: tests, and seeds of the simulation."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from tests.simulation.alone import FAULTS, build_alone
from tests.simulation.promises import BrokenPromiseError
from tests.simulation.scenarios import build, build_fair, play
from tests.simulation.warm_scenarios import build_warm, build_warm_fair
from tests.simulation.world import World


@dataclass(frozen=True)
class Check:
    """Something that passes, or notices."""

    name: str
    passes: Callable[[], bool]


def tests(session: pytest.Session) -> list[Check]:
    """Return pytest's tests as checks, to be run in any order."""

    def check(item: pytest.Item) -> Check:
        return Check(item.nodeid, lambda: _passes(item))

    return [check(item) for item in session.items]


def _passes(item: pytest.Item) -> bool:
    item.session._setupstate.teardown_exact(item)  # what other tests left for others of their folders
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        # Of what comes next it asks which folders it is in, and a test's own parent is in all of them.
        reports = runtestprotocol(item, log=False, nextitem=item.parent)  # type: ignore[arg-type]
    return not any(report.failed for report in reports)


def seeds(count: int) -> list[Check]:
    """Return seeds of each kind of simulation as checks: so many, or fewer of the kinds that vary less."""
    kinds: dict[str, tuple[Callable[[int], World], int]] = {
        "any": (build, count),
        "fair": (build_fair, count // 2),
        "warm": (build_warm, count),
        "warm fair": (build_warm_fair, count // 2),
    }
    for fault in FAULTS:
        kinds[fault] = (_alone(fault), count // 12)
    return [_played(name, kind, seed) for name, (kind, most) in kinds.items() for seed in range(most)]


def _alone(fault: str) -> Callable[[int], World]:
    return lambda seed: build_alone(fault, seed)


def _played(name: str, kind: Callable[[int], World], seed: int) -> Check:
    def passes() -> bool:
        try:
            play(seed, kind)
        except NotImplementedError:  # the simulated DynamoDB has no word for a condition that is broken
            return True
        except (Exception, BrokenPromiseError):
            return False
        return True

    return Check(f"{name}, seed {seed}", passes)
